"""Documents fenced in prose: where `<document id="…">` opens one and where it ends, as a model would read it.

No parser's rules: a fence may be broken, nested, escaped or written with look-alike letters and still be
read. In doubt a document is longer, never shorter. Offsets are characters of the text as it was given.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.errors import RequestTooLarge
from proxy.exchange import Json

MOST: Final = 1_024
"""Retrieval sends tens. The policies are asked about each one by name, and each tag is read by itself."""


@dataclass(frozen=True, slots=True)
class Fence:
    """From the first character of its opening tag to the last of its closing one (`end` exclusive)."""

    start: int
    end: int
    ids: tuple[str, ...]


def find_fences(text: str) -> list[Fence]:
    """All fences, outer before inner, in the order in which they open.

    One that is never closed reaches to the end. A closing tag too many belongs to the document before it,
    because a document may quote one. Raises RequestTooLarge for more than `MOST`.
    """
    places: Sequence[int] = range(len(text))
    if not may_open(text):
        return []
    plain = text if text.isascii() else _folded(text)
    if "document" not in plain.lower():
        return []  # searching with the patterns below costs 50 ns a character
    if not text.isascii():
        plain, places = _folded_with_places(text)
    return [
        Fence(places[one.start], places[one.end - 1] + 1, tuple(_ids(text, places, one.ids)))
        for one in _paired(plain, list(_TAG.finditer(plain)))
    ]


def loose_ends(text: str) -> tuple[int, int]:
    """How many fences a text closes that it has not opened, and how many it opens and does not close."""
    if not may_open(text):
        return 0, 0
    plain = text if text.isascii() else _folded(text)
    if "document" not in plain.lower():
        return 0, 0
    closed = opened = 0
    for tag in _TAG.finditer(plain):
        if tag["close"] is None:
            opened += _attributes(plain, tag.end())[1] is None
        elif opened:
            opened -= 1
        else:
            closed += 1
    return closed, opened


def may_open(text: str) -> bool:
    """Whether anything in a text, or in a part of one, could begin a tag. Cheap, and most texts fail it."""
    if "<" in text or "&" in text or "\\" in text:
        return True
    return not text.isascii() and any(sign in text for sign in _OPENERS)


def claims_an_id(name: str) -> bool:
    """Whether an attribute or a field of this name says which document it is."""
    return name.lower().replace("_", "").replace("-", "") in _ID_NAMES


def claimed_ids(entry: Mapping[str, Json]) -> tuple[str, ...]:
    """The ids that a document as an object claims. Numbers identify too."""
    ids = [value for name, value in entry.items() if claims_an_id(name) and not isinstance(value, bool)]
    given = (str(value).strip() for value in ids if isinstance(value, str | int))
    return tuple(name for name in dict.fromkeys(given) if name)


_Range = tuple[int, int]


@dataclass(slots=True)
class _Open:
    """A fence in the plainly written text, and where in it the ids stand."""

    start: int
    end: int
    ids: Sequence[_Range] = ()


def _ids(text: str, places: Sequence[int], ranges: Iterable[_Range]) -> Iterator[str]:
    """Ids as they were given, each once: only tags are read past their spelling."""
    given = (text[places[start] : places[end - 1] + 1].strip() for start, end in ranges if start < end)
    return (name for name in dict.fromkeys(given) if name)


def _paired(plain: str, tags: Sequence[re.Match[str]]) -> list[_Open]:
    found: list[_Open] = []
    pending: list[_Open] = []
    last: _Open | None = None
    for tag in tags:
        if tag["close"] is None:
            if len(found) == MOST:
                raise RequestTooLarge(f"A text of the request holds more than {MOST} documents.")
            ids, tag_end = _attributes(plain, tag.end())
            fence = _Open(tag.start(), len(plain), ids)
            found.append(fence)
            if tag_end is None:
                pending.append(fence)
            else:
                fence.end = tag_end
                last = last if pending else fence
        elif pending:
            fence = pending.pop()
            fence.end = tag.end()
            last = last if pending else fence
        elif last is not None:
            last.end = tag.end()
    return found


def _attributes(plain: str, start: int) -> tuple[Sequence[_Range], int | None]:
    """The ids that a tag claims, and where it ends if it closes itself (`<document id="a"/>`)."""
    ids: list[_Range] = []
    for _ in range(_MOST_ATTRIBUTES):
        part = _ATTRIBUTE.match(plain, start)
        if part is None:
            break
        start = part.end()
        if part["end"] is not None:
            return ids, start if part["itself"] else None
        if part["name"] is not None and claims_an_id(part["name"]):
            ids.extend(part.span(kind) for kind in ("double", "single", "bare") if part[kind])
    return ids, None


def _folded(text: str) -> str:
    """Look-alikes written plainly; accents and what is invisible left out."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKD", text)).translate(_LOOK_ALIKES)


def _folded_with_places(text: str) -> tuple[str, Sequence[int]]:
    """The same, and for each of its characters where it came from."""
    pieces: list[str] = []
    places: list[int] = []
    known: dict[str, str] = {}
    for run in _RUNS.finditer(text):
        start, end = run.span()
        if run[0].isascii():
            pieces.append(run[0])
            places.extend(range(start, end))
            continue
        for place, letter in enumerate(run[0], start):
            plain = known.get(letter)
            if plain is None:
                plain = known[letter] = _folded(letter)
            pieces.append(plain)
            places.extend([place] * len(plain))
    return "".join(pieces), places


_ID_NAMES: Final = frozenset({"id", "docid", "documentid"})

_OPENERS: Final = "\u02c2\u1438\u2039\u226e\u2329\u276e\u27e8\u3008\ufe3f\ufe60\ufe64\ufe68\uff06\uff1c\uff3c"
"""Every character beyond ASCII that is folded to `<`, `&` or a backslash; a test counts them."""

_RUNS: Final = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")

_MOST_ATTRIBUTES: Final = 64
"""More in one tag are not read; a tag whose id stands behind them claims none."""

_INVISIBLE: Final = re.compile(
    "[\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Combining marks, and Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt)."""

_LOOK_ALIKES: Final = str.maketrans(
    "‹〈⟨˂ᐸ❮›〉⟩˃ᐳ❯∕⁄ԁоοօсϲυսмеҽпոтτОΟСϹМΜЕΕΝТΤ",
    "<<<<<<>>>>>>//doooccuumeennttOOCCMMEENTT",
)
"""Letters of `document`, and brackets, that NFKC leaves alone but an eye and a model do not tell apart
(Unicode Technical Standard 39, confusables.txt)."""

_LESS: Final = r"(?:<|&lt;|&\#0*60;|&\#x0*3c;|\\u003c)"
_MORE: Final = r"(?:>|&gt;|&\#0*62;|&\#x0*3e;|\\u003e)"

_TAG: Final = re.compile(
    rf"""{_LESS} \s{{0,16}} (?:
        document (?: (?![\w.:-]) | (?=id\s{{0,16}}=) )          # `documents` holds some, and is none
      | (?P<close> / \s{{0,16}} document \s{{0,16}} {_MORE} )   # only a whole closing tag closes
    )""",
    re.VERBOSE | re.IGNORECASE,
)

_ATTRIBUTE: Final = re.compile(
    rf"""
        (?P<end> \s{{0,64}} (?P<itself> /)? \s{{0,64}} {_MORE} )
      | \s{{0,64}} (?P<name> [^\s=<>"'/\\&]{{1,128}} ) (?: \s{{0,64}} = \s{{0,64}} (?:
            \\{{0,4}} (?:"|&quot;) (?P<double> [^"]{{0,512}}? ) \\{{0,4}} (?:"|&quot;)
          | \\{{0,4}} ' (?P<single> [^']{{0,512}}? ) \\{{0,4}} '
          | (?P<bare> [^\s"'<>/\\]{{1,512}} ) )
        )?
      | (?P<stray> [^<>] )                                          # a quote too many, a lone sign
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""One attribute, the end of the tag, or a character that is neither. Bounded runs keep it linear."""
