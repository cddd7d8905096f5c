"""A JSON Web Key Set (RFC 7517) → the public keys that a token may be signed with. No I/O.

Each key is bound to the algorithms of its own type, so that a token's header can never make one kind of key
be used as another (RFC 8725 §2.1 and §3.1).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson

MAX_BYTES = 256 * 1024
"""Of a key set: the largest provider publishes a dozen keys, about 20 kB with their certificates."""

MAX_KEYS = 64
"""Three times as many as any provider publishes."""

MIN_RSA_BITS = 2048
"""NIST SP 800-131A."""

_EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA_ALGORITHMS = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))


class KeysUnreadable(ValueError):
    """No usable key. The words quote nothing of the set."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`material`: a public key of `cryptography`."""

    id: str | None
    algorithms: frozenset[str]
    material: Any = field(repr=False)
    thumbprint: bytes = field(repr=False)


class KeySet:
    """Equal to another when it holds the same keys, so that an unchanged fetch changes nothing."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = tuple(keys)
        self.prints = frozenset((key.id, key.thumbprint, key.algorithms) for key in self._keys)

    def __repr__(self) -> str:
        return f"<KeySet of {len(self._keys)}>"

    def find(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        """The one key that a token with this header is to be checked with; none if two could be meant.

        A token without `kid` may be checked only where no choice is left.
        """
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        named = fitting if key_id is None else [key for key in fitting if key.id == key_id]
        return named[0] if len(named) == 1 else None


def read_key_set(content: bytes, algorithms: Iterable[str]) -> KeySet:
    """Raises KeysUnreadable when it is no key set, or holds no key for any of the algorithms.

    RFC 7517 §5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" (key type) values that
    are not understood by them, that are missing required members, or for which values are out of the
    supported ranges."
    """
    if len(content) > MAX_BYTES:
        raise KeysUnreadable(f"the key set is larger than {MAX_BYTES} bytes")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise KeysUnreadable("this is not JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise KeysUnreadable("this is not a JSON Web Key Set: it has no list `keys`")
    if len(listed) > MAX_KEYS:
        raise KeysUnreadable(f"the key set holds more than {MAX_KEYS} keys")
    keys = KeySet(_usable(listed, frozenset(algorithms)))
    if not keys.prints:
        raise KeysUnreadable("no public signing key for the configured algorithms is in the set")
    return keys


def _usable(listed: Iterable[Any], allowed: frozenset[str]) -> Iterator[SigningKey]:
    for entry in listed:
        if isinstance(entry, dict) and _for_signatures(entry):
            fitting = _algorithms(entry) & allowed
            material = _material(entry, fitting)
            if material is not None:
                key_id = entry.get("kid")
                print_of = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
                yield SigningKey(key_id if isinstance(key_id, str) else None, fitting, material, print_of)


def _for_signatures(entry: Mapping[str, Any]) -> bool:
    """Public, and not meant for encryption. A published private key is nobody's any more: it is not used."""
    operations = entry.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    return verifies and "d" not in entry and entry.get("use", "sig") == "sig"


def _algorithms(entry: Mapping[str, Any]) -> frozenset[str]:
    """What the key's type can do, narrowed to the one that it says it is for."""
    match entry.get("kty"):
        case "RSA":
            able = _RSA_ALGORITHMS
        case "EC":
            able = frozenset((_EC_ALGORITHMS.get(str(entry.get("crv")), ""),))
        case "OKP" if entry.get("crv") == "Ed25519":
            able = frozenset(("EdDSA",))
        case _:
            able = frozenset()
    return able & {entry["alg"]} if isinstance(entry.get("alg"), str) else able


def _material(entry: dict[str, Any], algorithms: frozenset[str]) -> Any:
    if not algorithms:
        return None
    try:
        material = jwt.PyJWK(entry, min(algorithms)).key
    except (
        jwt.PyJWTError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ):  # whatever a crooked entry causes
        return None
    if entry["kty"] == "RSA" and material.key_size < MIN_RSA_BITS:
        return None
    return material
