"""Long texts in pieces: Presidio's cost grows faster than a text's length, and a hang shows sooner.

Pieces overlap, so what has spaces in it is seen whole in one of two neighbours; what has none (a long link)
is put together again at the seam.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from proxy.redact.spans import Span

PIECE_CHARS = 4_000
"""About 0.15 s of Presidio with names, and of its worst patterns about a second."""

OVERLAP_CHARS = 256
"""Four times the longest entity with spaces in it; costs one part in sixteen."""


@dataclass(frozen=True, slots=True)
class Piece:
    start: int
    text: str = field(repr=False)

    @property
    def end(self) -> int:
        return self.start + len(self.text)


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
    """Spans of the pieces as spans of the text. One that touches a seam grows to the end of its word."""
    return [
        _grown(text, piece, replace(span, start=span.start + piece.start, end=span.end + piece.start))
        for piece, spans in zip(cut, found, strict=True)
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


def _grown(text: str, piece: Piece, span: Span) -> Span:
    start = _word_start(text, span.start) if span.start == piece.start else span.start
    end = _word_end(text, span.end) if span.end == piece.end else span.end
    return replace(span, start=start, end=end)


def _word_start(text: str, at: int) -> int:
    while at > 0 and not text[at - 1].isspace():
        at -= 1
    return at


def _word_end(text: str, at: int) -> int:
    while at < len(text) and not text[at].isspace():
        at += 1
    return at
