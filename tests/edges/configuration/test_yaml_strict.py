from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.configuration.yaml_strict import YamlProblem, read_yaml

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(values.map(lambda value: yaml.safe_dump(value, allow_unicode=True)))
def test_what_is_read_at_all_is_read_as_every_parser_reads_it(text: str) -> None:
    try:
        found, _ = read_yaml(text.encode())
    except YamlProblem:
        return
    assert found == yaml.safe_load(text)


@given(st.lists(st.integers(min_value=-9, max_value=9) | st.text("abc xyz", min_size=1), max_size=4))
def test_json_is_yaml(value: list[Any]) -> None:
    assert read_yaml(orjson.dumps(value))[0] == value


def test_every_value_has_its_line() -> None:
    found, places = read_yaml(b"# a list\nmodels:\n  finance:\n    - small\n    - 'large'\nopen: true\n")
    assert found == {"models": {"finance": ["small", "large"]}, "open": True}
    assert places[("models", "finance", 1)] == 5
    assert places[("open",)] == 6


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: no", 1),
        ("a: 1\nb: Yes", 2),
        ("a: 0x10", 1),
        ("a: 010", 1),
        ("a: 1_000", 1),
        ("a: +1", 1),
        ("a: 1e3", 1),
        ("a: .5", 1),
        ("a: .inf", 1),
        ("a: ~", 1),
        ("a: 2026-01-01", 1),
        ("a: 12:30", 1),
        ("a: Null", 1),
        ("a:\n", 1),
        ("a: &x b\nc: *x", 1),
        ("a: b\nc: !!str d", 2),
        ("a: 1\na: 2", 2),
        ("1: a", 1),
        ("true: a", 1),
        ("[a]: b", 1),
        ("<<: {a: b}", 1),
        ("a: 9007199254740992", 1),
        ("a: b\n---\nc: d", 2),
        ("a: [", 1),
        ("", 1),
        ("# nothing", 1),
        ("[" * 40 + "]" * 40, 1),
        ("[" * 40_000, 1),
    ],
)
def test_what_two_parsers_could_read_in_two_ways_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(YamlProblem) as refused:
        read_yaml(text.encode())
    assert refused.value.line == line


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    with pytest.raises(YamlProblem) as refused:
        read_yaml(b"a: b\nc: \xff")
    assert refused.value.line == 2
