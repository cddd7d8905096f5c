"""What must hold among the settings that say who may call: `identity`, and `listen.tls` beside it."""

import re
from collections.abc import Iterator

from proxy.edges.configuration import places
from proxy.edges.configuration.nodes import NOWHERE, Problem
from proxy.edges.identity.certificates import words_of
from proxy.edges.identity.peers import SPIFFE, network_of
from proxy.settings import Certificate, Identity, Jwt, Listen

ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
"""Signatures with a public key only. With `none` or HS* a published key would be the key to forge with."""

_SPIFFE_ID = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/[A-Za-z0-9._-]+)*")  # SPIFFE-ID §2
_BRACE = re.compile(r"[{}]")


def tls(group: Listen) -> Iterator[Problem]:
    if group.tls is None:
        return
    files = (
        ("cert_file", group.tls.cert_file, False),
        ("key_file", group.tls.key_file, True),
        ("client_ca_file", group.tls.client_ca_file, False),
    )
    for key, path, secret in files:
        if path:
            yield from _told(f"listen.tls.{key}", places.file_problem(path, secret=secret))
    demanded = group.tls.client_certificate != "none"
    if demanded and group.tls.client_ca_file is None:
        yield _problem("listen.tls.client_ca_file", "is needed to check the callers' certificates")
    if group.tls.client_ca_file and not demanded:
        yield _problem("listen.tls.client_certificate", "must be optional or required, or client_ca_file go")


def identity(group: Identity, listen: Listen) -> Iterator[Problem]:
    if group.keys_file:  # holds hashes of keys that cannot be guessed: not a secret
        yield from _told("identity.keys_file", places.file_problem(group.keys_file, secret=False))
    if group.anonymous_beyond_loopback and not group.anonymous:
        yield _problem("identity.anonymous_beyond_loopback", "means nothing without identity.anonymous")
    yield from _issuers(group)
    yield from _peers(group, listen)
    yield from _agents(group)
    for index, line in enumerate(group.certificates):
        yield from _certificate(line, f"identity.certificates.{index}")
    if group.certificates and not (_takes_certificates(listen) or group.trusted_peers):
        words = "means nothing without listen.tls.client_certificate or identity.trusted_peers"
        yield _problem("identity.certificates", words)


def _takes_certificates(listen: Listen) -> bool:
    return listen.tls is not None and listen.tls.client_certificate != "none"


def _issuers(group: Identity) -> Iterator[Problem]:
    names = [jwt.issuer for jwt in group.jwt]
    for index, jwt in enumerate(group.jwt):
        where = f"identity.jwt.{index}"
        yield from _jwt(jwt, where)
        if jwt.issuer in names[:index]:
            yield _problem(f"{where}.issuer", "stands here twice")
        if jwt.peer_claims and not group.trusted_peers:
            yield _problem(f"{where}.peer_claims", "means nothing without identity.trusted_peers")
        if index and not jwt.tenant:  # an `alice` of one is not the `alice` of the other
            words = "is needed for every issuer but the first: two of them may each have an `alice`"
            yield _problem(f"{where}.tenant", words)


def _jwt(group: Jwt, where: str) -> Iterator[Problem]:
    sources = [group.jwks_file is not None, group.jwks_url is not None, group.discovery]
    if sum(sources) > 1 or not (any(sources) or group.peer_claims):
        words = "exactly one of jwks_file, jwks_url and discovery is needed"
        yield _problem(f"{where}.jwks_file", words)
    if group.jwks_file:
        yield from _told(f"{where}.jwks_file", places.file_problem(group.jwks_file, secret=False))
    if group.jwks_url:
        yield from _told(f"{where}.jwks_url", _keys_url_problem(group.jwks_url, query=True))
    if group.discovery:
        yield from _told(f"{where}.issuer", _keys_url_problem(group.issuer, query=False))
    if not group.algorithms or not ALGORITHMS.issuperset(group.algorithms):
        known = ", ".join(sorted(ALGORITHMS))
        yield _problem(f"{where}.algorithms", f"must be one or more of {known}")
    for key in ("issuer", "audience", "groups_claim", "clearances_claim", "tenant_claim"):
        if not getattr(group, key):
            yield _problem(f"{where}.{key}", "must not be empty")


def _keys_url_problem(url: str, *, query: bool) -> str | None:
    words = places.url_problem(url, query=query)
    parts = places.split_url(url)
    if words or parts is None or parts.scheme == "https" or places.is_loopback(parts.hostname or ""):
        return words
    return "must be https: who can change the keys on the way can be anybody"


def _peers(group: Identity, listen: Listen) -> Iterator[Problem]:
    for index, peer in enumerate(group.trusted_peers):
        where = f"identity.trusted_peers.{index}"
        if not peer.startswith(SPIFFE):
            yield from _told(where, _network_problem(peer))
        elif not _SPIFFE_ID.fullmatch(peer):
            yield _problem(
                where, "must be a whole SPIFFE id such as spiffe://acme.example/ns/mesh/sa/gateway"
            )
        elif not _takes_certificates(listen):
            yield _problem(where, "means nothing without listen.tls.client_certificate")
    if group.trusted_peers and not (group.certificates or any(jwt.peer_claims for jwt in group.jwt)):
        words = "means nothing without identity.certificates or an issuer with peer_claims"
        yield _problem("identity.trusted_peers", words)


def _network_problem(text: str) -> str | None:
    try:
        network_of(text)
    except ValueError:
        return "must be an address, a network such as 10.0.0.0/24, or a spiffe:// id; never everybody"
    return None


def _agents(group: Identity) -> Iterator[Problem]:
    names = [agent.id for agent in group.agents]
    for index, name in enumerate(names):
        if not name or name in names[:index]:
            yield _problem(f"identity.agents.{index}.id", "must be there once, and not be empty")


def _certificate(line: Certificate, where: str) -> Iterator[Problem]:
    given = [name for name in (line.uri, line.dns, line.common_name) if name]
    if len(given) != 1:
        yield _problem(where, "exactly one of uri, dns and common_name is needed")
        return
    known = words_of(given[0])
    for key in ("subject", "actor", "tenant"):
        template = getattr(line, key)
        if not template and key != "actor":
            yield _problem(f"{where}.{key}", "must not be empty")
        if key != "tenant" and not words_of(template) <= known:
            yield _problem(f"{where}.{key}", "names a {word} that the certificate's name has not")
    if any(_BRACE.search(_plain(text)) for text in (given[0], line.subject, line.actor)):
        yield _problem(where, "a part that is left open is written as {word}, in small letters")


def _plain(text: str) -> str:
    """What is left without its words."""
    for word in words_of(text):
        text = text.replace(f"{{{word}}}", "")
    return text


def _told(where: str, words: str | None) -> Iterator[Problem]:
    if words:
        yield _problem(where, words)


def _problem(where: str, words: str) -> Problem:
    return Problem(NOWHERE, where, words)
