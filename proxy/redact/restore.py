"""The restoring window: gives the caller's own words back, in a stream, whatever way it was cut.

It holds back only what could still become a pseudonym that was issued in its vault; of everything else
nothing is kept. What merely has the shape of a pseudonym passes as it is.
"""

import json
import re
from bisect import bisect_left
from itertools import product

from proxy.redact.vault import PSEUDONYM, Vault

_BRACKETED = PSEUDONYM.pattern.removeprefix("<").removesuffix(">")
_IN_JSON = re.compile(rf"<{_BRACKETED}>|\\u003[cC]{_BRACKETED}\\u003[eE]|\\.")
"""In a JSON string the brackets may stand escaped: Go's encoding/json writes them so unless told otherwise.
Every other escape is taken as one thing, so an escaped backslash before `u003c` is not read as a bracket."""


class RestoringWindow:
    """`feed` gives what may leave now, `finish` the rest. The vault must be complete when this is made.

    `json_escaped`: the text is the inside of JSON strings (a tool's arguments), so originals go in escaped.
    """

    __slots__ = ("_forms", "_held", "_longest", "_originals", "_shape", "_starts")

    def __init__(self, vault: Vault, *, json_escaped: bool = False) -> None:
        self._originals = _escaped(vault) if json_escaped else _plain(vault)
        self._shape = _IN_JSON if json_escaped else PSEUDONYM
        self._starts = "<\\" if json_escaped else "<"
        self._forms = sorted(self._originals)
        self._longest = max(map(len, self._forms), default=0)
        self._held = ""

    def feed(self, text: str) -> str:
        if not self._forms or not (self._held or "<" in text or "\\" in text):
            return text
        text = self._held + text
        end = self._settled(text)
        self._held = text[end:]
        return self._restored(text[:end])

    def finish(self) -> str:
        """What was held back: the stream ended before it became a pseudonym."""
        held, self._held = self._held, ""
        return held

    def _restored(self, text: str) -> str:
        return self._shape.sub(lambda match: self._originals.get(match[0], match[0]), text)

    def _settled(self, text: str) -> int:
        """Where the first tail starts that is the beginning, and not the whole, of a form issued here."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] in self._starts and self._could_become(text[at:]) and not _is_escaped(text, at):
                return at
        return len(text)

    def _could_become(self, tail: str) -> bool:
        at = bisect_left(self._forms, tail)
        return at < len(self._forms) and self._forms[at].startswith(tail) and self._forms[at] != tail


def restore_text(vault: Vault, text: str, *, json_escaped: bool = False) -> str:
    """The whole text at once: the inverse of `redactor.redact` for every kind that may be given back."""
    window = RestoringWindow(vault, json_escaped=json_escaped)
    return window.feed(text) + window.finish()


def _plain(vault: Vault) -> dict[str, str]:
    known = ((pseudonym, vault.original(pseudonym)) for pseudonym in vault)
    return {pseudonym: original for pseudonym, original in known if original is not None}


def _escaped(vault: Vault) -> dict[str, str]:
    """Every form that a pseudonym may have in a JSON string, with its original as it stands in one."""
    brackets = [("<", ">"), *product(("\\u003c", "\\u003C"), ("\\u003e", "\\u003E"))]
    return {
        opening + pseudonym[1:-1] + closing: json.dumps(original, ensure_ascii=False)[1:-1]
        for pseudonym, original in _plain(vault).items()
        for opening, closing in brackets
    }


def _is_escaped(text: str, at: int) -> bool:
    """Whether an odd run of backslashes ends before `at`: then a backslash here starts no escape.

    A bracket after such a run is no JSON at all, so nothing is lost by passing it on.
    """
    if text[at] != "\\":
        return False
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1
