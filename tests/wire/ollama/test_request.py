from typing import Any

import pytest

from proxy.errors import RequestInvalid
from proxy.exchange import Call, Unscannable
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.ollama.fields import SCHEMAS
from tests.wire.ollama.calls import BY_NAME, chat, read, sent
from tests.wire.ollama.examples import ALL_OPTIONS, CHAT, EMBED, IMAGE, OPTIONS, REFUSED, REQUESTS


def refusal(name: str, body: Any) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as refused:
        read(name, body)
    return refused.value


@pytest.mark.parametrize("name", REQUESTS)
def test_another_ollama_gets_what_was_read_under_its_own_name_for_the_model(name: str) -> None:
    for body in REQUESTS[name]:
        wire = next(iter(BY_NAME[name].wires))
        again = sent(name, body, wire)
        assert again["model"] == "weights-1"
        if wire == name:
            assert read(name, {**again, "model": "m"}).body == read(name, body).body


def test_a_chat_and_a_prompt_are_streams_unless_the_call_says_no() -> None:
    for name, body in (("ollama_chat", chat()), ("ollama_generate", {"model": "m", "prompt": "a"})):
        assert read(name, body).stream
        assert sent(name, body, name)["stream"] is True
        assert not read(name, body | {"stream": False}).stream
        assert sent(name, body | {"stream": False}, name)["stream"] is False


def test_every_text_of_a_chat_is_a_segment_with_its_role_and_source() -> None:
    exchange = read("ollama_chat", CHAT)
    told = {(one.text, one.role, one.source) for one in exchange.segments}
    assert {
        ("You find cities.", "system", "message"),
        ("Where is Emma?", "user", "message"),
        ("A tool may know.", "assistant", "message"),
        ("Cologne", "assistant", "tool_call"),
        ("On the Rhine.", "tool", "tool_result"),
        ("Finds.", "system", "tool_definition"),
        ("Human:", "user", "parameter"),
        ("find", "tool", "name"),
    } <= told
    for segment in exchange.segments:
        if not segment.key:
            assert tree.value_at(exchange.body, segment.path) == segment.text


@pytest.mark.parametrize("name", REQUESTS)
def test_every_text_of_the_other_calls_is_a_segment_too(name: str) -> None:
    for body in REQUESTS[name]:
        exchange = read(name, body)
        told = {one.text for one in exchange.segments}
        for field in ("prompt", "system", "suffix", "input"):
            texts = body.get(field, [])
            assert set(texts if isinstance(texts, list) else [texts]) <= told
        assert set(body.get("options", {}).get("stop", [])) <= told
        for segment in exchange.segments:
            if not segment.key:
                assert tree.value_at(exchange.body, segment.path) == segment.text


def test_calls_tools_and_images_are_known_to_the_policies() -> None:
    exchange = read("ollama_chat", CHAT)
    assert exchange.calls == (Call("find", {"city": "Cologne"}), Call("find", {"at": ["Bonn", 5]}))
    assert exchange.tools == ("find",)
    assert exchange.unscannable == (Unscannable("messages/1/images/0", "image"),)
    generate = read("ollama_generate", {"model": "m", "prompt": "a", "images": [IMAGE, IMAGE]})
    assert [one.where for one in generate.unscannable] == ["images/0", "images/1"]


def test_an_empty_list_of_images_is_none_and_others_are_refused_but_from_the_user() -> None:
    bare = {"role": "system", "content": "a"}
    assert read("ollama_chat", chat(messages=[bare | {"images": []}])).body["messages"] == [bare]
    refused = refusal("ollama_chat", chat(messages=[bare | {"images": [IMAGE]}]))
    assert refused.param == "messages/0/images"


def test_policies_see_parameters_by_the_names_of_openais_chat() -> None:
    exchange = read("ollama_chat", CHAT | {"think": False})
    assert exchange.parameters["max_tokens"] == 64
    assert exchange.parameters["temperature"] == 0.5
    assert exchange.parameters["response_format"] == "json_schema"
    assert exchange.parameters["reasoning_effort"] == "none"
    assert "num_predict" not in exchange.parameters
    assert read("ollama_chat", CHAT | {"format": "json"}).parameters["response_format"] == "json_object"
    assert read("ollama_chat", CHAT | {"think": "high"}).parameters["reasoning_effort"] == "high"


@pytest.mark.parametrize(
    "asked", [{}, {"options": {}}, {"options": {"num_predict": -1}}, {"options": {"num_predict": -2}}]
)
def test_an_answer_without_a_bound_can_be_given_one(asked: dict[str, Any]) -> None:
    exchange = read("ollama_chat", chat(**asked))
    assert "max_tokens" not in exchange.parameters
    capped = tree.cap_tokens(exchange, 9)
    assert capped.body["options"]["num_predict"] == 9
    assert capped.parameters["max_tokens"] == 9


def test_a_bound_of_nothing_is_refused_because_to_ollama_it_is_none() -> None:
    assert refusal("ollama_chat", chat(options={"num_predict": 0})).param == "options/num_predict"


def test_embeddings_are_as_many_as_texts_were_sent() -> None:
    assert read("ollama_embed", EMBED).answers == 2
    assert read("ollama_embed", EMBED | {"input": "one"}).answers == 1
    assert read("ollama_embed", EMBED).operation == "embeddings"
    assert sent("ollama_embeddings", {"model": "m", "prompt": "a"}, "ollama_embed") == {
        "model": "weights-1",
        "input": "a",
    }


def test_what_clients_send_empty_is_accepted_and_not_forwarded() -> None:
    empty = {
        "raw": False,
        "template": "",
        "context": [],
        "suffix": "",
        "system": "",
        "images": [],
        "format": "",
    }
    body = {"model": "m", "prompt": "a", "keep_alive": 0, "logprobs": False, "options": {}, **empty}
    assert read("ollama_generate", body).body == {"model": "m", "prompt": "a", "stream": True}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_null_is_a_field_that_is_not_there(name: str) -> None:
    schema = SCHEMAS[name]
    body = {field: value for field, value in REQUESTS[name][0].items() if field in schema.required}
    plain = read(name, body)
    for field in schema.fields.keys() - set(schema.required):
        assert read(name, body | {field: None}) == plain


@pytest.mark.parametrize(("name", "field"), [(name, field) for name in REFUSED for field in REFUSED[name]])
def test_what_is_refused_is_refused_by_its_name(name: str, field: str) -> None:
    outer, _, inner = field.partition(".")
    value = REFUSED[name][field]
    body = REQUESTS[name][0] | {outer: {inner: value} if inner else value}
    assert (refusal(name, body).param or "").startswith(outer)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages/0/role"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "messages/0/role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages/0/role"),
        ({"messages": [{"role": "user"}]}, "messages/0/content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages/0/content"),
        ({"messages": [{"role": "user", "content": "x", "Content": "y"}]}, "messages/0/Content"),
        ({"messages": [{"role": "assistant"}]}, "messages/0/content"),
        ({"messages": [{"role": "assistant", "tool_calls": []}]}, "messages/0/content"),
        ({"messages": [{"role": "system", "content": "x", "images": [IMAGE]}]}, "messages/0/images"),
        ({"messages": [{"role": "user", "content": "x", "images": ["http://x/"]}]}, "messages/0/images/0"),
        ({"messages": [{"role": "user", "content": "x", "images": ["AA AA"]}]}, "messages/0/images/0"),
        ({"messages": [{"role": "user", "content": "x", "images": ["AAAA"] * 65}]}, "messages/0/images"),
        ({"messages": [{"role": "user", "content": "x", "images": [1]}]}, "messages/0/images/0"),
        ({"messages": [{"role": "user", "content": "x", "thinking": "y"}]}, "messages/0/thinking"),
        ({"messages": [{"role": "tool", "content": "x", "tool_name": "two words"}]}, "messages/0/tool_name"),
        ({"format": "xml"}, "format"),
        ({"format": ["json"]}, "format"),
        ({"think": "very"}, "think"),
        ({"think": 1}, "think"),
        ({"stream": "yes"}, "stream"),
        ({"truncate": "no"}, "truncate"),
        ({"keep_alive": {"a": 1}}, "keep_alive"),
        ({"keep_alive": "5" * 33}, "keep_alive"),
        ({"keep_alive": True}, "keep_alive"),
        ({"options": "x"}, "options"),
        ({"options": {"stop": "x"}}, "options/stop"),
        ({"options": {"Temperature": 1}}, "options/Temperature"),
        ({"Model": "m"}, "Model"),
        ({"model": "two words"}, "model"),
    ],
)
def test_what_is_not_of_the_schema_is_refused_by_its_place(fields: dict[str, Any], param: str) -> None:
    assert refusal("ollama_chat", chat() | fields).param == param


@pytest.mark.parametrize(
    ("call", "param"),
    [
        ({"function": {"name": "f", "arguments": "{}"}}, "function/arguments"),
        ({"function": {"name": "f"}}, "function/arguments"),
        ({"function": {"name": "two words", "arguments": {}}}, "function/name"),
        ({"function": {"name": "f", "arguments": {}, "index": -1}}, "function/index"),
        ({"function": {"name": "f", "arguments": {}, "description": "x"}}, "function/description"),
        ({"type": "custom", "function": {"name": "f", "arguments": {}}}, "type"),
        ({"id": "two words", "function": {"name": "f", "arguments": {}}}, "id"),
        ({"function": "f"}, "function"),
    ],
)
def test_a_call_that_is_not_of_the_schema_is_refused_by_its_place(call: dict[str, Any], param: str) -> None:
    message = {"role": "assistant", "tool_calls": [call]}
    assert refusal("ollama_chat", chat(message)).param == f"messages/0/tool_calls/0/{param}"


@pytest.mark.parametrize("body", [{"input": []}, {"input": [1, 2]}, {"input": ["a"] * 2049}, {"input": {}}])
def test_texts_to_embed_are_one_or_a_bounded_list(body: dict[str, Any]) -> None:
    assert (refusal("ollama_embed", {"model": "m", **body}).param or "").startswith("input")


@pytest.mark.parametrize("prompt", [None, "", 1, ["a"], [1, 2]])
def test_a_prompt_is_a_text_with_something_in_it(prompt: Any) -> None:
    for name in ("ollama_generate", "ollama_embeddings"):
        assert refusal(name, {"model": "m", "prompt": prompt}).param == "prompt"


def test_a_call_is_bounded() -> None:
    message = {"role": "user", "content": "x"}
    with pytest.raises(RequestInvalid):
        read("ollama_chat", chat(*[message] * 3), Limits(messages=2))
    one = {"function": {"name": "f", "arguments": {}}}
    many = chat({"role": "assistant", "tool_calls": [one] * 129})
    assert refusal("ollama_chat", many).param == "messages/0/tool_calls"


def test_an_unknown_member_is_left_out_and_counted_where_the_operator_wants() -> None:
    body = chat({"role": "user", "content": "x", "weird": "z"}, options={"num_dragons": 1}, surprise="y")
    exchange = read("ollama_chat", body, Limits(unknown_fields="drop"))
    assert set(exchange.dropped) == {"messages/0/weird", "options/num_dragons", "surprise"}
    assert exchange.body == chat({"role": "user", "content": "x"}) | {"stream": True}


def test_all_options_that_do_not_reach_into_the_server_pass() -> None:
    assert sent("ollama_chat", chat(options=ALL_OPTIONS), "ollama_chat")["options"] == ALL_OPTIONS
    assert OPTIONS.keys() < ALL_OPTIONS.keys()
