"""Spans: where in a text an entity stands. Overlaps are resolved here, before anything is named."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from proxy.verdict import KindPlan


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (exclusive) are an entity of `kind` with a score from 0 to 1."""

    start: int
    end: int
    kind: str
    score: float


def planned(spans: Iterable[Span], plan: Iterable[KindPlan]) -> list[Span]:
    """The spans whose kind is planned and whose score reaches the plan's.

    Always before `merge`: there an unplanned kind could win over a planned one, and hide it.
    """
    least = {wanted.kind: wanted.score for wanted in plan}
    return [span for span in spans if span.kind in least and span.score >= least[span.kind]]


def merge(spans: Iterable[Span], order: Sequence[str] | None = None) -> tuple[Span, ...]:
    """Ascending spans that do not overlap and cover every character that any of the given ones covers.

    Spans that share a character become one, from the first to the last of their characters, with the kind
    and score of the winner: the higher score, then the longer, then the kind that stands earlier in `order`
    (kinds that are not in it come last, by name). Spans that only touch stay two.
    """
    ranks = {kind: rank for rank, kind in enumerate(order or ())}
    return tuple(_joined(group, ranks) for group in _groups(spans))


def _groups(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Runs of spans that hang together by shared characters. Spans without characters are left out."""
    group: list[Span] = []
    reach = 0
    for span in sorted(span for span in spans if span.start < span.end):
        if group and span.start >= reach:
            yield group
            group = []
        group.append(span)
        reach = max(reach, span.end) if len(group) > 1 else span.end
    if group:
        yield group


def _joined(group: Sequence[Span], ranks: dict[str, int]) -> Span:
    if len(group) == 1:
        return group[0]
    winner = min(
        group,
        key=lambda span: (
            -span.score,
            span.start - span.end,
            ranks.get(span.kind, len(ranks)),
            span.kind,
        ),
    )
    return Span(group[0].start, max(span.end for span in group), winner.kind, winner.score)
