"""What a request holds that must be redacted: each text by itself, and what stands across two of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from proxy.engines import Recogniser
from proxy.exchange import Exchange, Path, Segment
from proxy.redact.joined import Neighbour, windows
from proxy.redact.kinds import for_identifiers
from proxy.redact.spans import Span, merge
from proxy.verdict import KindPlan

_SAID: Final = frozenset({"message", "tool_result"})
"""Sources of texts that a template writes one after the other. All others stand in a frame of their own."""


@dataclass(frozen=True, slots=True)
class Found:
    """`spans`: of each segment; None: it was not looked at, for nothing is planned. `continued`: segments
    that begin with the rest of what began in another one."""

    spans: tuple[tuple[Span, ...] | None, ...]
    continued: frozenset[int] = frozenset()

    @property
    def entities(self) -> Counter[str]:
        """How many of each kind. What stands across several segments is one."""
        return Counter(
            span.kind
            for number, spans in enumerate(self.spans)
            for span in spans or ()
            if span.start > 0 or number not in self.continued
        )


async def recognise(recogniser: Recogniser, exchange: Exchange, plan: Sequence[KindPlan]) -> Found:
    """Identifiers are not prose: only patterns are looked for in them (`redact.kinds`).

    Raises what a recogniser raises.
    """
    segments = exchange.segments
    found: list[tuple[Span, ...] | None] = [None] * len(segments)
    names = [number for number, one in enumerate(segments) if one.text and _is_identifier(one)]
    kinds = for_identifiers(plan)
    if names and kinds:
        spans = await recogniser.recognise([segments[number].text for number in names], kinds)
        for number, one in zip(names, spans, strict=True):
            found[number] = one
    if not plan:
        return Found(tuple(found))
    prose = [number for number, one in enumerate(segments) if one.text and not _is_identifier(one)]
    seams = [window for run in _neighbours(exchange) for window in windows(run)]
    asked = [segments[number].text for number in prose] + [window.text for window in seams]
    spans = await recogniser.recognise(asked, plan) if asked else []
    for number, one in zip(prose, spans[: len(prose)], strict=True):
        found[number] = one
    across = zip(seams, spans[len(prose) :], strict=True)
    return _with(found, [shares for window, one in across for shares in window.across(one)], plan)


def _with(
    found: Sequence[tuple[Span, ...] | None],
    across: Sequence[Sequence[tuple[int, Span]]],
    plan: Sequence[KindPlan],
) -> Found:
    """Each text gets its share of what stands across several, merged with what was found in it."""
    if not across:
        return Found(tuple(found))
    order = [wanted.kind for wanted in plan]
    more: dict[int, list[Span]] = {}
    for number, span in (share for shares in across for share in shares):
        more.setdefault(number, []).append(span)
    return Found(
        tuple(
            merge([*(spans or ()), *more[number]], order) if number in more else spans
            for number, spans in enumerate(found)
        ),
        frozenset(number for shares in across for number, _ in shares[1:]),
    )


def _neighbours(exchange: Exchange) -> Iterator[list[Neighbour]]:
    """Texts of one message, and of messages of one role that follow each other."""
    if exchange.operation != "chat":
        return  # every text is asked about by itself
    run: list[tuple[int, Segment]] = []
    for number, one in enumerate(exchange.segments):
        if one.source == "name" or one.key:
            continue  # beside the texts, not between them
        if run and (one.role != run[0][1].role or one.source != run[0][1].source or one.source not in _SAID):
            if len(run) > 1:
                yield _joining(run)
            run = []
        run.append((number, one))
    if len(run) > 1:
        yield _joining(run)


def _joining(run: Sequence[tuple[int, Segment]]) -> list[Neighbour]:
    messages = [_message(one.path) for _, one in run]
    glued = [False, *(left == right for left, right in pairwise(messages))]
    return [Neighbour(number, one.text, same) for (number, one), same in zip(run, glued, strict=True)]


def _message(path: Path) -> Path:
    """Which message a text stands in. A list of blocks beside the messages is one (Anthropic's system)."""
    return path[:2] if path[0] in _TURNS else path[:1]


_TURNS: Final = frozenset({"messages", "input"})
"""The lists of messages, as the dialects call them."""


def _is_identifier(segment: Segment) -> bool:
    """A name with white space in it is no identifier: people write their own there."""
    return segment.key or (segment.source == "name" and len(segment.text.split()) < 2)
