"""Which of several servers to ask first. Pure."""

from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")

Rank = tuple[bool, int]
"""Of a server: whether it is out of order, and how many requests it is at. The smallest is the best."""


def best_first(choices: Sequence[Choice], ranks: Sequence[Rank], turn: int) -> list[Choice]:
    """Ordered by rank. `turn` counts up with every call, so that equals come first in turn."""
    count = len(choices)
    rotated = [(turn + step) % count for step in range(count)]
    return [choices[index] for index in sorted(rotated, key=ranks.__getitem__)]
