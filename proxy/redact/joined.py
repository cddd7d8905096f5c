"""Texts that a model reads one after the other, as one: entities that stand across the seams between them.

Only what stands around the seams is looked at again, so a long conversation costs no more than a short one.
Which texts are neighbours, the caller knows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from proxy.redact.spans import Span

LEAST_REACH: Final = 96
"""Characters on each side of a seam: five words of context, or an entity with spaces (an IBAN has 42)."""

MOST_REACH: Final = 256
"""Where no white space comes before: as many as an address of e-mail may have (RFC 5321: 254)."""

WINDOW_CHARS: Final = 2_000
"""Texts shorter than their seams' reach are looked at in one window up to this: half a recogniser's piece."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A text and its number. `glued`: nothing may stand between it and the text before it; for parts of one
    message servers put nothing there, a space or a line end, and between messages always something."""

    number: int
    text: str = field(repr=False)
    glued: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a text: its number, the first character there, and whether it follows on the text before."""

    number: int
    start: int
    text: str = field(repr=False)
    glued: bool


@dataclass(frozen=True, slots=True)
class Window:
    """What stands around one or more seams. `starts`: where each piece begins in `text`."""

    text: str = field(repr=False)
    pieces: tuple[_Piece, ...] = field(repr=False)
    starts: tuple[int, ...]

    def across(self, found: Iterable[Span]) -> list[list[tuple[int, Span]]]:
        """What was found in `text`, if anything of it crosses a seam: for each finding, spans of the texts
        (by number) that have a letter or digit of it.

        Then with what crosses none: an address can end elsewhere when another one has taken its beginning.
        """
        shares = [list(self._shares(span)) for span in found]
        return shares if any(len(shared) > 1 for shared in shares) else []

    def _shares(self, span: Span) -> Iterator[tuple[int, Span]]:
        for piece, begins in zip(self.pieces, self.starts, strict=True):
            start, end = max(span.start - begins, 0), min(span.end - begins, len(piece.text))
            if start < end and any(map(str.isalnum, piece.text[start:end])):
                yield piece.number, Span(piece.start + start, piece.start + end, span.kind, span.score)


def windows(texts: Iterable[Neighbour]) -> list[Window]:
    """Around all seams of texts that follow each other. Read with nothing between the parts of a message,
    and with a space; a line end divides no less than that."""
    return [window for run in _runs(texts) if len(run) > 1 for window in _readings(run)]


def _readings(run: Sequence[_Piece]) -> list[Window]:
    """One where white space stands at every seam already."""
    apart = _window(run, glue=False)
    if not any(piece.glued for piece in run[1:]):
        return [apart]
    glued = _window(run, glue=True)
    return [glued] if glued.text == apart.text else [glued, apart]


def _window(run: Sequence[_Piece], *, glue: bool) -> Window:
    words: list[str] = [run[0].text]
    starts = [0]
    reached = len(run[0].text)
    for left, right in pairwise(run):
        spaced = left.text[-1].isspace() or right.text[0].isspace() or (glue and right.glued)
        words += ("" if spaced else " ", right.text)
        reached += len(words[-2])
        starts.append(reached)
        reached += len(right.text)
    return Window("".join(words), tuple(run), tuple(starts))


def _runs(texts: Iterable[Neighbour]) -> Iterator[list[_Piece]]:
    """Pieces that hang together. A long text ends one run with its head and begins the next with its tail."""
    run: list[_Piece] = []
    for one in texts:
        if not one.text:
            continue
        head, tail = _head(one.text), _tail(one.text)
        if head < tail:
            yield [*run, _Piece(one.number, 0, one.text[:head], one.glued)]
            run = [_Piece(one.number, tail, one.text[tail:], one.glued)]
            continue
        run.append(_Piece(one.number, 0, one.text, one.glued))
        if sum(len(piece.text) for piece in run) > WINDOW_CHARS:
            yield run
            run = _end(run)
    yield run


def _end(run: Sequence[_Piece]) -> list[_Piece]:
    """The last pieces, with at least the most that a seam reaches: the next run begins with them."""
    kept: list[_Piece] = []
    room = MOST_REACH
    for piece in reversed(run):
        kept.insert(0, piece)
        room -= len(piece.text)
        if room <= 0:
            break
    return kept


def _head(text: str) -> int:
    most = min(MOST_REACH, len(text))
    return next((at for at in range(LEAST_REACH, most) if text[at].isspace()), most)


def _tail(text: str) -> int:
    least = max(len(text) - MOST_REACH, 0)
    return next((at for at in range(len(text) - LEAST_REACH, least, -1) if text[at - 1].isspace()), least)
