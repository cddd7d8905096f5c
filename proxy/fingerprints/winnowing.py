"""The fingerprints of a text: keyed hashes of some of its grams (runs of `GRAM` words), chosen by winnowing.

Of any `WINDOW` grams in a row the one with the least hash is chosen (Schleimer, Wilkerson, Aiken: Winnowing,
SIGMOD 2003). The choice depends on nothing outside the window, so two texts that share `REACH` words in a row
choose a gram in common there, wherever the words stand.
"""

from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from proxy.fingerprints.words import KeyedWords

GRAM: Final = 5
"""Shorter runs are common language; of longer ones an edit spoils more, as many as one has words."""

WINDOW: Final = 6
"""About 2 grams in 7 are chosen: that much smaller is the index. `load/fingerprints.py` measures it."""

REACH: Final = GRAM + WINDOW - 1

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
        self._cipher = Cipher(AES256(blake2b(key=key, digest_size=32, person=b"gram").digest()), ECB())  # noqa: S305

    def mark(self, text: str) -> Marked:
        """About 100 µs a kB. What is shorter than a gram has no fingerprint."""
        numbers = self._words.numbers(text)
        grams = _grams(numbers)
        chosen = self._fingerprints(_least(grams))
        marks = [(place, chosen[gram]) for place, gram in enumerate(grams) if gram in chosen]
        return Marked(len(numbers), marks)

    def _fingerprints(self, grams: Collection[int]) -> dict[int, int]:
        """By gram: half of its block in AES. A gram's own hash is for choosing, and could be reckoned back.

        Each block stands alone, as a keyed permutation: that equal grams look equal is what they are for.
        """
        blocks = array("q", bytes(16 * len(grams)))
        blocks[::2] = array("q", grams)
        hidden = array("Q", self._cipher.encryptor().update(blocks.tobytes()))
        return dict(zip(grams, hidden[::2], strict=True))


def _grams(numbers: list[int]) -> list[int]:
    """A hash of every gram. Python hashes numbers without a seed; `SAMPLE` tells if it does otherwise."""
    one, two, three, four = numbers[1:], numbers[2:], numbers[3:], numbers[4:]
    return list(map(hash, zip(numbers, one, two, three, four, strict=False)))


def _least(grams: list[int]) -> set[int]:
    """The least of each window; of a text that fills none, the least of all."""
    if len(grams) <= WINDOW:
        return {min(grams)} if grams else set()
    least = min(grams[:WINDOW])
    chosen = {least}
    leaves = len(grams)  # where the first window ends that the least is not in; set when the loop meets it
    for place, gram in enumerate(grams):
        if gram <= least:
            least, leaves = gram, place + WINDOW
            chosen.add(least)
        elif place == leaves:
            window = grams[place - WINDOW + 1 : place + 1]
            least = min(window)
            leaves = place + 1 + window.index(least)
            chosen.add(least)
    return chosen
