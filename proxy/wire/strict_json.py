"""JSON as every usual parser reads it, or not at all: what the policies see is what any server will see.

Refuses what parsers are known to disagree on (doubled keys, integers that a double cannot hold, other
encodings than UTF-8, lone surrogates, NaN). Which keys may stand in a body is the dialect's schema.
"""

import json
import math
from typing import Any, Final

import orjson

from proxy.errors import RequestInvalid
from proxy.exchange import Json

LARGEST_INTEGER: Final = 2**53
"""From here on a double skips integers (RFC 8259, section 6), so parsers begin to disagree."""

_DIGITS: Final = len(str(LARGEST_INTEGER))

_CONTAINERS: Final = (dict, list)  # `dict | list` would be made anew for each value that is looked at


def loads(body: bytes, *, depth: int) -> Json:
    """The value that `body` spells, at most `depth` containers deep. Raises RequestInvalid, not quoting it.

    The standard library's parser is the only one in C that shows every pair of an object and how a number was
    spelled. It lets lone surrogates pass, which only an escape can spell; so where there are escapes of that
    kind, a parser that refuses them reads the body too.
    """
    try:
        text = body.decode()
        value = _DECODER.decode(text)
        if "\\" in text and "\\u" in text:  # a single character is found at ten times the speed
            orjson.loads(body)
    except (UnicodeDecodeError, json.JSONDecodeError):  # orjson's error is one of json's
        raise RequestInvalid("The body is not JSON in UTF-8.") from None
    except RecursionError:
        raise _too_deep(depth) from None
    if deeper(value, depth):
        raise _too_deep(depth)
    return value


def deeper(value: Json, depth: int) -> bool:
    """Whether containers stand more than `depth` deep in each other. By levels: nesting costs no stack."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(depth):
        if not level:
            return False
        level = [inner for outer in level for inner in _members(outer) if isinstance(inner, _CONTAINERS)]
    return bool(level)


def _members(container: Json) -> Any:
    return container.values() if isinstance(container, dict) else container


def _too_deep(depth: int) -> RequestInvalid:
    return RequestInvalid(f"The body is nested more than {depth} levels deep.")


def _no_key_twice(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RequestInvalid("An object in the body names one of its keys twice.")
    return members


def _whole(spelled: str) -> int:
    # The length first: reading a long integer takes time that grows with its square.
    if len(spelled) > _DIGITS + 1 or abs(int(spelled)) > LARGEST_INTEGER:
        raise RequestInvalid("An integer in the body is larger than 2^53; send it as a string.")
    return int(spelled)


def _fraction(spelled: str) -> float:
    number = float(spelled)
    if math.isinf(number):
        raise RequestInvalid("A number in the body is larger than any double.")
    return number


def _no_number(spelled: str) -> float:
    raise RequestInvalid(f"{spelled} is not a number in JSON.")  # NaN, Infinity, -Infinity


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_no_key_twice, parse_int=_whole, parse_float=_fraction, parse_constant=_no_number
)
