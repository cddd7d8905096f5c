"""What every exchange shares: the doors to the world, the table of models, the key of the pseudonyms."""

from dataclasses import dataclass, field
from typing import Protocol

from proxy.engines import (
    Clock,
    Journal,
    Judge,
    PolicyEngine,
    Recogniser,
    TokenCounter,
    UpstreamDoor,
)
from proxy.record import Summary


class Meter(Protocol):
    def observe(self, summary: Summary) -> None:
        """Count one finished exchange. Called once, with everything; must not raise or block."""


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


@dataclass(frozen=True, slots=True)
class House:
    doors: Doors
    pseudonym_key: bytes = field(repr=False)
    notice: str
    window_chars: int
    window_s: float = 1.0
    marked: frozenset[str] = frozenset()  # kinds of which no quiet word is a part: see redact.quiet
