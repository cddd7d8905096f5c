"""Who asks: from API keys, tokens, client certificates and what trusted peers tell; anonymous if configured.

Every credential that was sent has to be good, all of them have to agree, and every refusal is the same one.
What a caller sends in any other header or in the body identifies nobody.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from proxy.edges.identity.certificates import Ambiguous, Certificates
from proxy.edges.identity.claims import ClaimsRefused, check_claims, decoded, read_claims
from proxy.edges.identity.keys import PREFIX, ApiKeys
from proxy.edges.identity.peers import TrustedPeers
from proxy.edges.identity.proof import Proof, together
from proxy.edges.identity.tokens import MAX_TOKEN, Issuers
from proxy.edges.identity.xfcc import XfccMalformed, last_element
from proxy.edges.kept import Kept
from proxy.engines import Clock
from proxy.errors import Unauthenticated
from proxy.exchange import CertificateNames, Credentials, Identity, Subject
from proxy.settings import Agent, Jwt

ANONYMOUS = Identity(Subject("anonymous"), "anonymous", "anonymous")
"""In no group: policies grant it nothing unless they name it."""

REFUSAL = "A valid API key or token is needed."

# RFC 6750 §2.1; the scheme's name is case-insensitive (RFC 9110 §11.1).
_BEARER = re.compile(r"(?i:bearer) +(?P<token>[A-Za-z0-9._~+/-]+=*)")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_DOTS_OF_A_JWT = 2


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways in that are configured. `peer_issuers`: whose claims a trusted peer may bring, by name."""

    keys: Kept[ApiKeys] | None = None
    tokens: Issuers | None = None
    certificates: Certificates = field(default_factory=lambda: Certificates(()))
    peers: TrustedPeers = field(default_factory=lambda: TrustedPeers(()))
    peer_issuers: Mapping[str, Jwt] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    anonymous: bool = False


class Identities:
    """Implements `engines.IdentityProvider`."""

    def __init__(self, ways: Ways, clock: Clock) -> None:
        self._ways = ways
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Identities: {self._ways}>"

    async def identify(self, credentials: Credentials) -> Identity:
        found = await self._identify(credentials)
        if found is None:
            raise Unauthenticated(REFUSAL)
        rights = self._ways.agents.get(found.actor)
        if rights is None:
            return found
        return replace(found, actor_groups=rights.groups, actor_clearances=rights.clearances)

    async def _identify(self, sent: Credentials) -> Identity | None:
        """The bearer's credential tells most, then a peer's word about one, then a certificate."""
        trusted = self._ways.peers.holds(sent)
        proofs = [
            await self._bearer(sent),
            self._peer_claims(sent) if trusted else None,
            self._certificate(sent, trusted=trusted),
        ]
        given = [proof for proof in proofs if proof]
        person = await self._person(sent.subject_tokens)
        if not given and person is None and self._ways.anonymous:
            return ANONYMOUS
        return together(given, person)

    async def _bearer(self, sent: Credentials) -> Proof | None:
        values = sent.authorization + tuple(f"Bearer {key}" for key in sent.api_keys)
        if not _given(values) or not (self._ways.keys or self._ways.tokens):
            return None  # an SDK always sends some key; where nothing can check it, it says nothing
        found = _BEARER.fullmatch(values[0])
        if found is None:
            raise Unauthenticated(REFUSAL)
        token = found["token"]
        if token.startswith(PREFIX):
            return _good(self._ways.keys.current.identify(token) if self._ways.keys else None)
        return await self._token(token)

    async def _person(self, values: Sequence[str]) -> Proof | None:
        """A token and nothing else: a key in this place would be somebody's account and not their consent."""
        if not _given(values):
            return None
        if not _TOKEN.fullmatch(values[0]):
            raise Unauthenticated(REFUSAL)
        return await self._token(values[0])

    async def _token(self, token: str) -> Proof:
        if self._ways.tokens and token.count(".") == _DOTS_OF_A_JWT:
            return _good(await self._ways.tokens.identify(token))
        raise Unauthenticated(REFUSAL)

    def _peer_claims(self, sent: Credentials) -> Proof | None:
        """What the peer found in a token that it has verified; we hold it to everything but the signature."""
        values = sent.forwarded_claims
        if not self._ways.peer_issuers or not _given(values):
            return None
        try:
            claims = read_claims(decoded(values[0][:MAX_TOKEN]))
            issuer = claims.get("iss")
            settings = self._ways.peer_issuers.get(issuer) if isinstance(issuer, str) else None
            if settings is None:
                raise ClaimsRefused
            return check_claims(claims, settings, self._clock.now(), "forwarded_claims").proof
        except ClaimsRefused:
            raise Unauthenticated(REFUSAL) from None

    def _certificate(self, sent: Credentials, *, trusted: bool) -> Proof | None:
        """A trusted peer's own certificate is the peer's, and not its caller's."""
        if not self._ways.certificates:
            return None
        try:
            if trusted:
                return self._ways.certificates.find(_forwarded(sent), "forwarded_certificate")
            return self._ways.certificates.find(sent.certificate or CertificateNames(), "client_certificate")
        except (Ambiguous, XfccMalformed):
            raise Unauthenticated(REFUSAL) from None


def _forwarded(sent: Credentials) -> CertificateNames:
    values = sent.forwarded_certificates
    return last_element(values[0]) if _given(values) else CertificateNames()


def _given(values: Sequence[str]) -> bool:
    """Whether there is one. Of two, nobody knows which one the caller means, or whose the other is."""
    if len(values) > 1:
        raise Unauthenticated(REFUSAL)
    return bool(values)


def _good(proof: Proof | None) -> Proof:
    if proof is None:
        raise Unauthenticated(REFUSAL)
    return proof
