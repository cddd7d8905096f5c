"""Quiet words: no pattern has a part in them, so they may leave an answer before anybody has looked at them.

Kinds that are found by a digit or an `@` (`kinds.MARKED_KINDS`) begin in the word that has it: what stands
before that word is no part of a finding, however the text goes on. It does not say what a finding is.
"""

import re
from typing import Final

_LOWER = "a-z\u00df-\u00f6\u00f8-\u00ff"
_UPPER = "A-Z\u00c0-\u00d6\u00d8-\u00de"
_WORD = rf"(?:[{_UPPER}]?[{_LOWER}]{{1,19}}|[AI])(?:['\u2019][a-z]{{1,2}})?"

_MARKED_WORD = rf"[\"*\u201c\u2018]{{0,3}}{_WORD}[.,;:!?\"*\u201d\u2019]{{0,3}}[ \n]++"

_QUIET: Final = re.compile(rf"(?:{_MARKED_WORD}|[-*#\u2013\u2014]{{1,6}} |[ \n]++)*+")
"""Words of Latin letters in one case, but for the first letter. Loud, on purpose: capitals alone (`DE 89 …`),
mixed case and more than twenty letters (base64), and every character that an encoding or a disguise begins
with: digits, `%`, `&`, `=`, backslashes, brackets, dots inside, other alphabets, what is not seen."""

_CALM: Final = re.compile(rf"(?<!\S)(?:[{_LOWER}]{{2,20}} ){{2}}[{_LOWER}]{{2,20}}\Z")
_CALM_CHARS = 14  # so "rue de la", "van de la" and the like are not enough: a name may go on behind them


def quiet_chars(text: str, *, ended: bool = False) -> int:
    """How many characters of the text, from its start, are quiet words with the white space behind them.

    The last word counts once white space is behind it, or when the text has `ended`. `text` starts at a word.
    """
    found = _QUIET.match(f"{text}\n" if ended else text)
    return min(found.end(), len(text)) if found else 0


def is_calm(text: str, end: int) -> bool:
    """Whether three plain lower-case words stand before `end`: no entity goes on behind so many."""
    calm = _CALM.search(text, max(0, end - 64), end)  # three words of twenty letters
    return calm is not None and calm.end() - calm.start() >= _CALM_CHARS
