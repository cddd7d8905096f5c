"""API keys: made, stored as SHA-256 and looked up. The keys file never holds a key itself.

A plain hash is enough because a key is random: there is no list of likely keys to try (salt and stretching
are for secrets that people choose). A lookup by digest tells by its timing at most something about digests,
which nobody can steer towards a key.
"""

import hashlib
import re
import secrets
import stat
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from proxy.edges.configuration.file import read_document
from proxy.edges.configuration.nodes import NOWHERE, Problem
from proxy.edges.identity.proof import Proof
from proxy.engines import Clock
from proxy.errors import ConfigInvalid
from proxy.exchange import Identity, Subject

PREFIX = "sg-"
"""Tells a key from a JWT, and lets secret scanners find one that was committed."""

KEY_BYTES = 32
"""256 random bits; 128 would be out of reach already."""

MAX_ENTRIES = 100_000
"""About 100 MB. Who has more callers has an identity provider."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PRINTED = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One entry of the keys file. `expires`: a date or time of ISO 8601, UTC unless it says otherwise."""

    id: str
    sha256: str = field(repr=False)
    subject: Subject
    actor: str
    expires: str | None = None
    may_act: bool = False  # for the subject of a token that comes along


@dataclass(frozen=True, slots=True)
class KeysDocument:
    """The keys file."""

    keys: tuple[KeyEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class _Key:
    proof: Proof
    expires: float


class ApiKeys:
    """Who owns which key. Holds digests, never keys."""

    def __init__(self, entries: Iterable[KeyEntry], clock: Clock) -> None:
        self._keys: Mapping[bytes, _Key] = {bytes.fromhex(entry.sha256): _key(entry) for entry in entries}
        self._clock = clock

    def __repr__(self) -> str:
        return f"<ApiKeys: {len(self._keys)}>"

    @classmethod
    def read(cls, path: Path, clock: Clock) -> "ApiKeys":
        """Raises ConfigInvalid with every problem of the file."""
        return cls(read_entries(path), clock)

    def identify(self, key: str) -> Proof | None:
        found = self._keys.get(_digest(key))
        if found is None or self._clock.now() >= found.expires:
            return None
        return found.proof


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hashed(key: str) -> str:
    """As the keys file holds it."""
    return _digest(key).hex()


def read_entries(path: Path) -> tuple[KeyEntry, ...]:
    """Raises ConfigInvalid with every problem of the file."""
    return read_document(KeysDocument, path, _problems).keys


def check_entry(entry: KeyEntry) -> None:
    """Raises ConfigInvalid."""
    problems = [f"{key}: {words}" for key, words in _entry_problems(entry)]
    if problems:
        raise ConfigInvalid(problems)


def add_entry(path: Path, entry: KeyEntry) -> None:
    """At the end of the keys file, which is made if need be; whole or not at all. Raises ConfigInvalid."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.touch(mode=0o600)
    except OSError as error:
        raise ConfigInvalid([f"{path}: {error.strerror or 'cannot be written'}"]) from None
    try:
        if path.exists():
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.write_text(f"{before.rstrip() or 'keys:'}\n{written(entry, _indent(before))}", encoding="utf-8")
        read_entries(part)
        part.replace(path)
    except ConfigInvalid as error:
        raise ConfigInvalid([problem.replace(str(part), str(path)) for problem in error.problems]) from None
    finally:
        part.unlink(missing_ok=True)


def written(entry: KeyEntry, indent: str = "") -> str:
    """As it stands under `keys:`, without what would be so anyway."""
    subject = entry.subject
    told: dict[str, Any] = {"id": subject.id}
    if subject.tenant != "default":
        told["tenant"] = subject.tenant
    for name, listed in (("groups", subject.groups), ("clearances", subject.clearances)):
        if listed:
            told[name] = list(listed)
    document: dict[str, Any] = {"id": entry.id, "sha256": entry.sha256, "actor": entry.actor, "subject": told}
    if entry.expires:
        document["expires"] = entry.expires
    if entry.may_act:
        document["may_act"] = True
    return textwrap.indent(yaml.safe_dump([document], sort_keys=False, allow_unicode=True, width=200), indent)


def _indent(text: str) -> str:
    """Of the list that is there: YAML wants the items of one list in one column."""
    found = re.search(r"^( *)- ", text, re.MULTILINE)
    return found[1] if found else ""


def _problems(document: KeysDocument) -> Iterator[Problem]:
    if len(document.keys) > MAX_ENTRIES:
        yield Problem(NOWHERE, "keys", f"at most {MAX_ENTRIES} are taken")
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(document.keys):
        for key, words in _entry_problems(entry):
            yield Problem(NOWHERE, f"keys.{index}.{key}", words)
        for unique in (("id", entry.id), ("sha256", entry.sha256)):
            if unique in seen:
                yield Problem(NOWHERE, f"keys.{index}.{unique[0]}", "another entry has the same")
            seen.add(unique)


def _entry_problems(entry: KeyEntry) -> Iterator[tuple[str, str]]:
    if not _SHA256.fullmatch(entry.sha256):
        yield "sha256", "must be 64 hexadecimal digits; `sluicegate keys new` prints them"
    subject = entry.subject
    names = {"id": entry.id, "actor": entry.actor, "subject.id": subject.id, "subject.tenant": subject.tenant}
    names |= {f"subject.groups.{index}": name for index, name in enumerate(subject.groups)}
    names |= {f"subject.clearances.{index}": name for index, name in enumerate(subject.clearances)}
    for key, name in names.items():
        if not _PRINTED.fullmatch(name):
            yield key, "must be 1 to 256 characters"
    if entry.expires is not None:
        try:
            _moment(entry.expires)
        except ValueError:
            yield "expires", "must be a date or time such as 2027-12-31 or 2027-12-31T18:00:00Z"


def _key(entry: KeyEntry) -> _Key:
    expires = _NEVER if entry.expires is None else _moment(entry.expires)
    return _Key(Proof(Identity(entry.subject, entry.actor, "api_key"), entry.may_act), expires)


def _moment(text: str) -> float:
    """Unix seconds; a date alone is its first second."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
