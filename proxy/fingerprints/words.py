"""A text as numbers, one a word: the same word gives the same number, however it is written down.

Case, accents, punctuation, white space, invisible letters and look-alikes count for nothing. The numbers are
keyed: without the key nobody can tell which word one stands for, or choose words that meet in one number.
"""

import re
import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

_KEPT_WORDS: Final = 65_536
"""Numbers remembered by their word, about 10 MB: more than a language needs, and callers choose words."""

_KEPT_CHARS: Final = 64
"""Longer ones are no words, so they do not come again."""

_NUMBER_BYTES: Final = 7
"""So many bits that Python hashes the number to itself; two words meet in one of 2**56."""

# Combining marks, and Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt).
_INVISIBLE: Final = (
    "\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

# Thai to Burmese, Khmer, kana and Han: written without spaces, so each letter is taken for a word.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f"
)

_ASCII_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_WORD: Final = re.compile(rf"(?:[^\W_{_UNSPACED}{_INVISIBLE}][{_INVISIBLE}]*)+|[{_UNSPACED}]")
_UNSEEN: Final = re.compile(f"[{_INVISIBLE}]")

_LOOK_ALIKES: Final = str.maketrans("аеорсухіјѕһԁԛԝνοαρικυτ", "aeopcyxijshdqwvoapikut")
"""Cyrillic and Greek letters that an eye does not tell from Latin ones (Unicode Technical Standard 39)."""


_SPELLED: Final = str.maketrans(
    {chr(code): chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
)
"""Of ASCII: letters in lower case, and a space for whatever stands between words."""


class KeyedWords:
    """`key`: 16 to 64 bytes, secret."""

    def __init__(self, key: bytes) -> None:
        self._numbers = _Numbers(key)

    def numbers(self, text: str) -> list[int]:
        """One for each word of the text, in order."""
        return list(map(self._numbers.__getitem__, _words(text)))


class _Numbers(dict[str, int]):
    """The number of each word, remembered as far as there is room."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._hash = blake2b(key=key, digest_size=_NUMBER_BYTES, person=b"word")

    def __missing__(self, word: str) -> int:
        hashed = self._hash.copy()
        hashed.update(_plain(word).encode("utf-8", "surrogatepass"))
        number = int.from_bytes(hashed.digest())
        if len(word) <= _KEPT_CHARS:
            if len(self) >= _KEPT_WORDS:
                self.clear()
            self[word] = number
        return number


def _words(text: str) -> list[str]:
    """As `_WORD` finds them. Most lines are ASCII, and to split those costs a fifth."""
    if text.isascii():
        return text.translate(_SPELLED).split()
    return [word for line in text.splitlines() for word in _words_of(line)]


def _words_of(line: str) -> list[str]:
    return line.translate(_SPELLED).split() if line.isascii() else _WORD.findall(line)


def places(text: str) -> Iterator[tuple[int, int]]:
    """Where each of those words stands: characters, end exclusive."""
    return (word.span() for word in _pattern(text).finditer(text))


def _pattern(text: str) -> re.Pattern[str]:
    return _ASCII_WORD if text.isascii() else _WORD


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    folded = unicodedata.normalize("NFKD", word).casefold()
    return _UNSEEN.sub("", unicodedata.normalize("NFKD", folded)).translate(_LOOK_ALIKES)
