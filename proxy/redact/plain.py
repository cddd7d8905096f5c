"""A text as a reader would read it: escapes resolved, the invisible left out, disguised letters made plain.

Only ever a second copy to look for entities in. In the text itself the `n` of `\\n` is a letter before a card
number, which no pattern then finds; the text that goes on keeps its spelling.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Reading:
    """Another way to read a text. `starts`, `ends`: for each character, what of the text it stands for."""

    text: str = field(repr=False)
    starts: Sequence[int] = field(repr=False)
    ends: Sequence[int] = field(repr=False)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where characters `start` to `end` (exclusive, at least one) stand: never half of an escape."""
        return self.starts[start], self.ends[end - 1]


def plainly(text: str) -> Reading | None:
    """The plain copy. None when it would be the text itself, as for most."""
    if text.isascii():
        if not any(sign in text for sign in "\\&%="):
            return None
        disguised, letters = _ESCAPED, text
    else:
        disguised, letters = _DISGUISED, _MIXED.sub(_one_script, text)
    copy = _Copy(letters)
    for match in _matches(disguised, letters):
        for start, end, plain in _read(match):
            copy.put(start, end, plain)
    return copy.reading(text)


def _matches(disguised: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """`finditer`, much faster: most letters are none that a disguise begins with, or that sits on one."""
    done = 0
    sign = _SIGN.search(text)
    while sign:
        at = sign.start()
        match = disguised.match(text, max(at - 1, done) if _STUCK.match(sign[0]) else at)
        if match:
            yield match
        done = match.end() if match else at + 1
        sign = _SIGN.search(text, done)


class _Copy:
    """The copy as it grows: what nothing was put for stays as it is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._done = 0

    def put(self, start: int, end: int, plain: str) -> None:
        if self._text[start:end] == plain:
            return
        self._keep(start)
        self._pieces.append(plain)
        self._starts.extend([start] * len(plain))
        self._ends.extend([end] * len(plain))
        self._done = end

    def reading(self, original: str) -> Reading | None:
        self._keep(len(self._text))
        copy = "".join(self._pieces)
        return None if copy == original else Reading(copy, self._starts, self._ends)

    def _keep(self, end: int) -> None:
        self._pieces.append(self._text[self._done : end])
        self._starts.extend(range(self._done, end))
        self._ends.extend(range(self._done + 1, end + 1))


_Letters = Iterator[tuple[int, int, str]]
"""Start, end (exclusive) and what is read there."""


def _read(match: re.Match[str]) -> _Letters:
    kind, (start, end) = match.lastgroup, match.span()
    words = match[0]
    if kind in ("percent", "printed"):
        yield from _bytes(start, words)
    elif kind in ("escape", "short"):
        yield start, end, _escaped(words.lstrip("\\"))
    elif kind == "entity":
        yield start, end, html.unescape(words)
    elif kind == "marked":
        yield start, end, _unmarked(words)
    elif kind == "letter":
        yield start, end, _folded(words)
    else:
        yield start, end, {"gap": " ", "dash": "-"}.get(str(kind), "")


def _bytes(start: int, words: str) -> _Letters:
    """`%40`, `=C3=BC`: three characters a byte. Bytes that are not UTF-8 are taken for Latin-1."""
    raw = bytes.fromhex(words.replace(words[0], ""))
    coding = "latin-1" if "\ufffd" in raw.decode("utf-8", "replace") else "utf-8"
    for letter in raw.decode(coding):
        end = start + 3 * len(letter.encode(coding))
        yield start, end, letter
        start = end


def _escaped(code: str) -> str:
    """Behind its backslashes: `n`, `x40`, `u0040`, `u{40}`, `U00000040`, `ud83d\\ude00`."""
    if code in _SHORT:
        return _SHORT[code]
    high, _, low = code.partition("\\")
    number = int(high[1:].strip("{}"), 16)
    if low:
        number = 0x10000 + ((number & 0x3FF) << 10) + (int(low.lstrip("\\")[1:], 16) & 0x3FF)
    if number > _LAST_CODE_POINT or unicodedata.category(chr(number)) == "Cs":  # one half of a pair
        return "\ufffd"
    return chr(number)


def _unmarked(words: str) -> str:
    """A letter with its marks: composed if Unicode has it so (é), without them if not (j with an accent)."""
    return _MARKS.sub("", unicodedata.normalize("NFC", _folded(words[0]) + _INVISIBLES.sub("", words[1:])))


@lru_cache(maxsize=4_096)  # more than a language's letters
def _folded(letter: str) -> str:
    """Digits of every script, and what NFKC makes a letter or a sign that entities hold. All else as it is:
    full stops of Chinese and three dots in one are in every second text, and hide nothing."""
    digit = unicodedata.decimal(letter, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", letter)
    return plain if plain.isascii() and (plain.isalnum() or plain in _SIGNS) else letter


def _one_script(word: re.Match[str]) -> str:
    """A word with Latin letters in it has no Cyrillic, Greek or Armenian ones, whatever it was typed with."""
    letters = word[0]
    return letters if letters.isascii() or not _LATIN.search(letters) else letters.translate(_LOOK_ALIKES)


_LAST_CODE_POINT: Final = 0x10FFFF

_SIGN: Final = re.compile(r"[\\&%=\x80-\U0010ffff]")
_SIGNS: Final = frozenset("@.+-_/")

_SHORT: Final = {"b": " ", "f": " ", "n": "\n", "r": "\n", "t": "\t", '"': '"', "'": "'", "/": "/"}

_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt)."""

_MARK: Final = "\u0300-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
"""The blocks of combining marks that belong to no script: those of Hindi or Thai are letters there."""

_INVISIBLES: Final = re.compile(f"[{_INVISIBLE}]+")
_MARKS: Final = re.compile(f"[{_MARK}]+")
_STUCK: Final = re.compile(f"[{_MARK}{_INVISIBLE}]")
_LATIN: Final = re.compile("[A-Za-z]")
_MIXED: Final = re.compile(r"[\w.@+-]+")

_ESCAPES: Final = r"""
    \\+ (?:                                                        # JSON in JSON doubles its backslashes
        (?P<escape> u[dD][89abAB][0-9a-fA-F]{2} \\+ u[dD][c-fC-F][0-9a-fA-F]{2}
          | u[0-9a-fA-F]{4} | u\{[0-9a-fA-F]{1,6}\} | U[0-9a-fA-F]{8} | x[0-9a-fA-F]{2} )
      | (?P<short> ["'/bfnrt] )
    )
  | (?P<entity> & (?: \#[0-9]{1,7};? | \#[xX][0-9a-fA-F]{1,6};? | [A-Za-z][A-Za-z0-9]{1,31}; ) )
  | (?P<percent> (?: %[0-9a-fA-F]{2} )+ )
  | (?P<printed> (?: = (?: [89A-F][0-9A-F] | 0[9AD] | 2[0-9A-F] | 3[A-F] | 40 | 5[B-F] | 60 | 7[B-E] )
        (?![0-9]{2}) )+ )
  | (?P<soft> (?<=[^=\s]) = \r?\n (?=\S) )
"""
"""The last two are quoted-printable (RFC 2045 §6.7), which writes no letter or digit so: `x=4111` is none."""

_ESCAPED: Final = re.compile(_ESCAPES, re.VERBOSE)

_DISGUISED: Final = re.compile(
    _ESCAPES
    + rf"""
  | (?P<marked> [\w@.+-] [{_MARK}{_INVISIBLE}]+ )
  | (?P<gap> (?<=\w) [\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000] (?=\w) )
  | (?P<dash> (?<=\d) [\u2010-\u2015\u2212\u30fc\ufe58\ufe63\uff0d] (?=\d) )
  | (?P<letter> [^\x00-\x7f] )
""",
    re.VERBOSE,
)

_LOOK_ALIKES: Final = str.maketrans(
    "асԁеһіјӏоԛрѕԝухАВСЕНІЈКМОРЅТХУҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορυχսոօցհ",
    "acdehijloqpswyxABCEHIJKMOPSTXYYABEZHIKMNOPTYXayiknopuxunogh",
)
"""Letters of other scripts that look Latin (Unicode Technical Standard 39, confusables.txt)."""
