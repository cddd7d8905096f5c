"""What claims tell, when they are right; everything else about them stands in test_tokens.py."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity.claims import (
    MAX_ACTORS,
    ClaimsRefused,
    check_claims,
    decoded,
    read_claims,
)
from proxy.edges.identity.proof import Proof
from proxy.exchange import Identity, Subject
from tests.edges.fakes_identity import AUDIENCE, ISSUER, NOW, settings


def told(**claims: Any) -> Proof:
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 600, **claims}
    return check_claims(whole, settings(), NOW, "jwt").proof


def chain(length: int) -> dict[str, Any]:
    act: dict[str, Any] = {"sub": f"a{length}"}
    for number in range(length - 1, 0, -1):
        act = {"sub": f"a{number}", "act": act}
    return act


def test_the_outermost_actor_acts_and_the_others_are_history() -> None:
    assert told(act=chain(3)).identity == Identity(
        Subject("alice"), "a1", "jwt", actor_chain=("a2", "a3"), delegated=True
    )


def test_a_chain_of_actors_has_an_end() -> None:
    assert len(told(act=chain(MAX_ACTORS)).identity.actor_chain) == MAX_ACTORS - 1
    with pytest.raises(ClaimsRefused):
        told(act=chain(MAX_ACTORS + 1))


@pytest.mark.parametrize(
    "act",
    [
        {"sub": "a", "act": "b"},
        {"sub": "a", "act": {}},
        {"sub": "a", "act": {"sub": ["b"]}},
        {"sub": "a", "act": None},
        {"sub": "a", "iss": "https://other.example"},
        {"sub": "a", "iss": None},
        {"sub": "a", "act": {"sub": "b", "iss": "https://other.example"}},
    ],
)
def test_a_crooked_actor_anywhere_in_the_chain_refuses_the_token(act: dict[str, Any]) -> None:
    with pytest.raises(ClaimsRefused):
        told(act=act)


def test_an_actor_of_the_same_issuer_is_taken() -> None:
    assert told(act={"sub": "a", "iss": ISSUER}).identity.actor == "a"


def test_an_application_is_an_actor_that_was_not_delegated_to() -> None:
    assert not told(azp="portal").identity.delegated


def test_who_may_act_is_told() -> None:
    assert told().only_actor is None
    assert told(may_act={"sub": "bot"}).only_actor == "bot"
    for crooked in ("bot", {}, {"sub": ""}, None, ["bot"]):
        with pytest.raises(ClaimsRefused):
            told(may_act=crooked)


def test_a_tenant_of_the_settings_is_not_the_tokens_to_choose() -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": NOW + 1, "tenant": "theirs"}
    fixed = replace(settings(), tenant="ours")
    assert check_claims(claims, fixed, NOW, "jwt").proof.identity.subject.tenant == "ours"


def test_the_method_is_told_by_who_checked_the_signature() -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": NOW + 1}
    claimed = check_claims(claims, settings(), NOW, "forwarded_claims")
    assert claimed.proof.identity.method == "forwarded_claims"
    assert claimed.until == NOW + 1 + settings().leeway_s


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'"a"',
        b"{",
        b'{"sub": "a", "sub": "b"}',
        b'{"act": {"sub": "a", "sub": "b"}}',
        b'{"exp": Infinity}',
        b'{"exp": 1e999}',
        b"\xff",
        b'{"a":' * 20 + b"1" + b"}" * 20,
    ],
)
def test_claims_that_are_no_plain_object_are_refused(payload: bytes) -> None:
    with pytest.raises(ClaimsRefused):
        read_claims(payload)


@given(st.binary(max_size=60))
def test_base64url_is_read_with_and_without_its_padding(content: bytes) -> None:
    padded = base64.urlsafe_b64encode(content).decode()
    if content:
        assert decoded(padded) == decoded(padded.rstrip("=")) == content


@given(st.text(max_size=40))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    try:
        decoded(text)
    except ClaimsRefused:
        pass
