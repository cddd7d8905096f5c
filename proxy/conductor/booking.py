"""What an exchange used, when the upstream never came to tell: counted here, and marked as estimated.

An exchange that is broken off has cost its tokens all the same, and whoever breaks off each one would
otherwise use a model for nothing. What the upstream does tell stands, and is not counted again.
"""

from collections.abc import Sequence
from typing import Final

from proxy.conductor.passage import Passage
from proxy.exchange import Usage

COUNTED_CHARS: Final = 16_384
"""So much of an answer is counted, in about a millisecond, and the rest by the same rate: this is done where
nothing may be awaited any more, for the task may be cancelled again before the record is handed over."""


def booked(passage: Passage, received: Sequence[str]) -> Usage | None:
    """`received`: all text of the answer so far. None when no model server has worked on the exchange."""
    if passage.usage is not None or not passage.reached:
        return passage.usage
    return Usage(passage.counted, _tokens(passage, "".join(received)), estimated=True)


def _tokens(passage: Passage, text: str) -> int:
    counted = text[:COUNTED_CHARS]
    if not counted:
        return 0
    tokens = passage.house.doors.tokens.count(passage.route.model, counted)
    return max(1, tokens * len(text) // len(counted))
