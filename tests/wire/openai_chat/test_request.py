import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import completion_create_params

from proxy.errors import RequestInvalid, RequestTooLarge, SluicegateError
from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.fields import CHOICES
from proxy.wire.openai_chat.fields import FIELDS
from proxy.wire.openai_chat.request import NAME, parse, upstream_body
from proxy.wire.openai_fields import FAMILIES
from tests.wire.openai_chat.requests import LIMITS, call, chat, read, strings, tool, user

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
FULL = chat(
    {"role": "system", "content": "canary-system", "name": "canary-name"},
    {"role": "developer", "content": [{"type": "text", "text": "canary-developer"}]},
    user([{"type": "text", "text": "canary-part-1"}, {"type": "text", "text": "canary-part-2"}]),
    {
        "role": "assistant",
        "content": "canary-answer",
        "reasoning_content": "canary-reasoning",
        "reasoning": "canary-thought",
        "refusal": "canary-refusal",
        "tool_calls": [
            {
                "id": "canary-id",
                "type": "function",
                "function": {
                    "name": "canary-tool",
                    "arguments": '{"canary-key": ["canary-argument", 1234567]}',
                },
            }
        ],
    },
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "canary-refused"}]},
    {"role": "tool", "content": "canary-result", "tool_call_id": "canary-id"},
    tools=[
        tool(
            "canary-function",
            description="canary-description",
            strict=True,
            parameters={
                "type": "object",
                "properties": {
                    "canary-property": {
                        "type": "string",
                        "description": "canary-doc",
                        "enum": ["canary-enum"],
                    },
                    "n": {"type": "integer", "maximum": 2147483647, "default": 7654321},
                },
                "required": ["canary-property"],
            },
        )
    ],
    tool_choice={"type": "function", "function": {"name": "canary-function"}},
    response_format={
        "type": "json_schema",
        "json_schema": {
            "name": "canary-schema",
            "description": "canary-told",
            "strict": True,
            "schema": {"type": "object", "properties": {"canary-field": {"const": "canary-const"}}},
        },
    },
    documents=[
        "canary-document",
        {"id": "canary-doc-id", "text": "canary-text", "canary-meta": {"x": "canary-deep"}},
    ],
    stop=["canary-stop"],
    bad_words=["canary-bad"],
)


def refusal(body: Any, limits: Limits = LIMITS) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as refused:
        read(body, limits)
    return refused.value


def texts(exchange: Exchange) -> list[str]:
    return [one.text for one in exchange.segments]


def test_every_text_of_a_full_request_is_a_segment() -> None:
    exchange = read(FULL)
    wanted = {text for text in strings(FULL) if "canary" in text and not text.startswith("{")}
    assert wanted | {"canary-key", "canary-argument", "1234567", "7654321"} <= set(texts(exchange))
    assert "2147483647" not in texts(exchange)


def test_every_path_leads_to_its_text() -> None:
    exchange = read(FULL)
    changes = {i: f"new-{i}" for i, one in enumerate(exchange.segments) if not one.key}
    sent = json.loads(upstream_body(tree.with_texts(exchange, changes), "m"))
    arguments = sent["messages"][3]["tool_calls"][0]["function"].pop("arguments")
    left = [*strings(sent), *strings(json.loads(arguments))]
    assert set(changes.values()) <= set(left)
    keys = {one.text for one in exchange.segments if one.key}
    assert {text for text in left if "canary" in text} <= keys


def test_the_order_of_segments_does_not_hang_on_the_order_of_fields() -> None:
    backwards = dict(reversed(FULL.items()))
    assert read(backwards).segments == read(FULL).segments


def test_sources_and_roles_tell_where_a_text_stands() -> None:
    told = {one.text: (one.role, one.source, one.key) for one in read(FULL).segments}
    assert told["canary-system"] == ("system", "message", False)
    assert told["canary-name"] == ("system", "name", False)
    assert told["canary-part-2"] == ("user", "message", False)
    assert told["canary-reasoning"] == ("assistant", "message", False)
    assert told["canary-tool"] == ("assistant", "name", False)
    assert told["canary-argument"] == ("assistant", "tool_call", False)
    assert told["canary-key"] == ("assistant", "tool_call", True)
    assert told["canary-result"] == ("tool", "tool_result", False)
    assert told["canary-description"] == ("system", "tool_definition", False)
    assert told["canary-doc"] == ("system", "tool_definition", False)
    assert told["canary-enum"] == ("system", "name", False)
    assert told["canary-property"] == ("system", "name", False)  # the last word on it: `required`
    assert told["canary-text"] == ("user", "document", False)
    assert told["canary-stop"] == ("user", "parameter", False)


def test_an_exchange_knows_what_policies_ask() -> None:
    exchange = read(
        chat(stream=True, temperature=1, n=2, tools=[tool("a")], tool_choice="required", user="anna")
    )
    assert (exchange.id, exchange.dialect, exchange.model, exchange.stream) == ("x-1", NAME, "m", True)
    assert exchange.tools == ("a",)
    assert exchange.parameters == {"temperature": 1, "n": 2, "tool_choice": "required"}


def test_rules_see_the_larger_of_two_bounds_because_servers_differ_in_which_they_obey() -> None:
    assert read(chat(max_tokens=5, max_completion_tokens=9)).parameters["max_tokens"] == 9
    assert read(chat(max_completion_tokens=9)).parameters["max_tokens"] == 9
    assert "max_tokens" not in read(chat()).parameters


@pytest.mark.parametrize("body", [[], "x", None, 1, {}, {"model": "m"}, {"messages": [user("x")]}])
def test_what_is_no_request_is_refused(body: Any) -> None:
    assert refusal(body).code == "request_invalid"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"temperature": True}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": CHOICES + 1}, "n"),
        ({"n": 1.0}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"seed": "1"}, "seed"),
        ({"model": ""}, "model"),
        ({"model": ["m"]}, "model"),
        ({"model": "m\nx"}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages/0"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools/0"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools/0/custom"),
        ({"tools": [tool("two words")]}, "tools/0/function/name"),
        ({"tools": [tool(parameters="x")]}, "tools/0/function/parameters"),
        ({"tools": [tool(strict="x")]}, "tools/0/function/strict"),
        ({"tools": [tool(surprise=1)]}, "tools/0/function/surprise"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice/function/name"),
        ({"response_format": {"type": "regex"}}, "response_format/type"),
        ({"response_format": {"type": "json_schema"}}, "response_format/json_schema"),
        ({"response_format": {"type": "text", "json_schema": {}}}, "response_format/json_schema"),
        ({"response_format": {"type": "json_object", "schema": {}}}, "response_format/schema"),
        ({"stop": 1}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"stop": ["a" * 257]}, "stop/0"),
        ({"stop": [None]}, "stop/0"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options/include_usage"),
        (
            {"stream": True, "stream_options": {"continuous_usage_stats": True}},
            "stream_options/continuous_usage_stats",
        ),
        ({"documents": {}}, "documents"),
        ({"documents": [1]}, "documents/0"),
        ({"documents": [{}]}, "documents/0"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"logit_bias": {str(i): 1 for i in range(1025)}}, "logit_bias"),
        ({"stop_token_ids": [-1]}, "stop_token_ids/0"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"store": True}, "store"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"user": 1}, "user"),
        ({"Messages": []}, "Messages"),
        ({"guided_new_thing": 1}, "guided_new_thing"),
        ({"lora_adapter": 1}, "lora_adapter"),
    ],
)
def test_what_is_wrongly_typed_or_out_of_range_is_refused_by_its_place(
    fields: dict[str, Any], param: str
) -> None:
    assert refusal(chat() | fields).param == param


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "x"}, "role"),
        ({"role": "User", "content": "x"}, "role"),
        ({"role": "function", "name": "f", "content": "x"}, "role"),
        ({"role": ["user"], "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": None}, "content"),
        ({"role": "user", "content": 1}, "content"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "assistant"}, "content"),
        ({"role": "tool", "content": "x"}, "tool_call_id"),
        ({"role": "user", "content": "x", "tool_call_id": "a"}, "tool_call_id"),
        ({"role": "user", "content": "x", "tool_calls": []}, "tool_calls"),
        ({"role": "user", "content": "x", "Content": "y"}, "Content"),
        ({"role": "user", "content": "x", "name": "n" * 257}, "name"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, "audio"),
        ({"role": "assistant", "content": "x", "function_call": {"name": "f"}}, "function_call"),
        ({"role": "assistant", "content": "x", "annotations": [{"url": "u"}]}, "annotations"),
        ({"role": "assistant", "tool_calls": "x"}, "tool_calls"),
        ({"role": "assistant", "tool_calls": ["x"]}, "tool_calls/0"),
        (
            call("{}") | {"tool_calls": [{"id": "a", "function": {"name": "f"}}]},
            "tool_calls/0/function/arguments",
        ),
        (call("{}", call_id="two words"), "tool_calls/0/id"),
        (call("{}", name=""), "tool_calls/0/function/name"),
        (user(["x"]), "content/0"),
        (user([{"text": "x"}]), "content/0"),
        (user([{"type": "text"}]), "content/0/text"),
        (user([{"type": "text", "text": "x", "cache_control": {}}]), "content/0/cache_control"),
        (user([{"type": "refusal", "refusal": "x"}]), "content/0"),
        (user([{"type": "tool_result", "text": "x"}]), "content/0"),
        (user([{"type": "file", "file": {"file_id": "f"}}]), "content/0/file/file_id"),
        ({"role": "system", "content": [IMAGE]}, "content/0"),
    ],
)
def test_a_message_that_is_not_of_the_schema_is_refused_by_its_place(
    message: dict[str, Any], param: str
) -> None:
    assert refusal(chat(message)).param == f"messages/0/{param}"


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.fate == "refused"])
def test_every_field_of_the_table_that_is_refused_is_refused_with_its_reason(name: str) -> None:
    refused = refusal(chat(**{name: "x"}))
    assert refused.param == name
    assert FIELDS[name].note in refused.reason


@pytest.mark.parametrize("name", list(FIELDS))
def test_a_null_is_a_field_that_is_not_there(name: str) -> None:
    if name not in ("model", "messages"):
        assert read(chat(**{name: None})) == read(chat())


@pytest.mark.parametrize("name", ["user", "safety_identifier", "prompt_cache_key"])
def test_what_identifies_or_chooses_a_cache_is_not_forwarded(name: str) -> None:
    exchange = read(chat(**{name: "anna"}))
    assert exchange.body == chat()
    assert exchange.parameters == {}


def test_a_null_of_another_roles_member_is_a_member_that_is_not_there() -> None:
    bare = {"role": "user", "content": "x"}
    full = {**bare, "name": None, "tool_calls": None, "tool_call_id": None}
    assert read(chat(messages=[full])) == read(chat(messages=[bare]))
    with pytest.raises(RequestInvalid):
        read(chat(messages=[{**bare, "tool_calls": []}]))
    with pytest.raises(RequestInvalid):
        read(chat(messages=[{**bare, "nobodys": None}]))


def test_fields_that_clients_send_empty_are_accepted_and_not_forwarded() -> None:
    fields = {
        "metadata": {"a": "b"},
        "store": False,
        "logprobs": False,
        "modalities": ["text"],
        "service_tier": "auto",
    }
    assert read(chat(**fields)).body == chat()


def test_every_field_of_the_official_sdk_is_in_the_table() -> None:
    hints = completion_create_params.CompletionCreateParamsBase.__annotations__
    assert set(hints) - set(FIELDS) == set()


@pytest.mark.parametrize("name", ["x y", "4111 1111 1111 1111", "a" * 65, "", "ключ", "<script>"])
def test_the_name_of_an_unknown_field_is_repeated_only_if_it_looks_like_one(name: str) -> None:
    for body in (
        chat(**{name: 1}),
        chat({"role": "user", "content": "x", name: 1}),
        chat(tools=[tool(**{name: 1})]),
    ):
        refused = refusal(body)
        assert name == "" or name not in refused.reason
        assert name == "" or name not in str(refused.param)
    assert "new_field" in refusal(chat(new_field=1)).reason
    assert "guided_" in FAMILIES


scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.just("canary-value")
keys = st.sampled_from([*FIELDS, "role", "type", "text", "content", "function"])
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
)


@given(trees, st.sampled_from(sorted(FIELDS)))
def test_no_tree_in_any_field_crashes_and_no_error_quotes_it(value: Any, name: str) -> None:
    try:
        exchange = read(chat() | {name: value})
    except SluicegateError as error:
        told = f"{error.reason} {error.param}"
    else:
        told = ""
        sent = json.loads(upstream_body(exchange, "m"))
        assert {"canary-value"} & set(strings(sent)) <= {*texts(exchange), exchange.model}
    assert "canary-value" not in told


def test_a_message_of_an_answer_can_be_sent_back_as_the_sdk_gives_it() -> None:
    called = {"id": "c", "index": 0, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    empty: dict[str, Any] = {
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
    }
    answered = {"role": "assistant", **empty, "tool_calls": [called]}
    exchange = read(chat(user("x"), answered, {"role": "tool", "tool_call_id": "c", "content": "y"}))
    assert json.loads(upstream_body(exchange, "m"))["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }


MEDIA = [
    (IMAGE, "image"),
    ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}, "video"),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "audio"),
    (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "plan.pdf"}},
        "file",
    ),
]


@pytest.mark.parametrize(("part", "kind"), MEDIA)
def test_a_part_that_nobody_can_read_is_named_for_the_policies(part: dict[str, Any], kind: str) -> None:
    exchange = read(chat(user([{"type": "text", "text": "see"}, part])))
    assert [(one.where, one.kind) for one in exchange.unscannable] == [("messages/0/content/1", kind)]
    assert exchange.body["messages"][0]["content"][1] == part
    assert ("plan.pdf" in texts(exchange)) is (kind == "file")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "data:image/png,AAAA",
        "data:image/png;base64,",
        "data:image/png;base64,AA AA",
        "data:image/png;base64,AAAA\nhttp://x",
        "data:text/html;charset=utf-8;base64,AAAA",
        " data:image/png;base64,AAAA",
        "",
        None,
    ],
)
def test_media_from_elsewhere_and_data_that_is_none_are_refused(url: Any) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    assert refusal(chat(user([part]))).param == "messages/0/content/0/image_url/url"


def test_bounds_on_messages_tools_and_schemas_are_exact() -> None:
    limits = Limits(messages=2, tools=1)
    assert len(read(chat(user("a"), user("b")), limits).segments) == 2
    assert refusal(chat(user("a"), user("b"), user("c")), limits).param == "messages"
    assert refusal(chat(tools=[tool("a"), tool("b")]), limits).param == "tools"
    schema = {"description": "x" * (65_536 - 18)}
    assert len(texts(read(chat(tools=[tool("a", parameters=schema)])))) == 3
    assert refusal(chat(tools=[tool("a", parameters={"description": "x" * (65_536 - 17)})])).param is not None
    nested: dict[str, Any] = {}
    for _ in range(31):
        nested = {"items": nested}
    assert read(chat(tools=[tool("a", parameters=nested)])).tools == ("a",)
    assert (
        refusal(chat(tools=[tool("a", parameters={"items": nested})])).param == "tools/0/function/parameters"
    )


def test_too_many_texts_are_too_large_and_not_merely_wrong() -> None:
    with pytest.raises(RequestTooLarge):
        read(chat(call(json.dumps(["x"] * 20_000))))


def test_a_stream_is_always_asked_for_its_usage() -> None:
    for options in (None, {"include_usage": False}, {"include_usage": True}, {"include_obfuscation": True}):
        sent = json.loads(upstream_body(read(chat(stream=True, stream_options=options)), "m"))
        assert sent["stream_options"] == {"include_usage": True}
    assert "stream_options" not in json.loads(upstream_body(read(chat()), "m"))


def test_the_upstream_gets_its_own_name_of_the_model_and_the_exchange_keeps_the_callers() -> None:
    exchange = read(chat())
    assert json.loads(upstream_body(exchange, "weights.gguf"))["model"] == "weights.gguf"
    assert exchange.body["model"] == exchange.model == "m"


def test_what_was_sent_is_what_was_read() -> None:
    sent = json.loads(upstream_body(read(FULL), "m"))
    assert sent == FULL


def test_parsing_leaves_the_callers_tree_alone() -> None:
    body = json.loads(json.dumps(FULL))
    parse(body, exchange_id="x", limits=LIMITS)
    assert body == FULL


def test_numbers_in_a_schema_that_bound_something_stay_numbers_and_words_in_their_place_are_read() -> None:
    schema = {"maximum": 2147483647, "minLength": "canary-bound", "const": 4111111111111111}
    assert texts(read(chat(tools=[tool("a", parameters=schema)])))[2:] == ["canary-bound", "4111111111111111"]


def test_empty_tools_are_not_forwarded_nor_a_choice_among_them() -> None:
    assert read(chat(tools=[], tool_choice="auto", documents=[])).body == chat()
