"""Which stretches of a text are copied from documents of an index, word for word or with light edits.

A document is found where its fingerprints lie close together and cover `min_words`. So each passage of
`surely_found(min_words)` words or more is found, whatever stands around it; the documents of `leave_out` and
what `NAMED` says apart. A shorter or an edited one is found as far as enough of its runs of words are left.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.fingerprints.index import Index
from proxy.fingerprints.winnowing import GRAM, REACH, WINDOW
from proxy.fingerprints.words import places

GAP: Final = 30
"""Words between two fingerprints of one passage: two sentences that were rewritten. Then another begins."""

MARGIN: Final = REACH
"""So many words of a passage with an edit near its end may stand outside its fingerprints; without, half."""

LEAST_WORDS: Final = 2 * GRAM
"""Two grams; single ones meet by chance."""

_BARRIER: Final = re.compile(r"\n[^\S\n]*\n|[<>]")  # a blank line, or a tag around a document
_CLOSING: Final = re.compile(r"""[.,;:!?)\]}"'”’»…]*""")  # belongs to the word before it


@dataclass(frozen=True, slots=True)
class Copied:
    """Characters `start` to `end` (exclusive) hold a passage of this document; `words` of it are certain.

    In doubt it is longer: `MARGIN` words more at either side, unless a blank line or a tag parts them.
    """

    id: str
    start: int
    end: int
    words: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Words `first` to `last` (exclusive)."""

    document: int
    first: int
    last: int
    covered: int


def surely_found(min_words: int) -> int:
    """So many words in a row, copied as they are, are always found."""
    return min_words + 2 * (WINDOW - 1)


class CopyFinder:
    """`min_words`: covered by fingerprints, at least `LEAST_WORDS`."""

    def __init__(self, index: Index, min_words: int) -> None:
        self._index = index
        self._min_words = min_words

    def find(self, text: str) -> tuple[Copied, ...]:
        """In the order in which they begin. About 100 µs a kB of text."""
        marked = self._index.winnower.mark(text)
        begins: dict[int, list[int]] = {}
        for place, fingerprint in marked.marks:
            for document in self._index.documents_with(fingerprint):
                begins.setdefault(document, []).append(place)
        runs = [run for document, found in begins.items() for run in self._runs(document, found)]
        if not runs:
            return ()
        words = list(places(text))
        ids = self._index.ids
        copied = (Copied(ids[run.document], *_span(text, words, run), run.covered) for run in runs)
        return tuple(sorted(copied, key=lambda one: (one.start, one.end, one.id)))

    def _runs(self, document: int, begins: Sequence[int]) -> Iterator[_Run]:
        first, covered = begins[0], GRAM
        for before, here in zip(begins, [*begins[1:], None], strict=True):
            if here is None or here - before > GAP:
                if covered >= self._min_words:
                    yield _Run(document, first, before + GRAM, covered)
                if here is not None:
                    first, covered = here, GRAM
            else:
                # Within an intact stretch two neighbours are never further apart than a window.
                covered += here - before if here - before <= WINDOW else GRAM


def _span(text: str, words: Sequence[tuple[int, int]], run: _Run) -> tuple[int, int]:
    first, last = run.first, run.last - 1
    while first > max(run.first - MARGIN, 0) and not _BARRIER.search(
        text, words[first - 1][1], words[first][0]
    ):
        first -= 1
    while last < min(run.last + MARGIN, len(words)) - 1 and not _BARRIER.search(
        text, words[last][1], words[last + 1][0]
    ):
        last += 1
    closed = _CLOSING.match(text, words[last][1])
    return words[first][0], closed.end() if closed else words[last][1]
