"""A text as a reader would read it: escapes resolved, what is invisible left out, wide letters made plain.

Only ever a second copy to look for entities in. In the text itself the `n` of `\\n` is a letter before a card
number, which no pattern then finds; the text that goes on keeps its spelling.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_SPELLED: Final = re.compile(
    r"\\+(?:u(?P<code>[0-9a-fA-F]{4})|(?P<short>[\"'/bfnrt]))"  # JSON in JSON doubles its backslashes
    "|(?P<invisible>[\u00ad\u200b-\u200f\u2060-\u2064\ufeff])"
    "|(?P<wide>[\uff01-\uff5e])"
)
_SHORT: Final = {"b": " ", "f": " ", "n": "\n", "r": "\n", "t": "\t"}


def plainly(text: str) -> tuple[str, Sequence[int]] | None:
    """The copy, and for each of its characters, and for its end, where that stands in `text`.

    None when it would be the text itself, as for most.
    """
    if ("\\" not in text and text.isascii()) or not _SPELLED.search(text):
        return None
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for match in _SPELLED.finditer(text):
        start, end = match.span()
        letter = _letter(match)
        pieces += (text[done:start], letter)
        places.extend(range(done, start))
        places.extend([start] * len(letter))
        done = end
    places.extend(range(done, len(text) + 1))
    return "".join([*pieces, text[done:]]), places


def _letter(match: re.Match[str]) -> str:
    if match["code"] is not None:
        letter = chr(int(match["code"], 16))
        return "\ufffd" if "\ud800" <= letter <= "\udfff" else letter
    if match["short"] is not None:
        return _SHORT.get(match["short"], match["short"])
    if match["wide"] is not None:
        return unicodedata.normalize("NFKC", match["wide"])
    return ""
