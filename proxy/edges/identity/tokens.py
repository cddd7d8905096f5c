"""Bearer tokens of one identity provider (RFC 7519, RFC 8725) → who asks.

PyJWT checks the signature and nothing else; which key and algorithm may be meant is said by us, and what the
claims say is `claims`.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import jwt

from proxy.edges.identity.claims import Claimed, ClaimsRefused, check_claims, decoded, read_claims
from proxy.edges.identity.jwks import KeySet, KeysUnreadable, SigningKey, read_key_set
from proxy.edges.identity.proof import Proof
from proxy.edges.kept import Kept
from proxy.engines import Clock
from proxy.errors import ConfigInvalid
from proxy.settings import Jwt

MAX_TOKEN = 16_384
"""Characters; a header line of the largest allowed size could not carry more than four times as many."""

CACHED = 4096
"""Verified tokens, about 1 kB each. One for each connection that may be open by default."""

_TYPES = frozenset(("jwt", "at+jwt", "application/at+jwt"))
_PARTS = 3


class KeySource(Protocol):
    def current(self) -> KeySet:
        """Raises EngineUnavailable."""

    async def renewed(self) -> KeySet:
        """Raises EngineUnavailable."""


class FileKeys:
    """Signing keys from a file that is read again when it changes."""

    def __init__(self, kept: Kept[KeySet]) -> None:
        self._kept = kept

    def current(self) -> KeySet:
        return self._kept.current

    async def renewed(self) -> KeySet:
        return self._kept.current


def read_key_file(path: Path, algorithms: Sequence[str]) -> KeySet:
    """Raises ConfigInvalid."""
    try:
        return read_key_set(path.read_bytes(), algorithms)
    except OSError as error:
        raise ConfigInvalid([f"{path}: {error.strerror or 'cannot be read'}"]) from None
    except KeysUnreadable as error:
        raise ConfigInvalid([f"{path}: {error}"]) from None


@dataclass(frozen=True, slots=True)
class _Verified:
    claimed: Claimed
    keys: KeySet


class JwtIdentity:
    """Verified tokens are remembered until they expire, or until the key set changes."""

    def __init__(self, settings: Jwt, keys: KeySource, clock: Clock) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._seal = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    def __repr__(self) -> str:
        return f"<JwtIdentity: {len(self._verified)} remembered>"

    @property
    def issuer(self) -> str:
        return self._settings.issuer

    async def identify(self, token: str) -> Proof | None:
        """None for a token that is not good. Raises EngineUnavailable while there are no signing keys."""
        keys = self._keys.current()
        if len(token) > MAX_TOKEN or not token.isascii():
            return None
        # Keyed, so that nobody can look for a place in the table; the token itself is not kept.
        place = hashlib.blake2b(token.encode(), key=self._seal, digest_size=32).digest()
        known = self._verified.get(place)
        if known and known.keys is keys and self._clock.now() < known.claimed.until:
            self._verified.move_to_end(place)
            return known.claimed.proof
        try:
            verified = await self._verify(token, keys)
        except ClaimsRefused:
            self._verified.pop(place, None)
            return None
        self._remember(place, verified)
        return verified.claimed.proof

    async def _verify(self, token: str, keys: KeySet) -> _Verified:
        key_id, algorithm = self._header(token)
        key = keys.find(key_id, algorithm)
        if key is None:
            keys = await self._keys.renewed()
            key = keys.find(key_id, algorithm)
        if key is None:
            raise ClaimsRefused
        claims = read_claims(_signed(token, key, algorithm))
        return _Verified(check_claims(claims, self._settings, self._clock.now(), "jwt"), keys)

    def _header(self, token: str) -> tuple[str | None, str]:
        """`alg` chooses among the configured algorithms; the key then has to be one for it."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise ClaimsRefused from None
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES or "crit" in header:
            raise ClaimsRefused
        algorithm = header.get("alg")
        if algorithm not in self._settings.algorithms:
            raise ClaimsRefused
        return header.get("kid"), str(algorithm)

    def _remember(self, place: bytes, verified: _Verified) -> None:
        self._verified[place] = verified
        if len(self._verified) > CACHED:
            self._verified.popitem(last=False)


class Issuers:
    """A token goes to the one issuer that it names, whose keys, audience and claims it is then held to."""

    def __init__(self, issuers: Sequence[JwtIdentity]) -> None:
        self._issuers = {one.issuer: one for one in issuers}

    def __repr__(self) -> str:
        return f"<Issuers: {list(self._issuers.values())}>"

    async def identify(self, token: str) -> Proof | None:
        """As `JwtIdentity.identify`."""
        if len(self._issuers) == 1:  # which checks the name of the issuer, too
            return await next(iter(self._issuers.values())).identify(token)
        chosen = self._issuers.get(_named_issuer(token))
        return await chosen.identify(token) if chosen else None


def _named_issuer(token: str) -> str:
    """Not believed: only where to ask. Empty when the token has none."""
    parts = token.split(".")
    if len(parts) != _PARTS or len(token) > MAX_TOKEN:
        return ""
    try:
        named = read_claims(decoded(parts[1])).get("iss")
    except ClaimsRefused:
        return ""
    return named if isinstance(named, str) else ""


def _signed(token: str, key: SigningKey, algorithm: str) -> bytes:
    """What was signed."""
    try:
        whole = jwt.PyJWS().decode_complete(token, key.material, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise ClaimsRefused from None
    return bytes(whole["payload"])
