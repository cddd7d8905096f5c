import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import labels
from proxy.errors import RequestInvalid, RequestTooLarge
from proxy.exchange import Call, Exchange, Segment, Unscannable
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.openai_responses.fields import FIELDS
from proxy.wire.openai_responses.items import ITEMS, MOST_PARTS, PARTS, REFUSED_ITEMS
from tests.wire.openai_responses.examples import HISTORY, MAXIMAL, MEDIA, REFUSED
from tests.wire.openai_responses.requests import ask, in_chat, read, spelled, user

PNG = "data:image/png;base64,AAAA"
REFUSED_FIELDS = [name for name in REFUSED["openai_responses"] if "[]" not in name]
FIND: dict[str, Any] = {"type": "function", "name": "find"}
WAIT: dict[str, Any] = {"type": "function", "name": "wait"}


def texts(exchange: Exchange) -> list[tuple[str, str, str]]:
    return [(one.text, one.role, one.source) for one in exchange.segments]


def test_a_string_is_what_the_user_says() -> None:
    exchange = read(ask(instructions="Be brief"))
    assert exchange.segments == (
        Segment("Be brief", "system", "message", ("instructions",)),
        Segment("Hello", "user", "message", ("input",)),
    )
    assert (exchange.dialect, exchange.model, exchange.stream) == ("openai_responses", "m", False)
    assert (exchange.operation, exchange.answers) == ("chat", 1)


def test_every_text_of_the_items_is_read_with_its_role_and_source() -> None:
    assert texts(read(ask(*HISTORY))) == [
        ("be brief", "system", "message"),
        ("be kind", "developer", "message"),
        ("a", "user", "message"),
        ("b", "user", "message"),
        ("in short", "assistant", "message"),
        ("so", "assistant", "message"),
        ("at length", "assistant", "message"),
        ("let me look", "assistant", "message"),
        ("or not", "assistant", "message"),
        ("call_1", "assistant", "name"),
        ("find", "assistant", "name"),
        ("city", "assistant", "tool_call"),
        ("Köln", "assistant", "tool_call"),
        ("note", "assistant", "tool_call"),
        ("ab", "assistant", "tool_call"),
        ("call_2", "assistant", "name"),
        ("find", "assistant", "name"),
        ("plain words", "assistant", "tool_call"),
        ("call_1", "tool", "name"),
        ("rain", "tool", "tool_result"),
        ("call_2", "tool", "name"),
        ("sun", "tool", "tool_result"),
        ("shine", "tool", "tool_result"),
        ("it rains", "assistant", "message"),
        ("and now?", "user", "message"),
    ]


def test_calls_of_the_history_are_told_with_their_arguments() -> None:
    assert read(ask(*HISTORY)).calls == (Call("find", {"city": "Köln", "note": "ab"}), Call("find", None))


def test_every_segment_stands_where_it_says() -> None:
    for body in (MAXIMAL, MEDIA):
        exchange = read(body)
        for segment in exchange.segments:
            if not segment.key:
                assert _standing(exchange.body, segment.path) == segment.text


def _standing(value: Any, path: Any) -> Any:
    for step in path:
        value = value.value[step] if isinstance(value, tree.Embedded) else value[step]
    return value


def _strings(value: Any) -> list[str]:
    return [leaf.text for leaf in tree.leaves(value) if not leaf.key]


SCHEMA_WORDS = {"object", "string", "city"}
PROTOCOL = {
    *("function", "json_schema", "message", "reasoning", "function_call", "function_call_output"),
    *("input_text", "output_text", "refusal", "reasoning_text", "completed", "summary_text"),
    *("user", "assistant", "system", "developer", "low"),
}


def test_what_is_forwarded_is_a_segment_or_a_word_of_the_protocol() -> None:
    exchange = read(MAXIMAL)
    known = {one.text for one in exchange.segments}
    joined = {"let me lookor not", "in short\n\nso\n\nat length"}
    for one in _strings(spelled(exchange)):
        made = one.startswith(("msg_", "rs_")) or one in {"echo", '{"city": "Köln", "note": "a\\u0062"}'}
        assert one in known | PROTOCOL | SCHEMA_WORDS | joined or made, one


def test_every_field_of_the_table_has_an_example() -> None:
    families = {"guided_json", "lora_path"}
    assert FIELDS.keys() == MAXIMAL.keys() | (set(REFUSED_FIELDS) - families)


@pytest.mark.parametrize("name", REFUSED_FIELDS)
def test_a_refused_field_is_refused_by_name_and_never_quoted(name: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read(ask(**{name: "secret-words"}))
    assert refused.value.param == name
    assert "secret-words" not in refused.value.reason


@pytest.mark.parametrize("kind", REFUSED_ITEMS)
def test_items_of_hosted_services_are_refused_with_their_reason(kind: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read(ask({"type": kind, "id": "x"}))
    assert refused.value.param == "input/0/type"
    assert kind in refused.value.reason


def test_policies_see_the_parameters_by_the_names_of_chat() -> None:
    parameters = read(MAXIMAL).parameters
    assert {
        "max_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.5,
        "seed": 7,
        "tool_choice": "function",
        "response_format": "json_schema",
        "verbosity": "low",
        "reasoning_effort": "low",
        "parallel_tool_calls": True,
    }.items() <= parameters.items()
    assert not any(isinstance(one, list | dict) for one in parameters.values())


def test_a_bound_on_tokens_is_lowered_or_set() -> None:
    assert tree.cap_tokens(read(ask(max_output_tokens=50)), 7).body["max_output_tokens"] == 7
    assert tree.cap_tokens(read(ask(max_output_tokens=5)), 7).body["max_output_tokens"] == 5
    assert tree.cap_tokens(read(ask()), 7).body["max_output_tokens"] == 7
    assert in_chat(tree.cap_tokens(read(ask()), 7))["max_tokens"] == 7


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["x"]}, "input/0"),
        ({"input": [{"foo": 1}]}, "input/0/type"),
        ({"input": [{"id": "msg_1"}]}, "input/0/type"),
        ({"input": [{"type": "", "role": "user", "content": "x"}]}, "input/0/type"),
        ({"input": [{"type": 5, "role": "user", "content": "x"}]}, "input/0/type"),
        ({"input": [{"type": "unheard", "role": "user"}]}, "input/0/type"),
        ({"input": [{"role": "user"}]}, "input/0/content"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input/0/role"),
        ({"input": [{"role": ["user"], "content": "x"}]}, "input/0/role"),
        ({"input": [user("x") | {"name": "words"}]}, "input/0/name"),
        ({"input": [user("x") | {"id": "prose is no id"}]}, "input/0/id"),
        ({"input": [user("x") | {"status": "words"}]}, "input/0/status"),
        ({"input": [user("x") | {"phase": "words"}]}, "input/0/phase"),
        ({"input": [user([{"type": "output_text", "text": "x"}])]}, "input/0/content/0"),
        ({"input": [user([{"type": "input_audio", "data": "x"}])]}, "input/0/content/0"),
        ({"input": [user([{"type": "input_text", "text": 1}])]}, "input/0/content/0/text"),
        ({"input": [user([{"type": "input_text"}])]}, "input/0/content/0/text"),
        ({"input": [user([{"type": "input_text", "text": "x", "y": 1}])]}, "input/0/content/0/y"),
        ({"input": [user(["x"])]}, "input/0/content/0"),
        ({"input": [user([{"type": "input_text", "text": "x"}] * (MOST_PARTS + 1))]}, "input/0/content"),
        (
            {"input": [{"role": "system", "content": [{"type": "input_image", "image_url": PNG}]}]},
            "input/0/content/0",
        ),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
            "input/0/content/0",
        ),
        (
            {
                "input": [
                    {
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "x", "annotations": [{"url": "y"}]}],
                    }
                ]
            },
            "input/0/content/0/annotations",
        ),
        (
            {"input": [user([{"type": "input_image", "image_url": "https://elsewhere/x.png"}])]},
            "input/0/content/0/image_url",
        ),
        ({"input": [user([{"type": "input_image", "file_id": "file_1"}])]}, "input/0/content/0/file_id"),
        (
            {"input": [user([{"type": "input_image", "image_url": PNG, "detail": "words"}])]},
            "input/0/content/0/detail",
        ),
        ({"input": [user([{"type": "input_file", "file_id": "file_1"}])]}, "input/0/content/0/file_id"),
        (
            {"input": [user([{"type": "input_file", "file_url": "https://elsewhere/"}])]},
            "input/0/content/0/file_url",
        ),
        ({"input": [user([{"type": "input_file", "file_data": "words"}])]}, "input/0/content/0/file_data"),
        (
            {"input": [user([{"type": "input_file", "file_data": PNG, "filename": "x" * 257}])]},
            "input/0/content/0/filename",
        ),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input/0/call_id"),
        ({"input": [{"type": "function_call", "call_id": "c", "arguments": "{}"}]}, "input/0/name"),
        (
            {
                "input": [
                    {"type": "function_call", "call_id": "c", "name": "prose is none", "arguments": "{}"}
                ]
            },
            "input/0/name",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input/0/arguments"),
        (
            {
                "input": [
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": "\\u0061"'}
                ]
            },
            "input/0/arguments",
        ),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input/0/call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input/0/output"),
        (
            {"input": [{"type": "reasoning", "id": "r", "encrypted_content": "x"}]},
            "input/0/encrypted_content",
        ),
        ({"input": [{"type": "reasoning", "summary": "x"}]}, "input/0/summary"),
        ({"input": [{"type": "reasoning", "summary": ["x"]}]}, "input/0/summary/0"),
        (
            {"input": [{"type": "reasoning", "summary": [{"type": "reasoning_text", "text": "x"}]}]},
            "input/0/summary/0/type",
        ),
        (
            {"input": [{"type": "reasoning", "content": [{"type": "reasoning_text"}]}]},
            "input/0/content/0/text",
        ),
        ({"instructions": ["x"]}, "instructions"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools/0/type"),
        ({"tools": [{"type": "web_search"}]}, "tools/0/type"),
        ({"tools": [{"type": "mcp", "server_url": "https://elsewhere/"}]}, "tools/0/type"),
        ({"tools": [{"type": "custom", "name": "f"}]}, "tools/0/type"),
        ({"tools": [{"type": "function"}]}, "tools/0/name"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools/0/function"),
        ({"tools": [FIND | {"description": 1}]}, "tools/0/description"),
        ({"tools": [FIND | {"strict": "yes"}]}, "tools/0/strict"),
        ({"tools": [FIND | {"parameters": "x"}]}, "tools/0/parameters"),
        ({"tools": [FIND | {"output_schema": {}}]}, "tools/0/output_schema"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "words"}, "tool_choice"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice/type"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice/name"),
        ({"tools": [FIND], "tool_choice": {"type": "allowed_tools", "tools": [FIND]}}, "tool_choice/mode"),
        (
            {"tools": [FIND], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}},
            "tool_choice/tools",
        ),
        (
            {"tools": [FIND], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [WAIT]}},
            "tool_choice/tools/0/name",
        ),
        (
            {"tools": [FIND], "tool_choice": {"type": "allowed_tools", "mode": "none", "tools": [FIND]}},
            "tool_choice/mode",
        ),
        ({"text": "x"}, "text"),
        ({"text": {"format": "x"}}, "text/format/type"),
        ({"text": {"format": {"type": "grammar"}}}, "text/format/type"),
        ({"text": {"format": {"type": "text", "schema": {}}}}, "text/format/schema"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text/format/schema"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text/format/name"),
        ({"text": {"verbosity": "words"}}, "text/verbosity"),
        ({"reasoning": {"effort": "words"}}, "reasoning/effort"),
        ({"reasoning": {"summary": "words"}}, "reasoning/summary"),
        ({"reasoning": {"mode": "pro"}}, "reasoning/mode"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stop": "x" * 257}, "stop"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"stream": "true"}, "stream"),
        ({"stream_options": {}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": True}}, "stream_options/include_usage"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"include": ["reasoning.encrypted_content"]}, "include"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"truncation": "auto"}, "truncation"),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"metadata": {"x": 1}}, "metadata"),
        ({"metadata": {str(i): "x" for i in range(17)}}, "metadata"),
        ({"user": 1}, "user"),
        ({"temperature": 3}, "temperature"),
        ({"model": "prose is no name"}, "model"),
        ({"surprise": 1}, "surprise"),
        ({"Input": "x"}, "Input"),
    ],
)
def test_what_the_schema_does_not_know_is_refused_by_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read(ask() | fields)
    assert refused.value.param == param


def test_a_request_names_its_model_and_holds_an_input() -> None:
    for body, param in (({"input": "x"}, "model"), ({"model": "m"}, "input"), ([], "body")):
        with pytest.raises(RequestInvalid) as refused:
            read(body)
        assert refused.value.param == param


def test_items_and_tools_have_their_bounds() -> None:
    limits = Limits(messages=2, tools=1)
    read(ask(user("a"), user("b"), tools=[FIND]), limits)
    for body in (ask(*[user("a")] * 3), ask(tools=[FIND, WAIT])):
        with pytest.raises(RequestInvalid):
            read(body, limits)
    parts = [{"type": "input_text", "text": "x"}] * MOST_PARTS
    with pytest.raises(RequestTooLarge):
        read(ask(*[user(parts)] * 17))


def test_unknown_members_can_be_left_out_and_counted() -> None:
    body = ask(user([{"type": "input_text", "text": "x", "y": 1}]) | {"z": "w"}, surprise="w")
    exchange = read(body, Limits(unknown_fields="drop"))
    assert sorted(exchange.dropped) == ["input/0/content/0/y", "input/0/z", "surprise"]
    assert spelled(exchange)["input"] == [user([{"type": "input_text", "text": "x"}])]


def test_media_are_named_for_the_policies() -> None:
    output = {
        "type": "function_call_output",
        "call_id": "c",
        "output": [{"type": "input_image", "image_url": PNG}],
    }
    assert read(MEDIA | {"input": [*MEDIA["input"], output]}).unscannable == (
        Unscannable("input/0/content/0", "image"),
        Unscannable("input/0/content/1", "file"),
        Unscannable("input/1/output/0", "image"),
    )


def test_names_of_files_are_read() -> None:
    assert ("notes.txt", "user", "name") in texts(read(MEDIA))


def test_every_text_of_tools_choice_and_form_is_read() -> None:
    schema = {"properties": {"a": {"description": "words"}}}
    wanted = {"type": "json_schema", "name": "report", "description": "of it", "schema": schema}
    tool = FIND | {"description": "finds", "parameters": schema}
    exchange = read(ask(tools=[tool], tool_choice=FIND, text={"format": wanted}))
    assert [("/".join(map(str, one.path)), one.text, one.source) for one in exchange.segments[1:]] == [
        ("tools/0/name", "find", "name"),
        ("tools/0/description", "finds", "tool_definition"),
        ("tools/0/parameters/properties/0", "a", "name"),
        ("tools/0/parameters/properties/a/description", "words", "tool_definition"),
        ("tool_choice/name", "find", "name"),
        ("text/format/name", "report", "name"),
        ("text/format/description", "of it", "tool_definition"),
        ("text/format/schema/properties/0", "a", "name"),
        ("text/format/schema/properties/a/description", "words", "tool_definition"),
    ]


def test_allowed_tools_are_all_that_the_model_is_shown() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [WAIT]}
    exchange = read(ask(tools=[FIND | {"description": "secret-words"}, WAIT], tool_choice=choice))
    assert exchange.tools == ("wait",)
    assert spelled(exchange)["tools"] == [WAIT]
    assert spelled(exchange)["tool_choice"] == exchange.parameters["tool_choice"] == "required"
    assert "secret-words" not in str([exchange.body, *texts(exchange)])
    assert [one.path for one in exchange.segments if one.text == "wait"] == [("tools", 0, "name")]


def test_a_tool_that_must_be_called_is_told() -> None:
    exchange = read(ask(tools=[FIND, WAIT], tool_choice=WAIT))
    assert exchange.insisted == "wait"
    with pytest.raises(RequestInvalid):
        tree.strip_tools(exchange, {"wait"})


def test_stripping_every_tool_takes_the_choice_too() -> None:
    exchange = tree.strip_tools(
        read(ask(tools=[FIND], tool_choice="auto", parallel_tool_calls=True)), {"find"}
    )
    assert spelled(exchange).keys() == {"model", "input", "store"}


def test_an_upstream_is_never_asked_to_store_anything() -> None:
    for body in (ask(), ask(store=False), ask(store=None), MAXIMAL):
        assert spelled(read(body))["store"] is False


def test_what_is_kept_here_is_not_forwarded() -> None:
    sent = spelled(read(MAXIMAL))
    kept = {name for name, field in FIELDS.items() if field.fate == "not forwarded"} | {"stream_options"}
    assert sent.keys() == (MAXIMAL.keys() - kept) | {"store"}
    assert sent["model"] == "echo"
    assert sent["reasoning"] == {"effort": "low"}
    assert not {"somebody", "words"} & set(_strings(sent))


def test_items_are_spelled_so_that_every_server_reads_all_of_them() -> None:
    said = {"type": "output_text", "text": "let me lookor not", "annotations": []}
    assert spelled(read(ask(*HISTORY)))["input"][3:9] == [
        {
            "type": "reasoning",
            "id": "rs_3",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "in short\n\nso\n\nat length"}],
        },
        {"type": "message", "role": "assistant", "id": "msg_4", "status": "completed", "content": [said]},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "find",
            "arguments": '{"city": "Köln", "note": "a\\u0062"}',
        },
        {"type": "function_call", "call_id": "call_2", "name": "find", "arguments": "plain words"},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [{"type": "input_text", "text": "sun"}, {"type": "input_text", "text": "shine"}],
        },
    ]


def test_reasoning_without_a_word_is_left_out() -> None:
    without: list[dict[str, Any]] = [{"summary": []}, {"summary": [], "content": None}, {"content": []}, {}]
    for empty in without:
        exchange = read(ask({"type": "reasoning", "id": "r", **empty}, user("x")))
        assert spelled(exchange)["input"] == [user("x")]
        assert in_chat(exchange)["messages"] == [{"role": "user", "content": "x"}]


def test_a_changed_argument_is_spelled_anew() -> None:
    exchange = read(ask(*HISTORY))
    [place] = [index for index, one in enumerate(exchange.segments) if one.text == "Köln"]
    changed = tree.with_texts(exchange, {place: 'a "city"'})
    assert spelled(changed)["input"][5]["arguments"] == '{"city":"a \\"city\\"","note":"ab"}'


WORDS = sorted({*("type", "id", "role", "name", "tools", "mode"), *MAXIMAL, *HISTORY[4], *HISTORY[5]})
SCALAR = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([*WORDS, *ITEMS, *PARTS, "function"])
)
ANYTHING = st.recursive(
    SCALAR,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(WORDS), one, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), ANYTHING, max_size=5), st.lists(ANYTHING, max_size=3))
def test_anything_at_all_is_an_exchange_or_a_refusal(fields: dict[str, Any], items: list[Any]) -> None:
    with contextlib.suppress(RequestInvalid):
        exchange = read({"model": "m", "input": items or "x"} | fields)
        spelled(exchange)
        in_chat(exchange)


FENCE = '<document id="fin">Revenue fell.</document>'
OPEN = '<document id="fin">Revenue'


@pytest.mark.parametrize(
    "item",
    [
        user(f"Read {FENCE}"),
        user([{"type": "input_text", "text": OPEN}, {"type": "input_text", "text": " fell."}]),
        {"type": "function_call_output", "call_id": "c", "output": FENCE},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": OPEN}, {"type": "input_text", "text": " fell."}],
        },
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": OPEN}],
            "content": [{"type": "reasoning_text", "text": " fell."}],
        },
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": OPEN}, {"type": "refusal", "refusal": " fell."}],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": "<document id=fin>fell"}'},
    ],
)
def test_a_document_can_be_withheld_wherever_it_stands(item: dict[str, Any]) -> None:
    exchange = labels.find_documents(read(ask(item, user("So?"))))
    assert {one.id for one in exchange.documents} == {"fin"}
    told = labels.withhold(exchange, {"fin": True}, "[withheld]")
    for body in (spelled(told), in_chat(told)):
        assert "fell" not in str(body)
        assert "Revenue" not in str(body)
        assert "[withheld]" in str(body)


@pytest.mark.parametrize("mode", ["auto", "none"])
def test_a_choice_among_no_tools_is_left_out_unless_it_asks_for_one(mode: str) -> None:
    assert "tool_choice" not in read(ask(tool_choice=mode)).body
