"""What must hold among the settings that say who may call."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.edges.configuration import identity_checks
from proxy.edges.configuration.file import load
from proxy.edges.configuration.nodes import Problem
from proxy.errors import ConfigInvalid
from proxy.settings import Agent, Certificate, Identity, Jwt, Listen, ListenTls

JWT = Jwt("https://issuer", "sluicegate", jwks_url="https://issuer/keys")
LINE = Certificate("bot", uri="spiffe://acme/bot")
PEER = Identity(trusted_peers=("10.0.0.7",), certificates=(LINE,))


def wheres(group: Identity, listen: Listen | None = None) -> list[str]:
    return [problem.where for problem in identity_checks.identity(group, listen or Listen())]


def jwt_wheres(**changes: Any) -> list[str]:
    return wheres(Identity(jwt=(replace(JWT, **changes),)))


@pytest.fixture
def mutual(tmp_path: Path) -> Listen:
    for name in ("cert", "key", "ca"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o640)
    return Listen(tls=ListenTls(tmp_path / "cert", tmp_path / "key", tmp_path / "ca", "required"))


def test_the_wide_switch_without_the_narrow_one_is_a_mistake() -> None:
    assert wheres(Identity(anonymous_beyond_loopback=True)) == ["identity.anonymous_beyond_loopback"]


@pytest.mark.parametrize(
    "change",
    [
        {"jwks_url": None},
        {"jwks_file": Path("keys.json")},
        {"discovery": True},
        {"jwks_url": None, "jwks_file": Path("keys.json"), "discovery": True},
    ],
)
def test_signing_keys_come_from_exactly_one_place(change: dict[str, Any]) -> None:
    assert "identity.jwt.0.jwks_file" in jwt_wheres(**change)


def test_an_issuer_whose_claims_a_peer_brings_needs_no_keys() -> None:
    told = replace(JWT, jwks_url=None, peer_claims=True)
    assert wheres(Identity(jwt=(told,), trusted_peers=("10.0.0.7",))) == []
    assert wheres(Identity(jwt=(told,))) == ["identity.jwt.0.peer_claims"]


@pytest.mark.parametrize("name", ["none", "HS256", "HS512", "None", "", "RS1", "ES256K"])
def test_only_signatures_with_public_keys_are_taken(name: str) -> None:
    assert jwt_wheres(algorithms=("RS256", name)) == ["identity.jwt.0.algorithms"]


def test_no_algorithm_at_all_is_a_problem() -> None:
    assert jwt_wheres(algorithms=()) == ["identity.jwt.0.algorithms"]


@pytest.mark.parametrize("key", ["issuer", "audience", "groups_claim", "clearances_claim", "tenant_claim"])
def test_a_claim_that_is_checked_against_nothing_is_a_problem(key: str) -> None:
    assert jwt_wheres(**{key: ""}) == [f"identity.jwt.0.{key}"]


def test_keys_are_not_fetched_over_a_line_that_others_can_change() -> None:
    assert jwt_wheres(jwks_url="http://issuer/keys") == ["identity.jwt.0.jwks_url"]
    assert jwt_wheres(jwks_url="http://localhost.evil/keys") == ["identity.jwt.0.jwks_url"]
    assert jwt_wheres(jwks_url="http://127.0.0.1:1/keys") == []
    assert jwt_wheres(jwks_url="https://issuer/keys?a=b") == []
    discovered = {"jwks_url": None, "discovery": True}
    assert jwt_wheres(**discovered) == []
    assert jwt_wheres(**discovered, issuer="http://issuer") == ["identity.jwt.0.issuer"]
    assert jwt_wheres(**discovered, issuer="our-issuer") == ["identity.jwt.0.issuer"]


def test_of_several_issuers_only_the_first_may_name_the_tenant_itself() -> None:
    second = replace(JWT, issuer="https://other")
    assert wheres(Identity(jwt=(JWT, second))) == ["identity.jwt.1.tenant"]
    assert wheres(Identity(jwt=(JWT, replace(second, tenant="other")))) == []


def test_an_issuer_stands_there_once() -> None:
    assert wheres(Identity(jwt=(JWT, replace(JWT, tenant="b")))) == ["identity.jwt.1.issuer"]


@pytest.mark.parametrize("peer", ["10.0.0.7", "10.0.0.0/24", "::1", "2001:db8::/64"])
def test_a_trusted_peer_is_an_address_or_a_network(peer: str) -> None:
    assert wheres(replace(PEER, trusted_peers=(peer,))) == []


@pytest.mark.parametrize(
    "peer", ["", "0.0.0.0/0", "::/0", "10.0.0.7/24", "gateway", "10.0.0.300", "http://gateway", "*"]
)
def test_nobody_trusts_everybody_or_a_name(peer: str) -> None:
    assert wheres(replace(PEER, trusted_peers=(peer,))) == ["identity.trusted_peers.0"]


def test_a_peer_with_a_certificate_needs_one_to_be_asked_for(mutual: Listen) -> None:
    group = replace(PEER, trusted_peers=("spiffe://acme/ns/mesh/sa/gateway",))
    assert wheres(group) == ["identity.trusted_peers.0"]
    assert wheres(group, mutual) == []
    for wrong in ("spiffe://", "spiffe://acme/*", "spiffe://Acme/a", "spiffe://acme/a/", "spiffe://a/{b}"):
        assert wheres(replace(group, trusted_peers=(wrong,)), mutual) == ["identity.trusted_peers.0"]


def test_peers_that_may_tell_nothing_are_a_mistake() -> None:
    assert wheres(replace(PEER, certificates=())) == ["identity.trusted_peers"]


def test_certificates_that_nobody_shows_are_a_mistake(mutual: Listen) -> None:
    group = Identity(certificates=(LINE,))
    assert wheres(group) == ["identity.certificates"]
    assert wheres(group, mutual) == []
    assert mutual.tls is not None
    without = replace(mutual, tls=replace(mutual.tls, client_certificate="none"))
    assert wheres(group, without) == ["identity.certificates"]


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (Certificate("a"), ""),
        (Certificate("a", uri="spiffe://a", dns="b"), ""),
        (Certificate("", dns="b"), ".subject"),
        (Certificate("a", dns="b", tenant=""), ".tenant"),
        (Certificate("{who}", dns="b"), ".subject"),
        (Certificate("a", dns="{host}.b", actor="{who}"), ".actor"),
        (Certificate("{Who}", dns="{Who}.b"), ""),
        (Certificate("a", dns="{host.b"), ""),
        (Certificate("a}", dns="b"), ""),
    ],
)
def test_a_line_of_the_table_names_one_thing_in_full(line: Certificate, where: str) -> None:
    assert wheres(replace(PEER, certificates=(line,))) == [f"identity.certificates.0{where}"]


def test_a_line_with_open_parts_may_repeat_them() -> None:
    line = Certificate("{account}", uri="spiffe://a/{space}/{account}", actor="{space}/{account}")
    assert wheres(replace(PEER, certificates=(line,))) == []


def test_an_agent_stands_there_once() -> None:
    assert wheres(Identity(agents=(Agent("a"), Agent("a"), Agent("")))) == [
        "identity.agents.1.id",
        "identity.agents.2.id",
    ]


def told(listen: Listen) -> list[str]:
    problems: Iterator[Problem] = identity_checks.tls(listen)
    return [problem.where for problem in problems]


def test_client_certificates_need_an_authority_and_the_other_way_round(mutual: Listen) -> None:
    assert mutual.tls is not None
    assert told(mutual) == []
    assert told(Listen()) == []
    assert told(replace(mutual, tls=replace(mutual.tls, client_ca_file=None))) == [
        "listen.tls.client_ca_file"
    ]
    assert told(replace(mutual, tls=replace(mutual.tls, client_certificate="none"))) == [
        "listen.tls.client_certificate"
    ]


def test_the_key_of_the_certificate_is_a_secret(mutual: Listen) -> None:
    assert mutual.tls is not None
    mutual.tls.key_file.chmod(0o644)
    mutual.tls.cert_file.unlink()
    assert told(mutual) == ["listen.tls.cert_file", "listen.tls.key_file"]


def test_one_issuer_is_written_with_or_without_a_dash(tmp_path: Path) -> None:
    path = tmp_path / "sluicegate.yaml"
    issuer = "issuer: https://a, audience: b, jwks_url: https://a/keys"
    for text in (f"{{{issuer}}}", f"[{{{issuer}}}]"):
        path.write_text(f"identity: {{jwt: {text}}}\n")
        assert load(path, environ={}).identity.jwt == (Jwt("https://a", "b", jwks_url="https://a/keys"),)


def test_a_number_of_an_issuer_has_its_range(tmp_path: Path) -> None:
    path = tmp_path / "sluicegate.yaml"
    path.write_text(
        "identity:\n  jwt:\n    - {issuer: https://a, audience: b, jwks_url: https://a/k, leeway_s: 400}\n"
    )
    with pytest.raises(ConfigInvalid) as caught:
        load(path, environ={})
    assert caught.value.problems == (
        f"{path}:3: identity.jwt.0.leeway_s: must be a number of at least 0 and at most 300",
    )
