import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NotTranslatable
from proxy.wire.ollama.fields import CHAT as CHAT_SCHEMA
from proxy.wire.ollama.fields import EMBED as EMBED_SCHEMA
from proxy.wire.ollama.fields import GENERATE as GENERATE_SCHEMA
from proxy.wire.ollama.options import OPTIONS as OPTION_TABLE
from proxy.wire.openai_chat import DIALECTS as OPENAI
from tests.wire.ollama.calls import BY_NAME, LIMITS, chat, read, sent
from tests.wire.ollama.examples import ALL_OPTIONS, CHAT, EMBED, GENERATE, IMAGE, OPTIONS, SCHEMA, TOOL

CALL = {"function": {"name": "find", "arguments": {"city": "Köln"}}}


def chatted(*messages: dict[str, Any], **fields: Any) -> Any:
    return sent("ollama_chat", chat(*messages, **fields), "openai_chat")


def untranslatable(name: str, body: Any, wire: str) -> str:
    with pytest.raises(NotTranslatable) as refused:
        sent(name, body, wire)
    assert refused.value.param is not None
    return refused.value.param


def test_a_chat_becomes_an_openai_chat_with_everything_in_it() -> None:
    body = sent("ollama_chat", CHAT, "openai_chat")
    assert body["messages"] == [
        {"role": "system", "content": "You find cities."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is Emma?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "A tool may know.",
            "tool_calls": [
                {
                    "id": "given1",
                    "type": "function",
                    "function": {"name": "find", "arguments": '{"city":"Cologne"}'},
                },
                {
                    "id": "call00002",
                    "type": "function",
                    "function": {"name": "find", "arguments": '{"at":["Bonn",5]}'},
                },
            ],
        },
        {"role": "tool", "content": "On the Rhine.", "tool_call_id": "given1"},
        {"role": "tool", "content": "Further south.", "tool_call_id": "call00002"},
        {"role": "user", "content": "And now?"},
    ]
    assert body["tools"] == [TOOL]
    assert body["max_tokens"] == 64
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }
    assert body["reasoning_effort"] == "medium"
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["model"] == "weights-1"


def test_what_a_chat_becomes_is_a_chat_to_our_own_openai_door() -> None:
    """So every name in it is one that servers know, and every value is of their type."""
    for name, body in (("ollama_chat", CHAT), ("ollama_generate", GENERATE)):
        translated = sent(name, body, "openai_chat")
        exchange = OPENAI[0].parse(translated, exchange_id="x", limits=LIMITS)
        assert exchange.body["stream"] is True


def test_a_prompt_becomes_a_turn_of_the_user() -> None:
    body = sent("ollama_generate", {"model": "m", "prompt": "Hi", "stream": False}, "openai_chat")
    assert body == {"model": "weights-1", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    body = sent("ollama_generate", GENERATE, "openai_chat")
    assert [one["role"] for one in body["messages"]] == ["system", "user"]


def test_texts_become_an_openai_call_for_embeddings_as_numbers() -> None:
    assert sent("ollama_embed", EMBED, "openai_embeddings") == {
        "model": "weights-1",
        "input": ["Where is Emma?", "And Zoë?"],
        "encoding_format": "float",
        "dimensions": 64,
    }
    old = sent("ollama_embeddings", {"model": "m", "prompt": "Hi"}, "openai_embeddings")
    assert old == {"model": "weights-1", "input": "Hi", "encoding_format": "float"}


@pytest.mark.parametrize(
    ("think", "effort"), [(True, "medium"), (False, "none"), ("low", "low"), ("high", "high")]
)
def test_thinking_has_an_effort(think: Any, effort: str) -> None:
    assert chatted(think=think)["reasoning_effort"] == effort


@pytest.mark.parametrize("tokens", [-1, -2])
def test_an_answer_without_a_bound_has_none_there_either(tokens: int) -> None:
    assert "max_tokens" not in chatted(options={"num_predict": tokens})


def test_a_penalty_goes_by_both_names_that_servers_have_for_it() -> None:
    body = chatted(options={"repeat_penalty": 1.5})
    assert body["repeat_penalty"] == body["repetition_penalty"] == 1.5


@pytest.mark.parametrize("beginning", ["iVBOR", "/9j/", "UklGR", "R0lGOD"])
def test_the_kind_of_an_image_is_told_from_how_it_begins(beginning: str) -> None:
    body = chatted({"role": "user", "content": "x", "images": [f"{beginning}AAAA"]})
    assert body["messages"][0]["content"][1]["image_url"]["url"].endswith(f";base64,{beginning}AAAA")


def test_results_find_their_calls_by_name_and_order() -> None:
    calls = [CALL, {"function": {"name": "wait", "arguments": {}}}, CALL]
    results = [{"role": "tool", "content": "x", "tool_name": name} for name in ("wait", "find", "find")]
    body = chatted({"role": "assistant", "tool_calls": calls}, *results)
    assert [one["tool_call_id"] for one in body["messages"][1:]] == ["call00002", "call00001", "call00003"]
    unnamed = chatted({"role": "assistant", "tool_calls": calls}, *[{"role": "tool", "content": "x"}] * 3)
    assert [one["tool_call_id"] for one in unnamed["messages"][1:]] == ["call00001", "call00002", "call00003"]


@pytest.mark.parametrize(
    "result",
    [
        {"role": "tool", "content": "x", "tool_name": "other"},
        {"role": "tool", "content": "x", "tool_call_id": "other"},
    ],
)
def test_a_result_without_its_call_is_refused_by_its_place(result: dict[str, Any]) -> None:
    body = chat({"role": "assistant", "tool_calls": [CALL]}, result)
    assert untranslatable("ollama_chat", body, "openai_chat") == "messages/1"
    twice = chat({"role": "assistant", "tool_calls": [CALL]}, *[{"role": "tool", "content": "x"}] * 2)
    assert untranslatable("ollama_chat", twice, "openai_chat") == "messages/2"


@pytest.mark.parametrize("name", sorted(ALL_OPTIONS.keys() - OPTIONS.keys()))
def test_an_option_without_a_word_is_refused_by_its_name(name: str) -> None:
    body = chat(options={name: ALL_OPTIONS[name]})
    assert untranslatable("ollama_chat", body, "openai_chat") == f"options/{name}"


def test_other_things_without_a_word_are_refused_by_their_names() -> None:
    suffix = {"model": "m", "prompt": "a", "suffix": "b"}
    assert untranslatable("ollama_generate", suffix, "openai_chat") == "suffix"
    image = chat({"role": "user", "content": "x", "images": ["AAAA"]})
    assert untranslatable("ollama_chat", image, "openai_chat") == "messages/0/images/0"
    warm = EMBED | {"options": {"temperature": 0}}
    assert untranslatable("ollama_embed", warm, "openai_embeddings") == "options/temperature"


UNSAID = {"truncate", "shift"}
"""They allow or forbid what those servers do not do anyway."""


def outcome(name: str, body: Any, wire: str) -> Any:
    """The translated body, or the name of the field that has no word."""
    try:
        return sent(name, body, wire)
    except NotTranslatable as refused:
        return refused.param


def test_nothing_that_is_accepted_is_left_out_of_a_translation() -> None:
    """Each field, alone, changes the translated body, or is refused by its name."""
    cases = [
        ("ollama_chat", CHAT_SCHEMA, CHAT, "openai_chat"),
        ("ollama_generate", GENERATE_SCHEMA, GENERATE | {"suffix": "b"}, "openai_chat"),
        ("ollama_embed", EMBED_SCHEMA, EMBED, "openai_embeddings"),
    ]
    for name, schema, full, wire in cases:
        least = {field: full[field] for field in schema.required}
        plain = sent(name, least, wire)
        for field, known in schema.fields.items():
            if known.fate in ("refused", "not forwarded") or field in (*least, "stream", *UNSAID, "options"):
                continue
            assert outcome(name, least | {field: full[field]}, wire) not in (plain, None), field
    for option, member in OPTION_TABLE.items():
        if member.fate != "refused":
            told = outcome("ollama_chat", chat(options={option: ALL_OPTIONS[option]}), "openai_chat")
            assert told not in (chatted(), None), option


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
arguments = st.dictionaries(words, words | st.integers(-9, 9) | st.lists(words, max_size=2), max_size=3)
messages = st.one_of(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": words}),
    st.fixed_dictionaries({"role": st.just("user"), "content": words, "images": st.just([IMAGE])}),
    st.fixed_dictionaries({"role": st.just("assistant"), "content": words, "thinking": words}),
    st.fixed_dictionaries(
        {
            "role": st.just("assistant"),
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {"function": st.fixed_dictionaries({"name": st.just("find"), "arguments": arguments})}
                ),
                min_size=1,
                max_size=2,
            ),
        }
    ),
)
CONSTANTS = {
    *("system", "user", "assistant", "tool", "text", "image_url", "function", "answer", "weights-1"),
    *("json_object", "json_schema", "medium"),
}


def texts(value: Any) -> Iterator[str]:
    """Values alone; a string of JSON is read, for its texts are in it."""
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            inner = None
        if isinstance(inner, dict):
            yield from (key for key in inner)
            yield from texts(list(inner.values()))
        else:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


@given(st.lists(messages, min_size=1, max_size=4), st.lists(words, max_size=2))
def test_every_text_of_a_translation_stands_in_what_was_inspected(
    said: list[dict[str, Any]], stops: list[str]
) -> None:
    exchange = read("ollama_chat", chat(*said, options={"stop": stops}, tools=[TOOL], format=SCHEMA))
    inspected = {one.text for one in exchange.segments} | CONSTANTS
    translated = json.loads(BY_NAME["ollama_chat"].wires["openai_chat"](exchange, "weights-1"))
    schema_words = {"object", "string", "strict"}
    for text in texts(translated):
        assert (
            text in inspected
            or text in schema_words
            or text.startswith("call000")
            or text == f"data:image/png;base64,{IMAGE}"
        ), text
