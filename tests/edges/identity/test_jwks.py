"""A key set gives public signing keys, each for the algorithms of its own type, and nothing else."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity.jwks import MAX_BYTES, MAX_KEYS, KeysUnreadable, read_key_set
from tests.edges.fakes_identity import EC, ED, OTHER_RSA, RSA, jwk, key_set

ALL = ("RS256", "PS256", "ES256", "EdDSA")


def test_a_key_is_found_by_its_id_and_algorithm() -> None:
    keys = read_key_set(key_set(jwk(RSA, "r"), jwk(EC, "e"), jwk(ED, "d")), ALL)
    for key_id, algorithm in (("r", "RS256"), ("r", "PS256"), ("e", "ES256"), ("d", "EdDSA")):
        found = keys.find(key_id, algorithm)
        assert found is not None
        assert found.id == key_id


def test_a_key_of_one_type_never_serves_anothers_algorithm() -> None:
    keys = read_key_set(key_set(jwk(RSA, "r"), jwk(EC, "e"), jwk(ED, "d")), ALL)
    for key_id, algorithm in (("r", "ES256"), ("e", "RS256"), ("d", "RS256"), ("r", "HS256"), ("e", "none")):
        assert keys.find(key_id, algorithm) is None


def test_a_key_serves_only_the_algorithm_that_it_names() -> None:
    keys = read_key_set(key_set(jwk(RSA, alg="PS256")), ALL)
    assert keys.find("one", "PS256") is not None
    assert keys.find("one", "RS256") is None


def test_a_key_serves_only_a_configured_algorithm() -> None:
    keys = read_key_set(key_set(jwk(RSA)), ("RS256",))
    assert keys.find("one", "PS256") is None


def test_without_an_id_a_key_is_found_only_where_there_is_no_choice() -> None:
    alone = read_key_set(key_set(jwk(RSA, "r"), jwk(EC, "e")), ALL)
    assert alone.find(None, "RS256") is not None
    two = read_key_set(key_set(jwk(RSA, "a"), jwk(OTHER_RSA, "b")), ALL)
    assert two.find(None, "RS256") is None
    assert two.find("a", "RS256") is not None


def test_an_id_that_two_keys_share_names_neither() -> None:
    keys = read_key_set(key_set(jwk(RSA, "a"), jwk(OTHER_RSA, "a")), ALL)
    assert keys.find("a", "RS256") is None


@pytest.mark.parametrize(
    "unusable",
    [
        jwk(RSA, use="enc"),
        jwk(RSA, key_ops=["encrypt"]),
        jwk(RSA, key_ops="verify"),
        jwk(RSA, alg="RSA-OAEP"),
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA)) | {"key_ops": ["verify"]},
        json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC)),
        jwk(RSA, n="AQAB"),
        jwk(RSA, n=5),
        jwk(RSA, kty="EC"),
        jwk(RSA, kty=["RSA"]),
        jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        jwk(EC, crv="P-384"),
        jwk(EC, crv=None),
        jwk(EC, x="AAAA"),
        jwk(ED, crv="X25519"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "RS256"},
        {},
        "text",
        None,
    ],
)
def test_a_key_that_is_not_a_public_signing_key_is_left_out(unusable: object) -> None:
    with pytest.raises(KeysUnreadable):
        read_key_set(json.dumps({"keys": [unusable]}).encode(), ALL)
    others = read_key_set(json.dumps({"keys": [unusable, jwk(EC, "good")]}).encode(), ALL)
    assert others.find("good", "ES256") is not None
    assert len(others.prints) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b"<html>",
        key_set(*(jwk(EC, f"{number}") for number in range(MAX_KEYS + 1))),
        b" " * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(KeysUnreadable):
        read_key_set(content, ALL)


def test_two_sets_with_the_same_keys_are_the_same_in_any_order() -> None:
    one = read_key_set(key_set(jwk(RSA, "r"), jwk(EC, "e")), ALL)
    other = read_key_set(key_set(jwk(EC, "e"), jwk(RSA, "r")), ALL)
    assert one.prints == other.prints
    assert one.prints != read_key_set(key_set(jwk(EC, "e"), jwk(OTHER_RSA, "r")), ALL).prints


def test_nothing_shows_the_material() -> None:
    keys = read_key_set(key_set(jwk(RSA)), ALL)
    assert repr(keys) == "<KeySet of 1>"
    assert jwk(RSA)["n"] not in repr(keys.find("one", "RS256"))


def values() -> st.SearchStrategy[object]:
    plain = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=8) | st.just("AQAB")
    return plain | st.lists(plain, max_size=2) | st.dictionaries(st.text(max_size=3), plain, max_size=2)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "n", "e", "x", "y", "d", "alg", "use", "kid", "key_ops", "k"]),
        values(),
    ),
    st.sampled_from(["RSA", "EC", "OKP", "oct"]),
)
def test_a_crooked_key_never_stops_the_others(entry: dict[str, object], kind: str) -> None:
    keys = read_key_set(key_set({"kty": kind, **entry}, jwk(EC, "the good one")), ALL)
    assert keys.find("the good one", "ES256") is not None
