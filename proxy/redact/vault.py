"""The vault: pseudonym ↔ original, for one scope (a tenant's person in one conversation).

A pseudonym is a keyed hash of what it stands for, so it can be issued again without being stored and
cannot be guessed from text. The vault stays in memory: it does not print, copy, pickle or log what it holds.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import NoReturn

from proxy.redact.kinds import SECRET

PSEUDONYM = re.compile(r"\[[A-Z][A-Z0-9_]{0,39}_[0-9a-f]{16}\]")
"""The shape of every pseudonym, and of what merely looks like one.

Square brackets: a model of 135 million parameters copied 9 of 16 such pseudonyms faithfully, and none in
angle brackets, which it takes for markup. JSON encoders that escape for HTML (Go's) leave them alone too."""

LITERAL = "LITERAL"
"""The kind of a pseudonym that stands for text which only looked like a pseudonym."""

_KIND = re.compile(r"[A-Z][A-Z0-9_]{0,39}")  # longer than any of Presidio's; bounds what is held back
_DIGEST_BYTES = 8  # 64 bit: a guess hits one of a million issued once in 18 million million tries
_LEAST_KEY_BYTES = 16  # 128 bit


class Vault:
    """What was replaced in one scope, and by what.

    `key`: secret, at least 16 bytes. `scope`: whose text this is; the same original has another pseudonym in
    another scope. Raises ValueError for a shorter key.
    """

    __slots__ = ("_hash", "_one_way", "_originals")

    def __init__(self, key: bytes, scope: str) -> None:
        if len(key) < _LEAST_KEY_BYTES:
            raise ValueError("a vault's key has at least 16 bytes")
        fitting = blake2b(key).digest()  # BLAKE2b takes 64 bytes at most
        self._hash = blake2b(_field(scope), key=fitting, digest_size=_DIGEST_BYTES, person=b"pseudonym")
        self._originals: dict[str, str] = {}
        self._one_way: set[str] = set()

    def issue(self, kind: str, original: str, *, restore: bool = True) -> str:
        """The pseudonym of `original`: the same for the same kind and spelling, for as long as the key lives.

        With `restore` false it is never given back, and what was once asked one-way stays one-way. A secret
        always is.
        Raises ValueError for a kind that is not `UPPER_CASE` of at most 40 characters.
        """
        if not _KIND.fullmatch(kind):
            raise ValueError("a kind is up to 40 upper-case letters, digits and underscores")
        digest = self._hash.copy()
        digest.update(_field(kind))
        digest.update(original.encode("utf-8", "surrogatepass"))
        pseudonym = f"[{kind}_{digest.hexdigest()}]"
        self._originals[pseudonym] = original
        if not restore or kind == SECRET:
            self._one_way.add(pseudonym)
        return pseudonym

    def original(self, pseudonym: str) -> str | None:
        """What a pseudonym stands for; None if it was not issued here or may not be given back."""
        return None if pseudonym in self._one_way else self._originals.get(pseudonym)

    def __contains__(self, pseudonym: object) -> bool:
        """Whether it was issued here, one-way or not."""
        return pseudonym in self._originals

    def __iter__(self) -> Iterator[str]:
        """The pseudonyms issued here, oldest first."""
        return iter(self._originals)

    def __len__(self) -> int:
        return len(self._originals)

    def __repr__(self) -> str:
        return f"<Vault of {len(self)}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Also what `copy` and `pickle` ask: originals leave only through `original`."""
        raise TypeError("a vault cannot be copied or pickled")


def _field(text: str) -> bytes:
    """With its length before it, so that no two sequences of fields hash the same bytes."""
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(4, "big") + encoded
