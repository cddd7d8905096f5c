"""A token tells who asks only when all of it is right; every wrong one is refused alike."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity import tokens as identity_jwt
from proxy.edges.identity.jwks import KeySet, read_key_set
from proxy.edges.identity.tokens import FileKeys, Issuers, JwtIdentity, read_key_file
from proxy.edges.kept import Kept
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.exchange import Identity, Subject
from tests.edges.fakes_identity import (
    EC,
    ED,
    ISSUER,
    NOW,
    OTHER_RSA,
    RSA,
    HandClock,
    jwk,
    key_set,
    settings,
    token,
)

ALGORITHMS = ("RS256", "ES256", "EdDSA")
KEYS = read_key_set(key_set(jwk(RSA, "one"), jwk(EC, "e"), jwk(ED, "d")), ALGORITHMS)


class Keys:
    """Keys that change when the test says so."""

    def __init__(self, keys: KeySet | None = KEYS, renewed: KeySet | None = None) -> None:
        self.keys = keys
        self.next = renewed
        self.renewals = 0

    def current(self) -> KeySet:
        if self.keys is None:
            raise EngineUnavailable("no keys")
        return self.keys

    async def renewed(self) -> KeySet:
        self.renewals += 1
        self.keys = self.next or self.keys
        return self.current()


def door(clock: HandClock | None = None, keys: Keys | None = None, **changes: Any) -> JwtIdentity:
    return JwtIdentity(settings(**changes), keys or Keys(), clock or HandClock())


async def told(token: str, **changes: Any) -> Identity:
    found = await door(**changes).identify(token)
    assert found is not None
    return found.identity


def part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


async def test_a_good_token_tells_subject_and_groups() -> None:
    claims = {
        "groups": ["finance", "board"],
        "clearances": ["confidential"],
        "tenant": "acme",
        "azp": "ledger",
    }
    assert await told(token(claims)) == Identity(
        Subject("alice", "acme", ("finance", "board"), ("confidential",)), "ledger", "jwt"
    )


async def test_without_claims_there_are_no_rights() -> None:
    assert await told(token(without=["groups"])) == Identity(Subject("alice"), "unknown", "jwt")


@pytest.mark.parametrize(("key", "algorithm", "key_id"), [(EC, "ES256", "e"), (ED, "EdDSA", "d")])
async def test_each_configured_algorithm_works(key: Any, algorithm: str, key_id: str) -> None:
    signed = token(key=key, algorithm=algorithm, header={"kid": key_id})
    assert await door().identify(signed) is not None


async def test_claims_may_have_other_names() -> None:
    names: dict[str, Any] = {
        "groups_claim": "https://acme/roles",
        "clearances_claim": "labels",
        "tenant_claim": "tid",
    }
    claims = {"https://acme/roles": ["a"], "labels": ["b"], "tid": "c", "groups": ["not these"]}
    assert (await told(token(claims), **names)).subject == Subject("alice", "c", ("a",), ("b",))


@pytest.mark.parametrize(
    ("claims", "actor"),
    [
        ({"act": {"sub": "agent"}, "azp": "app"}, "agent"),
        ({"act": {"sub": "agent", "act": {"sub": "earlier"}}}, "agent"),
        ({"azp": "app", "client_id": "other"}, "app"),
        ({"client_id": "app"}, "app"),
        ({}, "unknown"),
    ],
)
async def test_the_actor_is_who_acts_now(claims: dict[str, Any], actor: str) -> None:
    assert (await told(token(claims))).actor == actor


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": "finance"},
        {"groups": {"finance": True}},
        {"groups": ["finance", 5]},
        {"groups": [""]},
        {"groups": ["a\nb"]},
        {"groups": ["a" * 257]},
        {"groups": [f"g{n}" for n in range(513)]},
        {"groups": None},
        {"clearances": "all"},
        {"tenant": ["a"]},
        {"tenant": ""},
        {"tenant": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": None},
        {"sub": "a\x00"},
        {"act": "agent"},
        {"act": {}},
        {"act": {"sub": 5}},
        {"act": None, "azp": "app"},
        {"azp": 5},
        {"azp": None, "client_id": "app"},
        {"client_id": ["app"]},
        {"iss": "https://other.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"aud": "other"},
        {"aud": ["other", "another"]},
        {"aud": []},
        {"aud": {"sluicegate": 1}},
        {"exp": int(NOW) - 30},
        {"exp": str(int(NOW) + 600)},
        {"exp": True},
        {"exp": None},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": [int(NOW) + 600]},
        {"nbf": int(NOW) + 31},
        {"nbf": "0"},
        {"nbf": False},
        {"nbf": None},
        {"iat": int(NOW) + 31},
        {"iat": "yesterday"},
    ],
)
async def test_a_claim_that_is_not_right_refuses_the_token(claims: dict[str, Any]) -> None:
    whole = {"iss": ISSUER, "aud": "sluicegate", "sub": "alice", "exp": int(NOW) + 600, **claims}
    signed = jwt.api_jws.encode(json.dumps(whole).encode(), RSA, "RS256", headers={"kid": "one"})
    assert await door().identify(signed) is None


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp"])
async def test_a_claim_that_is_missing_refuses_the_token(name: str) -> None:
    assert await door().identify(token(without=[name])) is None


async def test_the_clocks_may_differ_by_the_leeway() -> None:
    late = {"exp": int(NOW) - 29}
    early = {"exp": int(NOW) + 600, "nbf": int(NOW) + 30, "iat": int(NOW) + 30}
    assert await door().identify(token(late)) is not None
    assert await door().identify(token(early)) is not None
    assert await door(leeway_s=0).identify(token(late)) is None
    assert await door(leeway_s=0).identify(token(early)) is None


async def test_one_audience_of_several_is_enough() -> None:
    assert await door().identify(token({"aud": ["other", "sluicegate"]})) is not None


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "gone"},
        {"kid": "e"},
        {"kid": ""},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": "secevent+jwt"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
    ],
)
async def test_a_header_that_is_not_right_refuses_the_token(header: dict[str, Any]) -> None:
    claims = {"iss": ISSUER, "aud": "sluicegate", "sub": "alice", "exp": int(NOW) + 600}
    head = {"alg": "RS256", "kid": "one", "typ": "JWT", **header}
    signing = f"{part(head)}.{part(claims)}"
    signature = jwt.algorithms.get_default_algorithms()["RS256"].sign(signing.encode(), RSA)
    whole = f"{signing}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert await door().identify(whole) is None


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_the_types_of_access_tokens_are_taken(kind: str) -> None:
    assert await door().identify(token(header={"typ": kind})) is not None


async def test_another_keys_signature_is_refused() -> None:
    assert await door().identify(token(key=OTHER_RSA)) is None


async def test_an_algorithm_that_is_not_configured_is_refused() -> None:
    assert await door(algorithms=("ES256",)).identify(token()) is None
    assert await door().identify(token(algorithm="RS512")) is None
    assert await door().identify(token(algorithm="PS256")) is None


async def test_a_published_key_is_no_secret_to_sign_with() -> None:
    """The classic: HMAC with the text of the public key, and no signature at all."""
    claims = {"iss": ISSUER, "aud": "sluicegate", "sub": "root", "exp": int(NOW) + 600}
    public = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for algorithm in ("HS256", "none", "None", "", None, ["RS256"], 5):
        signing = f"{part({'alg': algorithm, 'kid': 'one', 'typ': 'JWT'})}.{part(claims)}"
        mac = (
            base64.urlsafe_b64encode(hmac.digest(public, signing.encode(), hashlib.sha256))
            .rstrip(b"=")
            .decode()
        )
        for signature in ("", mac):
            assert await door().identify(f"{signing}.{signature}") is None


async def test_a_key_inside_the_token_is_not_looked_at() -> None:
    header = {"kid": "attacker", "jwk": jwk(OTHER_RSA, "attacker"), "jku": "https://evil/keys"}
    assert await door().identify(token(key=OTHER_RSA, header=header)) is None


async def test_no_byte_of_a_token_can_be_changed() -> None:
    whole = token()
    checking = door()
    assert await checking.identify(whole) is not None
    for place in range(0, len(whole), 7):
        for letter in ("A", "B"):
            changed = whole[:place] + letter + whole[place + 1 :]
            if changed != whole:
                assert await checking.identify(changed) is None, place


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
async def test_any_text_is_refused_and_never_another_error(text: str) -> None:
    assert await door().identify(text) is None


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=3))
async def test_any_header_is_refused_and_never_another_error(value: object) -> None:
    for name in ("alg", "kid", "typ", "crit"):
        head = {"alg": "RS256", "kid": "one", name: value}
        assert await door().identify(f"{part(head)}.{part({})}.AAAA") is None
    assert await door().identify(f"{part(value)}.{part(value)}.AAAA") is None


async def test_a_token_that_is_too_long_is_not_read() -> None:
    assert await door().identify(token({"pad": "x" * identity_jwt.MAX_TOKEN})) is None


async def test_deep_json_in_a_token_is_only_a_bad_token() -> None:
    head = base64.urlsafe_b64encode(b"[" * 6000).rstrip(b"=").decode()
    assert await door().identify(f"{head}.{head}.AAAA") is None


async def test_without_keys_nobody_is_refused_and_nobody_let_in() -> None:
    with pytest.raises(EngineUnavailable):
        await door(keys=Keys(None)).identify(token())


async def test_an_unknown_key_is_asked_for_once() -> None:
    rotated = read_key_set(key_set(jwk(OTHER_RSA, "two")), ALGORITHMS)
    keys = Keys(renewed=rotated)
    checking = door(keys=keys)
    assert await checking.identify(token(key=OTHER_RSA, header={"kid": "two"})) is not None
    assert keys.renewals == 1
    assert await checking.identify(token()) is None, "the old key went with the rotation"


async def test_a_verified_token_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    checking, whole = door(), token()
    first = await checking.identify(whole)
    monkeypatch.setattr("jwt.PyJWS", None)
    assert await checking.identify(whole) is first


async def test_a_remembered_token_is_refused_once_it_expires() -> None:
    clock = HandClock()
    checking, whole = door(clock), token()
    assert await checking.identify(whole) is not None
    clock.seconds = NOW + 600 + 29
    assert await checking.identify(whole) is not None
    clock.seconds = NOW + 600 + 30
    assert await checking.identify(whole) is None


async def test_a_remembered_token_is_refused_once_its_key_is_gone() -> None:
    keys = Keys()
    checking, whole = door(keys=keys), token()
    assert await checking.identify(whole) is not None
    keys.keys = read_key_set(key_set(jwk(OTHER_RSA, "one")), ALGORITHMS)
    assert await checking.identify(whole) is None
    keys.keys = None
    with pytest.raises(EngineUnavailable):
        await checking.identify(whole)


async def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_jwt, "CACHED", 3)
    checking = door()
    for number in range(5):
        assert await checking.identify(
            token({"sub": f"s{number}"}, key=ED, algorithm="EdDSA", header={"kid": "d"})
        )
    assert len(checking._verified) == 3


async def test_a_refused_token_is_not_remembered() -> None:
    checking = door()
    assert await checking.identify(token({"sub": ""})) is None
    assert len(checking._verified) == 0


async def test_nothing_shows_a_token_or_a_subject() -> None:
    checking, whole = door(), token({"sub": "alice-the-subject"})
    await checking.identify(whole)
    assert repr(checking) == "<JwtIdentity: 1 remembered>"
    assert whole not in repr(vars(checking))


async def test_a_remembered_token_costs_a_few_microseconds() -> None:
    checking, whole = door(), token()
    await checking.identify(whole)
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(200):
            await checking.identify(whole)
        best = min(best, (time.perf_counter() - start) / 200)
    assert best < 50e-6, "the budget is 8 µs on a quiet machine; a signature check alone costs more than this"


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(jwk(RSA)))
    keys = FileKeys(Kept("jwks_file", [path], lambda: read_key_file(path, ALGORITHMS), None))
    assert keys.current().find("one", "RS256") is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"-----BEGIN", "this is not JSON"),
        (b'{"keys": []}', "no public signing key for the configured algorithms is in the set"),
    ],
)
def test_a_file_without_keys_is_a_problem(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        read_key_file(path, ALGORITHMS)
    assert caught.value.problems == (f"{path}: {words}",)


def test_a_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid):
        read_key_file(tmp_path / "gone", ALGORITHMS)


OTHER = "https://other.example"


def two_issuers() -> Issuers:
    """The second one signs with keys of its own, and for its own audience."""
    second = settings(issuer=OTHER, audience="theirs", tenant="other")
    keys = read_key_set(key_set(jwk(OTHER_RSA, "one")), ALGORITHMS)
    return Issuers([door(), JwtIdentity(second, Keys(keys), HandClock())])


async def test_a_token_is_held_to_the_issuer_that_it_names() -> None:
    issuers = two_issuers()
    first = await issuers.identify(token())
    second = await issuers.identify(token({"iss": OTHER, "aud": "theirs"}, key=OTHER_RSA))
    assert first is not None
    assert second is not None
    assert (first.identity.subject.tenant, second.identity.subject.tenant) == ("default", "other")


@pytest.mark.parametrize(
    ("claims", "key"),
    [
        ({"iss": OTHER, "aud": "theirs"}, RSA),
        ({}, OTHER_RSA),
        ({"iss": OTHER}, OTHER_RSA),
        ({"aud": "theirs"}, RSA),
        ({"iss": "https://third.example"}, RSA),
        ({"iss": [ISSUER, OTHER]}, RSA),
        ({"iss": 5}, RSA),
    ],
)
async def test_no_issuer_speaks_for_another(claims: dict[str, Any], key: Any) -> None:
    whole = {"iss": ISSUER, "aud": "sluicegate", "sub": "alice", "exp": int(NOW) + 600, **claims}
    signed = jwt.api_jws.encode(json.dumps(whole).encode(), key, "RS256", headers={"kid": "one"})
    assert await two_issuers().identify(signed) is None


@given(st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}"))
async def test_among_several_issuers_any_text_is_refused(text: str) -> None:
    assert await two_issuers().identify(text) is None


async def test_claims_that_name_something_twice_are_refused() -> None:
    payload = (
        f'{{"iss":"{ISSUER}","aud":"sluicegate","sub":"alice","exp":{int(NOW) + 600},"groups":[],'
        '"groups":["finance"]}'
    )
    signed = jwt.api_jws.encode(payload.encode(), RSA, "RS256", headers={"kid": "one"})
    assert await door().identify(signed) is None
