"""Bearer tokens of an identity provider (RFC 7519, RFC 8725) → who asks, and which application asks for them.

PyJWT checks the signature; the claims are checked here, with our clock and without conversions: a group list
that is a string, or an `exp` that is text, is a broken token and not a guess.
"""

import hashlib
import math
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jwt

from proxy.edges.identity.jwks import KeySet, KeysUnreadable, SigningKey, read_key_set
from proxy.engines import Clock
from proxy.errors import ConfigInvalid
from proxy.exchange import Identity, Subject
from proxy.settings import Jwt

MAX_TOKEN = 16_384
"""Characters; a header line of the largest allowed size could not carry more than four times as many."""

MAX_NAMES = 512
"""Groups of one subject. Entra stops at 200 in a JWT; each is compared with the grants at every decision."""

CACHED = 4096
"""Verified tokens, about 1 kB each. One for each connection that may be open by default."""

UNKNOWN_ACTOR = "unknown"

_TYPES = frozenset(("jwt", "at+jwt", "application/at+jwt"))
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,256}")


class KeySource(Protocol):
    def current(self) -> KeySet:
        """Raises EngineUnavailable."""

    async def renewed(self) -> KeySet:
        """Raises EngineUnavailable."""


class FileKeys:
    """Signing keys from a file. It is read once."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    @classmethod
    def read(cls, path: Path, settings: Jwt) -> "FileKeys":
        """Raises ConfigInvalid."""
        try:
            return cls(read_key_set(path.read_bytes(), settings.algorithms))
        except OSError as error:
            raise ConfigInvalid([f"{path}: {error.strerror or 'cannot be read'}"]) from None
        except KeysUnreadable as error:
            raise ConfigInvalid([f"{path}: {error}"]) from None

    def current(self) -> KeySet:
        return self._keys

    async def renewed(self) -> KeySet:
        return self._keys


class _Refused(Exception):
    """The token is not good. Why is nobody's business but ours, and not even we keep it."""


@dataclass(frozen=True, slots=True)
class _Verified:
    identity: Identity
    until: float
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

    async def identify(self, token: str) -> Identity | None:
        """None for a token that is not good. Raises EngineUnavailable while there are no signing keys."""
        keys = self._keys.current()
        if len(token) > MAX_TOKEN or not token.isascii():
            return None
        # Keyed, so that nobody can look for a place in the table; the token itself is not kept.
        place = hashlib.blake2b(token.encode(), key=self._seal, digest_size=32).digest()
        known = self._verified.get(place)
        if known and known.keys is keys and self._clock.now() < known.until:
            self._verified.move_to_end(place)
            return known.identity
        try:
            verified = await self._verify(token, keys)
        except _Refused:
            self._verified.pop(place, None)
            return None
        self._remember(place, verified)
        return verified.identity

    async def _verify(self, token: str, keys: KeySet) -> _Verified:
        key_id, algorithm = self._header(token)
        key = keys.find(key_id, algorithm)
        if key is None:
            keys = await self._keys.renewed()
            key = keys.find(key_id, algorithm)
        if key is None:
            raise _Refused
        claims = self._claims(token, key, algorithm)
        until = self._until(claims)
        return _Verified(self._identity(claims), until, keys)

    def _header(self, token: str) -> tuple[str | None, str]:
        """`alg` chooses among the configured algorithms; the key then has to be one for it."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _Refused from None
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES or "crit" in header:
            raise _Refused
        algorithm = header.get("alg")
        if algorithm not in self._settings.algorithms:
            raise _Refused
        return header.get("kid"), str(algorithm)

    def _claims(self, token: str, key: SigningKey, algorithm: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key.material,
                algorithms=[algorithm],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                options={
                    "require": ["iss", "aud", "exp", "sub"],
                    "verify_exp": False,  # by our clock, in `_until`
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _Refused from None

    def _until(self, claims: Mapping[str, Any]) -> float:
        """When the token stops being good: `exp` is the time "on or after which the JWT MUST NOT be accepted
        for processing" (RFC 7519 §4.1.4)."""
        leeway = self._settings.leeway_s
        until = _moment(claims, "exp") + leeway
        begins = max(_moment(claims, name) for name in ("nbf", "iat") if name in claims or name == "nbf")
        if not begins - leeway <= self._clock.now() < until:
            raise _Refused
        return until

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        settings = self._settings
        subject = Subject(
            id=_name(claims["sub"]),
            tenant=_name(claims.get(settings.tenant_claim, "default")),
            groups=_names(claims.get(settings.groups_claim, [])),
            clearances=_names(claims.get(settings.clearances_claim, [])),
        )
        return Identity(subject, _actor(claims), "jwt")

    def _remember(self, place: bytes, verified: _Verified) -> None:
        self._verified[place] = verified
        if len(self._verified) > CACHED:
            self._verified.popitem(last=False)


def _actor(claims: Mapping[str, Any]) -> str:
    """RFC 8693 §4.1: "The outermost "act" claim represents the current actor"; those in it are history."""
    if "act" in claims:
        acting = claims["act"]
        return _name(acting.get("sub") if isinstance(acting, dict) else None)
    for claim in ("azp", "client_id"):
        if claim in claims:
            return _name(claims[claim])
    return UNKNOWN_ACTOR


def _moment(claims: Mapping[str, Any], name: str) -> float:
    seconds = claims.get(name, 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise _Refused
    return float(seconds)


def _names(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list) or len(listed) > MAX_NAMES:
        raise _Refused
    return tuple(_name(name) for name in listed)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _Refused
    return name
