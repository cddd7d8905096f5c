from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NotTranslatable
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.openai_chat.request import parse as parse_chat
from tests.wire.openai_responses.examples import HISTORY, MAXIMAL, MEDIA, SCHEMA
from tests.wire.openai_responses.requests import ask, in_chat, read, user

PNG = "data:image/png;base64,AAAA"
Messages = list[dict[str, Any]]


def messages(*items: dict[str, Any], **fields: Any) -> Messages:
    return list(in_chat(read(ask(*items, **fields)))["messages"])


def call(number: int, arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "call_id": f"call_{number}", "name": "find", "arguments": arguments}


def called(number: int, arguments: str = "{}") -> dict[str, Any]:
    function = {"name": "find", "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "output_text", "text": text}]}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def test_a_string_becomes_the_users_message_after_the_instructions() -> None:
    assert messages(instructions="Be brief") == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Hello"},
    ]


def test_a_whole_history_becomes_messages() -> None:
    assert messages(*HISTORY) == [
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {
            "role": "assistant",
            "reasoning_content": "in short\n\nso\n\nat length",
            "content": "let me lookor not",
            "tool_calls": [called(1, '{"city": "Köln", "note": "a\\u0062"}'), called(2, "plain words")],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {
            "role": "tool",
            "tool_call_id": "call_2",
            "content": [{"type": "text", "text": "sun"}, {"type": "text", "text": "shine"}],
        },
        {"role": "assistant", "content": "it rains"},
        {"role": "user", "content": "and now?"},
    ]


def test_calls_before_words_are_one_message_with_them() -> None:
    assert messages(call(1), said("so"), user("x"))[0] == {
        "role": "assistant",
        "content": "so",
        "tool_calls": [called(1)],
    }


def test_two_of_a_kind_begin_another_message() -> None:
    assert messages(said("a"), said("b"), thought("c"), thought("d"), said("e"), call(1), user("x"))[:-1] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": None, "reasoning_content": "c"},
        {"role": "assistant", "content": "e", "reasoning_content": "d", "tool_calls": [called(1)]},
    ]


def test_calls_that_have_outputs_between_them_stay_apart() -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
    assert [one["role"] for one in messages(call(1), output, call(2), user("x"))] == [
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


def test_everything_else_is_moved_to_where_chat_has_it() -> None:
    body = in_chat(read(MAXIMAL))
    assert body["model"] == "echo"
    assert body["max_tokens"] == 64
    same = ("temperature", "seed", "stop", "logit_bias", "parallel_tool_calls", "stream", "min_tokens")
    assert {name: body[name] for name in same} == {name: MAXIMAL[name] for name in same}
    assert body["reasoning_effort"] == body["verbosity"] == "low"
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "find",
                "description": "finds the weather",
                "strict": True,
                "parameters": SCHEMA,
            },
        },
        {"type": "function", "function": {"name": "wait"}},
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "find"}}
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "report",
            "description": "what it is like",
            "strict": True,
            "schema": SCHEMA,
        },
    }
    assert body["stream_options"] == {"include_usage": True}
    assert not {"input", "instructions", "text", "reasoning", "max_output_tokens", "store"} & body.keys()


def test_media_are_moved_as_they_are() -> None:
    body = in_chat(read(MEDIA))
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,AAAA", "filename": "notes.txt"}},
    ]
    assert body["response_format"] == {"type": "json_object"}
    assert body["tool_choice"] == "auto"
    assert "stream_options" not in body


def test_a_picture_as_a_tools_output_has_no_word_in_chat() -> None:
    output = [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": PNG}]
    with pytest.raises(NotTranslatable) as refused:
        messages(user("x"), {"type": "function_call_output", "call_id": "c", "output": output})
    assert refused.value.param == "input/1/output"


@pytest.mark.parametrize("body", [MAXIMAL, MEDIA, ask()])
def test_what_is_said_in_chat_is_a_chat_by_our_own_schema(body: dict[str, Any]) -> None:
    translated = in_chat(read(body))
    exchange = parse_chat(translated, exchange_id="x-2", limits=Limits())
    told = {one.text for one in exchange.segments if one.source != "name" and not one.key}
    assert set(_names(exchange.body, "text")) <= told
    assert exchange.tools == read(body).tools


WORDS = st.text(st.sampled_from("abcdefgh é😀\n"), min_size=1, max_size=6)
PART = st.fixed_dictionaries({"type": st.just("input_text"), "text": WORDS})
ITEM = st.one_of(
    st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "system"]), WORDS),
    st.builds(user, st.lists(PART, min_size=1, max_size=3)),
    st.builds(said, WORDS),
    st.builds(lambda text: {"role": "assistant", "content": text}, WORDS),
    st.builds(thought, WORDS),
    st.builds(lambda text: call(1, f'{{"a": {tree.dump(text).decode()}}}'), WORDS),
    st.builds(lambda output: {"type": "function_call_output", "call_id": "c", "output": output}, WORDS),
)


@given(st.lists(ITEM, min_size=1, max_size=8), WORDS)
def test_a_translation_only_moves_what_stands_in_the_clean_body(items: Messages, instructions: str) -> None:
    """Cleaned here by another hand: every text is replaced, so nothing of the caller's own can be left."""
    exchange = read(ask(*items, instructions=instructions))
    changes = {i: f"<{i}>" for i, one in enumerate(exchange.segments) if not one.key and one.source != "name"}
    clean = tree.with_texts(exchange, changes)
    told = "".join(_names(in_chat(clean)["messages"], "content", "text", "reasoning_content", "arguments"))
    assert [told.count(text) for text in changes.values()] == [1] * len(changes)
    for mark in changes.values():
        told = told.replace(mark, "")
    assert told.replace("\n\n", "").replace('{"a":""}', "") == ""


def _names(value: Any, *names: str) -> list[str]:
    """The strings under these keys."""
    if isinstance(value, list):
        return [text for one in value for text in _names(one, *names)]
    if not isinstance(value, dict):
        return []
    found = [one for name, one in value.items() if name in names and isinstance(one, str)]
    return found + [text for one in value.values() for text in _names(one, *names)]
