import json
import math
import time
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import RequestInvalid
from proxy.wire.strict_json import LARGEST_INTEGER, loads

DEPTH = 64

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a:b", '":', "\\u003a", ":", '\\"'])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


@st.composite
def spelled(draw: st.DrawFn, value: Any) -> str:
    """One of the ways in which a value can be written: spaces, escapes, doubled keys."""
    space = draw(st.sampled_from(["", " ", "\n", "\t "]))
    if isinstance(value, dict):
        pairs = list(value.items())
        if pairs and draw(st.integers(0, 3)) == 0:
            pairs.append((draw(st.sampled_from(pairs))[0], draw(scalars)))
        members = [f"{_text(draw, key)}{space}:{space}{draw(spelled(inner))}" for key, inner in pairs]
        return "{" + f"{space},{space}".join(members) + "}"
    if isinstance(value, list):
        return f"[{space}" + ",".join(draw(spelled(inner)) for inner in value) + f"{space}]"
    return _text(draw, value) if isinstance(value, str) else json.dumps(value)


def _text(draw: st.DrawFn, text: str) -> str:
    how = draw(st.integers(0, 2))
    if how == 0:
        return json.dumps(text)
    if how == 1:
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(f"\\u{unit:04x}" for unit in _units(text)) + '"'


def _units(text: str) -> list[int]:
    raw = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2)]


class Doubled(Exception):
    """A reference reader found a key twice, or a number that readers disagree on."""


def reference(body: bytes) -> Any:
    """What the standard library reads, or Doubled: forty times slower and plainly right."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise Doubled
        return dict(pairs)

    def whole(text: str) -> int:
        if abs(int(text)) > 2**53:
            raise Doubled
        return int(text)

    def constant(text: str) -> float:
        raise Doubled

    return json.loads(body, object_pairs_hook=members, parse_int=whole, parse_constant=constant)


@given(values.flatmap(spelled))
@example('{"a":1,"a":2}')
@example('{"a" :1,"b":"\\u003a","a":2}')
@example('{"\\u0061":1,"a":2}')
@example('{"a":{"b":1,"b":2},"c":":"}')
@example('{"a":"\\\\u003a","a":"x"}')
@example('[9007199254740993, "9007199254740993"]')
def test_it_reads_what_the_reference_reads_and_refuses_what_the_reference_refuses(text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    try:
        expected = reference(body)
        orjson.dumps(expected)  # lone surrogates are text to the standard library alone
        if any(math.isinf(number) for number in _floats(expected)):
            raise Doubled
    except (Doubled, TypeError, UnicodeDecodeError):
        with pytest.raises(RequestInvalid):
            loads(body, depth=DEPTH)
    else:
        assert _same(loads(body, depth=DEPTH), expected)


def _floats(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in _floats(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in _floats(inner)]
    return [value] if isinstance(value, float) else []


def _same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right) or json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0013ea. \n-', max_size=30).map(str.encode))
def test_any_bytes_are_refused_or_read_alike_by_the_standard_library(body: bytes) -> None:
    try:
        value = loads(body, depth=DEPTH)
    except RequestInvalid:
        return
    assert json.loads(orjson.dumps(value)) == value == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff"}',
        b'{"a":1} {"b":2}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1}//x',
        b'{"a":01}',
        b'{"a":"\x00"}',
        b'{"a":1}\x00',
        b'{"messages":[],"mess\\u0061ges":[1]}',
        b'{"a":{"b":[{"c":1,"c":2}]}}',
        b"9007199254740993",
        b"-9007199254740993",
        b"18446744073709551616",
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":' + b"1" * 400 + b"}",
    ],
)
def test_what_parsers_disagree_on_is_refused(body: bytes) -> None:
    with pytest.raises(RequestInvalid) as refused:
        loads(body, depth=DEPTH)
    assert refused.value.status == 400


@pytest.mark.parametrize("number", [LARGEST_INTEGER, -LARGEST_INTEGER, 0])
def test_integers_up_to_the_bound_pass(number: int) -> None:
    assert loads(str(number).encode(), depth=DEPTH) == number


def test_long_digits_in_text_and_fractions_pass() -> None:
    body = b'{"card":"41111111111111111111","third":0.33333333333333333333,"far":1e30}'
    assert loads(body, depth=DEPTH) == json.loads(body)


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_bound_on_depth_is_exact(brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    within = opening * DEPTH + b"1" + closing * DEPTH
    assert loads(within, depth=DEPTH) == json.loads(within)
    with pytest.raises(RequestInvalid):
        loads(opening * (DEPTH + 1) + b"1" + closing * (DEPTH + 1), depth=DEPTH)


def test_many_brackets_side_by_side_are_not_depth() -> None:
    body = b"[" + b",".join([b'{"a":["[[[[{{{{"]}'] * 500) + b"]"
    assert loads(body, depth=4) == json.loads(body)


@pytest.mark.parametrize("body", [b"[" * 4_000_000, b'{"a":' * 700_000, b'{"a":' + b"1" * 3_000_000 + b"}"])
def test_hostile_bodies_are_refused_quickly(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(RequestInvalid):
        loads(body, depth=DEPTH)
    assert time.process_time() - began < 0.5


def test_an_error_never_quotes_the_body() -> None:
    for body in (b'{"secret"', b'{"secret":1,"secret":2}', b'{"secret":99999999999999999999}'):
        with pytest.raises(RequestInvalid) as refused:
            loads(body, depth=DEPTH)
        assert "secret" not in str(refused.value)
        assert "999" not in str(refused.value)
