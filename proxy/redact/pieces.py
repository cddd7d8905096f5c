"""Long texts in pieces: Presidio's cost grows faster than a text's length, and a hang shows sooner.

Pieces overlap, so what has spaces in it is seen whole in one of two neighbours; what has none (a long link)
is put together again at the seam.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from proxy.redact.spans import Span

PIECE_CHARS = 4_000
"""About 0.15 s of Presidio with names, and of its worst patterns about a second."""

OVERLAP_CHARS = 256
"""Four times the longest entity with spaces in it; costs one part in sixteen."""

_GAP = re.compile(r"[\s\u3001\u3002\uff01\uff0c\uff1f]")  # also where Chinese and Japanese put no space


@dataclass(frozen=True, slots=True)
class Piece:
    start: int
    text: str = field(repr=False)

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class _Seams:
    """What starts up to `first_gap` is in the word that the piece's start cuts; what ends behind `last_gap`,
    in the one that its end cuts. `word_start`, `word_end`: where those words begin and end in the text."""

    first_gap: int
    last_gap: int
    word_start: int
    word_end: int


def pieces(text: str, size: int = PIECE_CHARS, overlap: int = OVERLAP_CHARS) -> list[Piece]:
    """At least one piece, even of an empty text. `overlap` must be less than half of `size`."""
    cut: list[Piece] = []
    start = 0
    while len(text) - start > size:
        end = _behind_space(text, start + size - overlap // 2, start + size)
        cut.append(Piece(start, text[start:end]))
        start = _behind_space(text, end - overlap, end - overlap // 2)
    return [*cut, Piece(start, text[start:])]


def rejoin(text: str, cut: Sequence[Piece], found: Iterable[Sequence[Span]]) -> list[Span]:
    """Spans of the pieces as spans of the text. `found`: what each piece holds, counted from its start.

    What stands in a word that a seam cuts may go on behind the seam, so it takes the whole word.
    """
    return [
        _grown(replace(span, start=span.start + piece.start, end=span.end + piece.start), seams)
        for piece, seams, spans in zip(cut, _seams(text, cut), found, strict=True)
        for span in spans
    ]


def batches(cut: Iterable[Piece], size: int = PIECE_CHARS) -> Iterator[list[Piece]]:
    """Neighbours together, as long as a batch has no more than `size` characters (or one piece)."""
    batch: list[Piece] = []
    room = size
    for piece in cut:
        if batch and len(piece.text) > room:
            yield batch
            batch, room = [], size
        batch.append(piece)
        room -= len(piece.text)
    if batch:
        yield batch


def _behind_space(text: str, least: int, most: int) -> int:
    """The last place from `least` to `most` that has white space before it; else `most`."""
    return next((at for at in range(most, least, -1) if text[at - 1].isspace()), most)


def _grown(span: Span, seams: _Seams) -> Span:
    start = seams.word_start if span.start <= seams.first_gap else span.start
    end = seams.word_end if span.end > seams.last_gap else span.end
    return replace(span, start=start, end=end)


def _seams(text: str, cut: Sequence[Piece]) -> list[_Seams]:
    """In one pass each way: a text may be one word from its start to its end."""
    starts, ends = [0], [len(text)]
    for left, right in pairwise(cut):
        gaps = [gap.end() for gap in _GAP.finditer(text, left.start, right.start)]
        starts.append(gaps[-1] if gaps else starts[-1])
    for left, right in pairwise(reversed(cut)):
        gap = _GAP.search(text, right.end, left.end)
        ends.append(gap.start() if gap else ends[-1])
    return [_between(text, *one) for one in zip(cut, starts, reversed(ends), strict=True)]


def _between(text: str, piece: Piece, word_start: int, word_end: int) -> _Seams:
    gaps = [gap.start() for gap in _GAP.finditer(text, piece.start, piece.end)]
    first, last = (gaps[0], gaps[-1]) if gaps else (piece.end, piece.start - 1)
    return _Seams(
        first_gap=first if _cuts_a_word(text, piece.start) else -1,
        last_gap=last if _cuts_a_word(text, piece.end) else len(text),
        word_start=word_start,
        word_end=word_end,
    )


def _cuts_a_word(text: str, seam: int) -> bool:
    return 0 < seam < len(text) and not _GAP.search(text, seam - 1, seam + 1)
