import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ContentUnscannable, RequestInvalid
from proxy.exchange import Exchange
from proxy.wire import tree
from proxy.wire.openai_chat.request import upstream_body
from tests.wire.openai_chat.requests import call, chat, read, tool, user

floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=6) | floats
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(values)
def test_leaves_given_back_unchanged_leave_the_tree_as_it_is(value: Any) -> None:
    changes = {leaf.path: leaf.text for leaf in tree.leaves(value) if not leaf.number}
    assert tree.with_leaves(value, changes) == value


@given(objects, st.data())
def test_a_changed_leaf_stands_where_it_stood_and_nowhere_else(
    value: dict[str, Any], draw: st.DataObject
) -> None:
    leaves = tree.leaves(value)
    if not leaves:
        return
    leaf = draw.draw(st.sampled_from(leaves))
    before = copy.deepcopy(value)
    changed = tree.with_leaves(value, {leaf.path: "a canary"})
    assert value == before
    texts = [one.text for one in tree.leaves(changed)]
    assert texts == ["a canary" if one is leaf else one.text for one in leaves]


@given(objects)
def test_all_leaves_can_change_at_once_keys_among_them(value: dict[str, Any]) -> None:
    changes = {leaf.path: f"new {number}" for number, leaf in enumerate(tree.leaves(value))}
    changed = tree.with_leaves(value, changes)
    assert [leaf.text for leaf in tree.leaves(changed)] == list(changes.values())


def test_only_the_containers_along_a_changed_path_are_copied() -> None:
    value = {"kept": {"a": ["x"]}, "changed": {"b": ["y", "z"]}}
    changed = tree.with_leaves(value, {("changed", "b", 1): "new"})
    assert changed == {"kept": {"a": ["x"]}, "changed": {"b": ["y", "new"]}}
    assert changed["kept"] is value["kept"]
    assert value["changed"]["b"] == ["y", "z"]


def test_numbers_of_six_digits_are_texts_and_shorter_ones_are_not() -> None:
    value = {"amount": 99999, "account": 123456, "wide": 1234.56, "flag": True, "card": 4111111111111111}
    leaves = {leaf.path: leaf.text for leaf in tree.leaves(value) if not leaf.key}
    assert leaves == {("account",): "123456", ("wide",): "1234.56", ("card",): "4111111111111111"}
    assert tree.with_leaves(value, {("card",): "<CARD>"})["card"] == "<CARD>"


def test_two_keys_that_would_become_one_are_refused() -> None:
    with pytest.raises(ContentUnscannable):
        tree.with_leaves({"a": 1, "b": 2}, {(0,): "b"})


def test_keys_are_named_by_their_position_so_that_a_path_never_holds_one_twice() -> None:
    leaves = tree.leaves({"a": "x", "b": {"c": "y"}})
    assert [(leaf.text, leaf.path, leaf.key) for leaf in leaves] == [
        ("a", (0,), True),
        ("x", ("a",), False),
        ("b", (1,), True),
        ("c", ("b", 0), True),
        ("y", ("b", "c"), False),
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "{", '{"a":1,"a":2}', "NaN", '"\\ud800"', "9007199254740993", "\ud800"]
)
def test_what_is_not_strict_json_is_not_embedded(text: str) -> None:
    assert tree.embedded(text) is None


@given(objects)
def test_embedded_json_is_found_again(value: dict[str, Any]) -> None:
    assert tree.embedded(tree.dump(value).decode()) == value


def test_what_is_embedded_is_written_as_it_came_until_it_changes() -> None:
    spelled = '{"to": "\\u0041nna"}'
    exchange = read(chat(call(spelled)))
    arguments = json.loads(upstream_body(exchange, "m"))["messages"][0]["tool_calls"][0]["function"][
        "arguments"
    ]
    assert arguments == spelled
    index = next(i for i, one in enumerate(exchange.segments) if one.text == "Anna")
    changed = tree.with_texts(exchange, {index: 'B"ob'})
    arguments = json.loads(tree.dump(changed))["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": 'B"ob'}


def test_with_texts_changes_body_and_segments_alike_and_leaves_the_old_exchange_alone() -> None:
    exchange = read(
        chat(user("one"), user([{"type": "text", "text": "two"}]), call('{"q":"three"}'), stop=["four"])
    )
    before = tree.dump(exchange)
    changes = {i: one.text.upper() for i, one in enumerate(exchange.segments) if not one.key}
    changed = tree.with_texts(exchange, changes)
    assert tree.dump(exchange) == before
    assert [one.text for one in changed.segments if not one.key] == list(changes.values())
    for text in (b"ONE", b"TWO", b"THREE", b"FOUR"):
        assert text in tree.dump(changed)
        assert text.lower() not in tree.dump(changed)


def test_no_change_is_the_same_exchange() -> None:
    exchange = read(chat())
    assert tree.with_texts(exchange, {}) is exchange


def test_a_key_cannot_be_replaced_in_a_request() -> None:
    exchange = read(chat(call('{"anna@example.com":1}')))
    [index] = [i for i, one in enumerate(exchange.segments) if one.key]
    with pytest.raises(ValueError, match="scanned"):
        tree.with_texts(exchange, {index: "x"})


def three_tools() -> Exchange:
    tools = [tool("a", description="first"), tool("b", description="second"), tool("c", description="third")]
    return read(chat(tools=tools, tool_choice="auto", parallel_tool_calls=False))


def test_a_stripped_tool_leaves_nothing_of_itself_and_the_others_can_still_be_changed() -> None:
    stripped = tree.strip_tools(three_tools(), ["b"])
    assert stripped.tools == ("a", "c")
    assert b"second" not in tree.dump(stripped)
    assert [one.text for one in stripped.segments] == ["Hello", "a", "first", "c", "third"]
    changed = tree.with_texts(stripped, {4: "changed"})
    assert changed.body["tools"][1]["function"]["description"] == "changed"


def test_when_no_tool_is_left_nothing_speaks_of_tools() -> None:
    stripped = tree.strip_tools(three_tools(), ["a", "b", "c"])
    assert stripped.tools == ()
    assert stripped.body.keys() == {"model", "messages"}
    assert stripped.parameters == {}


def test_stripping_a_tool_that_is_not_there_changes_nothing() -> None:
    exchange = three_tools()
    assert tree.strip_tools(exchange, ["d"]) is exchange
    assert tree.strip_tools(read(chat()), ["d"]).body == read(chat()).body


def test_a_choice_of_a_stripped_tool_is_refused() -> None:
    choice = {"type": "function", "function": {"name": "a"}}
    exchange = read(chat(tools=[tool("a"), tool("b")], tool_choice=choice))
    with pytest.raises(RequestInvalid):
        tree.strip_tools(exchange, ["a"])
    assert tree.strip_tools(exchange, ["b"]).body["tool_choice"] == choice


def test_stripping_the_only_tool_that_is_chosen_is_refused_and_not_quietly_allowed() -> None:
    exchange = read(chat(tools=[tool("a")], tool_choice={"type": "function", "function": {"name": "a"}}))
    with pytest.raises(RequestInvalid):
        tree.strip_tools(exchange, ["a"])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"max_tokens": 10}),
        ({"max_tokens": 99}, {"max_tokens": 10}),
        ({"max_tokens": 3}, {"max_tokens": 3}),
        ({"max_completion_tokens": 99}, {"max_tokens": 10, "max_completion_tokens": 10}),
        ({"max_completion_tokens": 5, "max_tokens": 99}, {"max_tokens": 10, "max_completion_tokens": 5}),
        ({"min_tokens": 50}, {"max_tokens": 10, "min_tokens": 10}),
    ],
)
def test_a_cap_lowers_every_bound_and_sets_one_where_there_was_none(
    asked: dict[str, int], expected: dict[str, int]
) -> None:
    capped = tree.cap_tokens(read(chat(**asked)), 10)
    assert {name: capped.body[name] for name in capped.body if name.endswith("_tokens")} == expected
    assert {name: capped.parameters[name] for name in expected} == expected


@pytest.mark.parametrize("odd", [object, lambda: {1, 2}, lambda: b"bytes"])
def test_only_json_can_be_written(odd: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        tree.dump({"a": odd()})


def test_representations_hold_no_text() -> None:
    exchange = read(chat(call('{"to":"Zelda"}')))
    assert "Zelda" not in repr(exchange)
    assert "Zelda" not in repr(tree.leaves({"a": "Zelda"}))
    assert "Zelda" not in repr(tree.Embedded({"to": "Zelda"}, "Zelda"))
