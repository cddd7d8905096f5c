"""Spans: where in a text an entity stands. Overlaps are resolved here, before anything is named."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (exclusive) are an entity of `kind` with a score from 0 to 1."""

    start: int
    end: int
    kind: str
    score: float
