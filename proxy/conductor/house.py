"""What every exchange shares: the doors to the world, the table of models, the key of the pseudonyms."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy.engines import (
    Clock,
    Copies,
    Journal,
    Judge,
    PolicyEngine,
    Recogniser,
    TokenCounter,
    UpstreamDoor,
)
from proxy.fingerprints.copies import Copied
from proxy.record import Summary


class Meter(Protocol):
    def observe(self, summary: Summary) -> None:
        """Count one finished exchange. Called once, with everything; must not raise or block."""


class NoIndex:
    """The `Copies` of a house that was given no index: no document is known by its words."""

    async def find(self, texts: Sequence[str]) -> list[tuple[Copied, ...]]:
        return [() for _ in texts]


@dataclass(frozen=True, slots=True)
class Doors:
    policy: PolicyEngine
    recogniser: Recogniser
    judge: Judge
    tokens: TokenCounter
    upstream: UpstreamDoor
    journal: Journal
    clock: Clock
    meter: Meter
    copies: Copies = field(default_factory=NoIndex)


@dataclass(frozen=True, slots=True)
class House:
    doors: Doors
    pseudonym_key: bytes = field(repr=False)
    notice: str
    window_chars: int
    window_s: float = 1.0
    marked: frozenset[str] = frozenset()  # kinds of which no quiet word is a part: see redact.quiet
