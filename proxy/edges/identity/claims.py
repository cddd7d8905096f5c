"""The claims of a token (RFC 7519, RFC 8693) → who asks, and which application or agent asks for it. No I/O.

Checked without conversions: a group list that is a string, or an `exp` that is text, is a broken token and
not a guess. Who signed them is not known here.
"""

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from proxy.edges.identity.proof import Proof
from proxy.errors import RequestInvalid
from proxy.exchange import Identity, Subject
from proxy.settings import Jwt
from proxy.wire import strict_json

MAX_NAMES = 512
"""Groups of one subject. Entra stops at 200 in a JWT; each is compared with the grants at every decision."""

MAX_ACTORS = 8
"""In a chain of delegation. Each is a service that passed the call on; longer than this is a loop."""

MAX_DEPTH = 16
"""Of the claims: a chain of actors is the deepest that we read."""

UNKNOWN_ACTOR = "unknown"

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,256}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")


class ClaimsRefused(Exception):
    """The token is not good. Why is nobody's business but ours, and not even we keep it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """`until`: unix seconds from which on it is not so any more."""

    proof: Proof
    until: float


def read_claims(payload: bytes) -> dict[str, Any]:
    """A JSON object that names nothing twice: "The Claim Names within a JWT Claims Set MUST be unique"
    (RFC 7519 §4). Raises ClaimsRefused."""
    try:
        claims = strict_json.loads(payload, depth=MAX_DEPTH)
    except RequestInvalid:
        raise ClaimsRefused from None
    if not isinstance(claims, dict):
        raise ClaimsRefused
    return claims


def decoded(text: str) -> bytes:
    """base64url, with or without its padding. Raises ClaimsRefused."""
    if not _BASE64URL.fullmatch(text):
        raise ClaimsRefused
    bare = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise ClaimsRefused from None


def check_claims(
    claims: Mapping[str, Any], settings: Jwt, now: float, method: Literal["jwt", "forwarded_claims"]
) -> Claimed:
    """`now`: unix seconds. Raises ClaimsRefused."""
    if claims.get("iss") != settings.issuer or settings.audience not in _audiences(claims):
        raise ClaimsRefused
    until = _until(claims, settings.leeway_s, now)
    actors = list(_actors(claims))
    identity = Identity(
        subject=_subject(claims, settings),
        actor=actors[0] if actors else _application(claims),
        method=method,
        actor_chain=tuple(actors[1:]),
        delegated=bool(actors),
    )
    only = _name(_inner(claims, "may_act").get("sub")) if "may_act" in claims else None
    return Claimed(Proof(identity, only_actor=only), until)


def _audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """ "In the special case when the JWT has one audience, the "aud" value MAY be a single case-sensitive
    string" (RFC 7519 §4.1.3)."""
    audience = claims.get("aud")
    return (audience,) if isinstance(audience, str) else _names(audience)


def _until(claims: Mapping[str, Any], leeway: float, now: float) -> float:
    """When the token stops being good: `exp` is the time "on or after which the JWT MUST NOT be accepted for
    processing" (RFC 7519 §4.1.4)."""
    until = _moment(claims.get("exp")) + leeway
    begins = [_moment(claims[name]) for name in ("nbf", "iat") if name in claims]
    if now >= until or any(now < moment - leeway for moment in begins):
        raise ClaimsRefused
    return until


def _subject(claims: Mapping[str, Any], settings: Jwt) -> Subject:
    tenant = settings.tenant or _name(claims.get(settings.tenant_claim, "default"))
    return Subject(
        id=_name(claims.get("sub")),
        tenant=tenant,
        groups=_names(claims.get(settings.groups_claim, [])),
        clearances=_names(claims.get(settings.clearances_claim, [])),
    )


def _actors(claims: Mapping[str, Any]) -> Iterator[str]:
    """RFC 8693 §4.1: "the outermost "act" claim represents the current actor while nested "act" claims
    represent prior actors"; those in it are history."""
    acting = claims
    for _ in range(MAX_ACTORS + 1):
        if "act" not in acting:
            return
        acting = _inner(acting, "act")
        if acting.get("iss", claims["iss"]) != claims["iss"]:
            raise ClaimsRefused  # a name that another issuer gave is not the name that we know
        yield _name(acting.get("sub"))
    raise ClaimsRefused


def _inner(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = claims[name]
    if not isinstance(inner, dict):
        raise ClaimsRefused
    return inner


def _application(claims: Mapping[str, Any]) -> str:
    for claim in ("azp", "client_id"):
        if claim in claims:
            return _name(claims[claim])
    return UNKNOWN_ACTOR


def _moment(seconds: Any) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise ClaimsRefused
    return float(seconds)


def _names(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list) or len(listed) > MAX_NAMES:
        raise ClaimsRefused
    return tuple(_name(name) for name in listed)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ClaimsRefused
    return name
