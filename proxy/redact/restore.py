"""The restoring window: gives the caller's own words back, in a stream, whatever way it was cut.

It holds back only what could still become a pseudonym that was issued in its vault; of everything else
nothing is kept. What merely has the shape of a pseudonym passes as it is.
"""

import json
from bisect import bisect_left

from proxy.redact.vault import PSEUDONYM, Vault


class RestoringWindow:
    """`feed` gives what may leave now, `finish` the rest. The vault must be complete when this is made.

    `json_escaped`: the text is the inside of JSON strings (a tool's arguments), so originals go in escaped.
    Pseudonyms themselves have no character that JSON escapes.
    """

    __slots__ = ("_held", "_longest", "_originals", "_pseudonyms")

    def __init__(self, vault: Vault, *, json_escaped: bool = False) -> None:
        self._originals = _restorable(vault, json_escaped=json_escaped)
        self._pseudonyms = sorted(self._originals)
        self._longest = max(map(len, self._pseudonyms), default=0)
        self._held = ""

    def feed(self, text: str) -> str:
        if not self._pseudonyms or not (self._held or "[" in text):
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
        return PSEUDONYM.sub(lambda match: self._originals.get(match[0], match[0]), text)

    def _settled(self, text: str) -> int:
        """Where the tail starts that is the beginning, and not the whole, of a pseudonym issued here."""
        at = text.rfind("[", max(0, len(text) - self._longest + 1))
        return at if at >= 0 and self._could_become(text[at:]) else len(text)

    def _could_become(self, tail: str) -> bool:
        at = bisect_left(self._pseudonyms, tail)
        return (
            at < len(self._pseudonyms)
            and self._pseudonyms[at] != tail
            and self._pseudonyms[at].startswith(tail)
        )


def restore_text(vault: Vault, text: str, *, json_escaped: bool = False) -> str:
    """The whole text at once: the inverse of `redactor.redact` for every kind that may be given back."""
    window = RestoringWindow(vault, json_escaped=json_escaped)
    return window.feed(text) + window.finish()


def _restorable(vault: Vault, *, json_escaped: bool) -> dict[str, str]:
    known = ((pseudonym, vault.original(pseudonym)) for pseudonym in vault)
    return {
        pseudonym: json.dumps(original, ensure_ascii=False)[1:-1] if json_escaped else original
        for pseudonym, original in known
        if original is not None
    }
