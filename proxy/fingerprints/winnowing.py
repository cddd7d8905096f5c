"""The fingerprints of a text: keyed hashes of some of its grams (runs of `GRAM` words), chosen by winnowing.

Of any `WINDOW` grams in a row the one with the least hash is chosen (Schleimer, Wilkerson, Aiken: Winnowing,
SIGMOD 2003). The choice depends on nothing outside the window, so two texts that share `REACH` words in a row
choose a gram in common there, wherever the words stand.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from proxy.fingerprints.words import KeyedWords

GRAM: Final = 5
"""Shorter runs are common language; of longer ones an edit spoils more, as many as one has words."""

WINDOW: Final = 6
"""About 2 grams in 7 are chosen: that much smaller is the index. `load/fingerprints.py` measures it."""

REACH: Final = GRAM + WINDOW - 1

_BYTES: Final = 8
"""Two grams in a million billion meet by chance in a corpus of a hundred million."""

SAMPLE: Final = "of any six runs of words in a row the one with the least hash is chosen for the index"
"""Its fingerprints stand in every index, so that one of another reckoning is not taken for ours."""


@dataclass(frozen=True, slots=True)
class Marked:
    """`marks`: (number of the word where the gram begins, fingerprint), ascending. `words`: of the text."""

    words: int
    marks: list[tuple[int, int]] = field(repr=False)


class Winnower:
    """`key`: 16 to 64 bytes, secret. Without it a fingerprint tells nothing about its words."""

    def __init__(self, key: bytes) -> None:
        self._words = KeyedWords(key)
        self._hash = blake2b(key=key, digest_size=_BYTES, person=b"gram")

    def mark(self, text: str) -> Marked:
        """About 80 µs a kB. What is shorter than a gram has no fingerprint."""
        numbers = self._words.numbers(text)
        grams = _grams(numbers)
        chosen = {gram: self._fingerprint(gram) for gram in _least(grams)}
        marks = [(place, chosen[gram]) for place, gram in enumerate(grams) if gram in chosen]
        return Marked(len(numbers), marks)

    def _fingerprint(self, gram: int) -> int:
        """Hashed once more: a gram's own hash is for choosing, and many of them could be reckoned back."""
        hashed = self._hash.copy()
        hashed.update(gram.to_bytes(_BYTES, "little", signed=True))
        return int.from_bytes(hashed.digest(), "little")


def _grams(numbers: list[int]) -> list[int]:
    """A hash of every gram. Python hashes numbers without a seed; `SAMPLE` tells if it does otherwise."""
    one, two, three, four = numbers[1:], numbers[2:], numbers[3:], numbers[4:]
    return list(map(hash, zip(numbers, one, two, three, four, strict=False)))


def _least(grams: list[int]) -> set[int]:
    """The least of each window; of a text that fills none, the least of all."""
    if len(grams) <= WINDOW:
        return {min(grams)} if grams else set()
    pairs = list(map(min, grams, grams[1:]))
    fours = map(min, pairs, pairs[2:])
    return set(map(min, fours, pairs[4:]))
