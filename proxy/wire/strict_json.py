"""JSON as every usual parser reads it, or not at all: what the policies see is what any server will see.

Refuses what parsers are known to disagree on (doubled keys, integers that a double cannot hold, other
encodings than UTF-8, lone surrogates, NaN). Which keys may stand in a body is the dialect's schema.
"""

import json
from typing import Any, Final

import orjson

from proxy.errors import RequestInvalid
from proxy.exchange import Json

LARGEST_INTEGER: Final = 2**53
"""From here on a double skips integers (RFC 8259, section 6), so parsers begin to disagree."""

_RUN: Final = b"0" * len(str(LARGEST_INTEGER))
_AS_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")


def loads(body: bytes, *, depth: int) -> Json:
    """The value that `body` spells, at most `depth` containers deep. Raises RequestInvalid, not quoting it.

    Three cheap tests decide almost every body; only one that fails them is read once more, exactly, slowly.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestInvalid("The body is not JSON in UTF-8.") from None
    if body.count(b"{") + body.count(b"[") > depth and deeper(value, depth):
        raise RequestInvalid(f"The body is nested more than {depth} levels deep.")
    if _RUN in body.translate(_AS_ZERO) or _may_double_a_key(body, value):
        _read_exactly(body)
    return value


def deeper(value: Json, depth: int) -> bool:
    """Whether containers stand more than `depth` deep in each other. By levels: nesting costs no stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        level = [inner for outer in level for inner in _members(outer) if isinstance(inner, dict | list)]
    return bool(level)


def _may_double_a_key(body: bytes, value: Json) -> bool:
    """False only when no object names a key twice.

    A parser drops one of the doubled members, and its colon with it, so the value written out again has
    fewer colons than the body. Nothing can make up for that: writing never adds a colon, and in a string
    only the escape `\\u003a` spells one without showing it.
    """
    return b"\\u003" in body or body.count(b":") != orjson.dumps(value).count(b":")


def _members(container: Json) -> Any:
    return container.values() if isinstance(container, dict) else container


def _read_exactly(body: bytes) -> None:
    """`json` tells what orjson does not: every pair of an object, and every integer as it was spelled."""
    json.loads(body.decode(), object_pairs_hook=_no_key_twice, parse_int=_whole)


def _no_key_twice(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RequestInvalid("An object in the body names one of its keys twice.")
    return members


def _whole(spelled: str) -> int:
    # The length first: reading a long integer takes time that grows with its square.
    if len(spelled) > len(_RUN) + 1 or abs(int(spelled)) > LARGEST_INTEGER:
        raise RequestInvalid("An integer in the body is larger than 2^53; send it as a string.")
    return int(spelled)
