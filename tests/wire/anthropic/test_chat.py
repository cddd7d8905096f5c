import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NotTranslatable
from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.anthropic.chat import FAILED, PDF_NAME, chat_body, tokenize_body
from proxy.wire.openai_chat.request import parse as parse_chat
from tests.wire.anthropic.examples import COUNTED, FULL, MEDIA, SHOWN, UNCOUNTED
from tests.wire.anthropic.requests import (
    ask,
    assistant,
    call,
    count,
    document,
    found,
    image,
    pdf,
    read,
    read_count,
    result,
    strings,
    text,
    tool,
    user,
)


def said(body: dict[str, Any]) -> Any:
    return json.loads(chat_body(read(body), "upstream-m"))


def messages(*asked: dict[str, Any], **fields: Any) -> list[Any]:
    return said(ask(*asked, **fields))["messages"]


def no_word(body: dict[str, Any]) -> str | None:
    with pytest.raises(NotTranslatable) as refused:
        said(body)
    return refused.value.param


def test_a_plain_question_keeps_its_words_and_its_bounds() -> None:
    body = ask(system="Be brief.", stop_sequences=["END"], temperature=0.5, top_p=0.9, top_k=5)
    assert said(body) == {
        "model": "upstream-m",
        "max_tokens": 64,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "stop": ["END"],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
    }


def test_a_stream_is_always_asked_for_its_usage() -> None:
    body = said(ask(stream=True))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert "stream_options" not in said(ask(stream=False))


def test_several_text_blocks_become_one_text_because_not_every_server_takes_parts() -> None:
    told = messages(user(text("a"), text("b")), system=[text("c"), text("d")])
    assert told == [{"role": "system", "content": "c\nd"}, {"role": "user", "content": "a\nb"}]


def test_a_turn_of_the_assistant_is_one_message_with_thoughts_words_and_calls() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    turn = assistant(
        thought, text("I look."), call({"city": "Köln"}), text("And wait."), call({}, "wait", "call_2")
    )
    assert messages(user("x"), turn, user(result("sun")))[1] == {
        "role": "assistant",
        "content": "I look.\nAnd wait.",
        "reasoning_content": "hm",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "find", "arguments": '{"city":"Köln"}'},
            },
            {"id": "call_2", "type": "function", "function": {"name": "wait", "arguments": "{}"}},
        ],
    }


def test_a_turn_of_calls_alone_has_no_content_and_an_empty_one_an_empty_text() -> None:
    assert messages(assistant(call({})), user("x"))[0]["content"] is None
    assert messages(assistant(""), user("x"))[0] == {"role": "assistant", "content": ""}


def test_results_of_tools_come_before_what_the_user_says_beside_them() -> None:
    told = messages(user(text("So?"), result("sun"), result([text("a"), text("b")], "call_2", is_error=True)))
    assert told == [
        {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
        {"role": "tool", "tool_call_id": "call_2", "content": f"{FAILED}\na\nb"},
        {"role": "user", "content": "So?"},
    ]
    assert messages(user(result("")))[0]["content"] == ""
    assert messages(user({"type": "tool_result", "tool_use_id": "c", "is_error": False})) == [
        {"role": "tool", "tool_call_id": "c", "content": ""}
    ]
    assert messages(user("")) == [{"role": "user", "content": ""}]


def test_a_system_message_in_the_middle_keeps_its_place() -> None:
    told = messages(user("a"), {"role": "system", "content": [text("b")]}, user("c"))
    assert [one["role"] for one in told] == ["user", "system", "user"]


def test_documents_and_results_of_a_search_stay_recognisable_in_text() -> None:
    several = {"type": "document", "source": {"type": "content", "content": [text("c"), text("d")]}}
    shown = user(document("words", title="T", context="C"), found("w", "s", "t"), several, text("So?"))
    assert messages(shown)[0]["content"] == (
        "<document>\nT\nC\nwords\n</document>\n"
        "<search_result>\ns\nt\nw\n</search_result>\n"
        "<document>\nc\nd\n</document>\n"
        "So?"
    )


def test_images_and_files_become_parts() -> None:
    assert messages(user(image("QUJD"), pdf(title="T"), text("So?")))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "text", "text": "T"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": PDF_NAME}},
        {"type": "text", "text": "So?"},
    ]


def test_tools_and_the_choice_among_them() -> None:
    body = said(
        ask(
            tools=[tool("a", description="d", strict=True), tool("b")],
            tool_choice={"type": "tool", "name": "a", "disable_parallel_tool_use": True},
        )
    )
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "a", "description": "d", "strict": True, "parameters": {"type": "object"}},
        },
        {"type": "function", "function": {"name": "b", "parameters": {"type": "object"}}},
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "a"}}
    assert body["parallel_tool_calls"] is False
    for choice, mode in (("auto", "auto"), ("any", "required"), ("none", "none")):
        assert said(ask(tools=[tool()], tool_choice={"type": choice}))["tool_choice"] == mode


def test_a_json_schema_becomes_the_response_format() -> None:
    wanted = {"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "max"}
    body = said(ask(output_config=wanted))
    schema = {"name": "answer", "schema": {"type": "object"}}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert body["reasoning_effort"] == "xhigh"
    assert "output_config" not in body


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (4096, "medium"), (16384, "high")])
def test_a_budget_of_thought_becomes_a_wish(budget: int, effort: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert said(ask(thinking=thinking))["reasoning_effort"] == effort
    assert said(ask(thinking=thinking, output_config={"effort": "high"}))["reasoning_effort"] == "high"


@pytest.mark.parametrize("kind", ["disabled", "adaptive"])
def test_what_a_server_does_by_itself_is_not_said(kind: str) -> None:
    assert said(ask(thinking={"type": kind})) == said(ask())


def test_what_chat_has_no_word_for_is_refused_by_name() -> None:
    assert no_word(SHOWN) == "messages/0/content/0"
    assert no_word(ask(user("x"), assistant("The answer is ("))) == "messages/1"


@pytest.mark.parametrize("body", [FULL, MEDIA])
def test_what_was_translated_is_a_chat_that_the_proxy_itself_would_take(body: dict[str, Any]) -> None:
    chat = parse_chat(said(body), exchange_id="x", limits=Limits())
    exchange = read(body)
    assert chat.tools == exchange.tools
    assert chat.insisted == exchange.insisted
    assert chat.calls == exchange.calls
    assert chat.stream == exchange.stream
    assert len(chat.unscannable) == len(exchange.unscannable)


def counted(body: dict[str, Any]) -> Any:
    return json.loads(tokenize_body(read_count(body), "upstream-m"))


def test_tokens_are_counted_of_the_same_messages_and_tools() -> None:
    body = counted(COUNTED)
    assert body.keys() == {"model", "messages", "tools"}
    told = said({**COUNTED, "max_tokens": 1})
    assert (body["messages"], body["tools"]) == (told["messages"], told["tools"])


@pytest.mark.parametrize("name", ["output_config", "thinking", "tool_choice"])
def test_what_changes_the_count_unseen_is_refused_by_name(name: str) -> None:
    tools = {"tools": UNCOUNTED["tools"]} if name == "tool_choice" else {}
    with pytest.raises(NotTranslatable) as refused:
        counted(count(**tools, **{name: UNCOUNTED[name]}))
    assert refused.value.param == name


# The law: a translation runs after inspection, so it may only move clean text.

PROTOCOL = {
    *(
        "role",
        "system",
        "user",
        "assistant",
        "tool",
        "content",
        "reasoning_content",
        "tool_calls",
        "id",
        "type",
    ),
    *("function", "name", "arguments", "tool_call_id", "text", "image_url", "url", "file", "file_data"),
    *("filename", PDF_NAME, FAILED, "model", "upstream-m", "messages", "max_tokens", "stop", "stream"),
    *("stream_options", "include_usage", "temperature", "top_p", "top_k", "tools", "tool_choice"),
    *(
        "description",
        "strict",
        "parameters",
        "auto",
        "required",
        "none",
        "parallel_tool_calls",
        "json_schema",
    ),
    *("response_format", "schema", "answer", "reasoning_effort", "low", "medium", "high", "xhigh"),
    *("<document>", "</document>", "<search_result>", "</search_result>", ""),
}


def leaves_of(body: Any) -> Iterator[str]:
    """Every string, with the JSON in arguments read, joins taken apart and data URLs unwrapped."""
    for message in body["messages"]:
        for one in message.get("tool_calls", ()):
            given = strings(json.loads(one["function"].pop("arguments")))
            yield from (line for said in given for line in said.split("\n"))
    for one in strings(body):
        if one.startswith("data:") and ";base64," in one:
            kind, _, data = one.removeprefix("data:").partition(";base64,")
            yield from (kind, data)
        else:
            yield from one.split("\n")


def only_moves(exchange: Exchange) -> None:
    clean = {line for one in strings(exchange.body) for line in one.split("\n")}
    try:
        translated = json.loads(chat_body(exchange, "upstream-m"))
    except NotTranslatable:
        return
    assert set(leaves_of(translated)) <= clean | PROTOCOL


@pytest.mark.parametrize("body", [FULL, MEDIA])
def test_every_text_of_an_example_stands_in_the_clean_body(body: dict[str, Any]) -> None:
    exchange = read(body)
    changes = {i: f"clean-{i}" for i, one in enumerate(exchange.segments) if not one.key}
    only_moves(exchange)
    clean = tree.with_texts(exchange, changes)
    only_moves(clean)
    left = set(leaves_of(json.loads(chat_body(clean, "upstream-m"))))
    assert set(changes.values()) - left == set()
    keys = {one.text for one in exchange.segments if one.key}
    assert {one for one in left if "canary" in one} <= keys


words = st.text(max_size=6)
said_blocks = st.builds(text, words)
handed = st.one_of(
    said_blocks,
    st.builds(document, words, title=words),
    st.builds(found, words, words, words),
    st.just(image()),
    st.just(pdf(title="t")),
)
inputs = st.dictionaries(
    words, st.one_of(words, st.integers(0, 10**9), st.lists(words, max_size=2)), max_size=3
)
turns = st.one_of(
    st.builds(user, words),
    st.builds(assistant, words),
    st.lists(
        handed | st.builds(result, words | st.lists(said_blocks, min_size=1, max_size=2)),
        min_size=1,
        max_size=4,
    ).map(lambda blocks: user(*blocks)),
    st.lists(said_blocks | st.builds(call, inputs), min_size=1, max_size=3).map(
        lambda blocks: assistant(*blocks)
    ),
)


@given(st.lists(turns, min_size=1, max_size=4), words, st.lists(words, max_size=3))
def test_a_translation_only_moves_clean_text(asked: list[Any], system: str, stops: list[str]) -> None:
    only_moves(read(ask(*asked, system=system, stop_sequences=stops)))
