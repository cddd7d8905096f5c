import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import labels
from proxy.errors import RequestInvalid, SluicegateError
from proxy.exchange import Call, Exchange, Unscannable
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.anthropic.blocks import BLOCKS, MOST_BLOCKS, REFUSED_BLOCKS
from proxy.wire.anthropic.fields import COUNT_FIELDS, FIELDS
from proxy.wire.anthropic.request import COUNT_TOKENS, MESSAGES, upstream_body
from tests.wire.anthropic.examples import COUNTED, FULL, KEPT, MEDIA, SHOWN, UNCOUNTED
from tests.wire.anthropic.requests import (
    LIMITS,
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


def refusal(body: Any, limits: Limits = LIMITS) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as refused:
        read(body, limits)
    return refused.value


def texts(exchange: Exchange) -> list[str]:
    return [one.text for one in exchange.segments]


def sent(exchange: Exchange) -> Any:
    return json.loads(upstream_body(exchange, "upstream-m"))


@pytest.mark.parametrize("body", [FULL, MEDIA, SHOWN])
def test_every_text_of_a_full_request_is_a_segment(body: Any) -> None:
    wanted = {one for one in strings(body) if "canary" in one} - {"canary-signature"}
    assert wanted <= set(texts(read(body)))


def test_telling_numbers_in_the_input_of_a_tool_are_segments_and_bounds_are_none() -> None:
    assert {"1234567", "7654321"} <= set(texts(read(FULL)))
    assert "2147483647" not in texts(read(FULL))


def test_every_path_leads_to_its_text_and_nothing_else_of_the_request_is_left() -> None:
    exchange = read(FULL)
    changes = {i: f"new-{i}" for i, one in enumerate(exchange.segments) if not one.key}
    left = set(strings(sent(tree.with_texts(exchange, changes))))
    assert set(changes.values()) <= left
    keys = {one.text for one in exchange.segments if one.key}
    assert {one for one in left if "canary" in one} <= keys


def test_the_order_of_segments_does_not_hang_on_the_order_of_fields() -> None:
    assert read(dict(reversed(FULL.items()))).segments == read(FULL).segments


def test_sources_and_roles_tell_where_a_text_stands() -> None:
    told = {one.text: (one.role, one.source, one.key) for one in read(FULL).segments}
    assert told["canary-system"] == ("system", "message", False)
    assert told["canary-rules"] == ("system", "message", False)
    assert told["canary-part"] == ("user", "message", False)
    assert told["canary-plain"] == ("user", "document", False)
    assert told["canary-title"] == ("user", "document", False)
    assert told["canary-inner"] == ("user", "document", False)
    assert told["canary-found"] == ("user", "document", False)
    assert told["canary-thought"] == ("assistant", "message", False)
    assert told["canary-called"] == ("assistant", "name", False)
    assert told["canary-key"] == ("assistant", "tool_call", True)
    assert told["canary-argument"] == ("assistant", "tool_call", False)
    assert told["canary-result"] == ("tool", "tool_result", False)
    assert told["canary-short"] == ("tool", "tool_result", False)
    assert told["canary-handed"] == ("tool", "document", False)
    assert told["canary-description"] == ("system", "tool_definition", False)
    assert told["canary-stop"] == ("user", "parameter", False)


def test_an_exchange_knows_what_policies_ask_by_the_names_of_openais_chat() -> None:
    exchange = read(FULL)
    assert (exchange.id, exchange.dialect, exchange.model, exchange.stream) == ("x-1", MESSAGES, "m", True)
    assert exchange.operation == "chat"
    assert exchange.tools == ("canary-tool",)
    assert exchange.insisted == "canary-tool"
    assert exchange.calls == (Call("canary-called", {"canary-key": ["canary-argument", 1234567]}),)
    assert exchange.parameters == {
        "max_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "tool_choice": "function",
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
        "response_format": "json_schema",
        "thinking": "enabled",
    }


@pytest.mark.parametrize(
    ("choice", "mode"), [("auto", "auto"), ("any", "required"), ("none", "none"), ("tool", "function")]
)
def test_a_choice_among_tools_is_told_in_one_language(choice: str, mode: str) -> None:
    named = {"name": "find"} if choice == "tool" else {}
    exchange = read(ask(tools=[tool()], tool_choice={"type": choice, **named}))
    assert exchange.parameters["tool_choice"] == mode


def test_what_is_no_text_is_named_as_unscannable() -> None:
    assert read(MEDIA).unscannable == (
        Unscannable("messages/0/content/0", "image"),
        Unscannable("messages/0/content/1", "file"),
    )
    assert read(SHOWN).unscannable == (
        Unscannable("messages/0/content/0/content/0", "image"),
        Unscannable("messages/0/content/0/content/1", "file"),
    )


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "image", "source": {"type": "url", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": "AAAA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "not base64"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": {"type": "content", "content": [image()]}},
        {"type": "document", "source": {"type": "text", "media_type": "text/html", "data": "x"}},
    ],
)
def test_nothing_is_fetched_from_elsewhere_or_read_as_something_else(block: dict[str, Any]) -> None:
    assert "messages/0/content/0" in str(refusal(ask(user(block))).param)


def test_a_document_claims_its_title_if_that_is_one_word_and_a_result_its_source() -> None:
    exchange = read(
        ask(
            user(
                document("a", title="fin-2026-q3"),
                document("b", title="Report on the third quarter"),
                document("c", title="#1"),
                document("d"),
                found("e", "https://example.org/?a=1#b", "Some words"),
                pdf(title="fin-2026-q4"),
            )
        )
    )
    assert [one.ids for one in exchange.entries] == [
        ("fin-2026-q3",),
        (),
        (),
        (),
        ("https://example.org/?a=1#b",),
        ("fin-2026-q4",),
    ]


def hidden(exchange: Exchange, *ids: str, notice: bool) -> Any:
    labelled = labels.find_documents(exchange)
    return sent(labels.withhold(labelled, dict.fromkeys(ids, notice), "[withheld]"))["messages"]


def test_a_withheld_document_leaves_a_text_block_or_nothing() -> None:
    body = ask(user(text("Look:"), document("secret", title="a"), found("open", "b")))
    exchange = read(body)
    told = hidden(exchange, "a", notice=True)
    assert told[0]["content"] == [text("Look:"), text("[withheld]"), found("open", "b")]
    assert hidden(exchange, "a", notice=False)[0]["content"] == [text("Look:"), found("open", "b")]
    assert "secret" not in json.dumps(told)


def test_a_message_and_a_result_whose_only_document_is_withheld_stay_valid() -> None:
    exchange = read(ask(user(document("secret", title="a")), user(result([document("secret", title="b")]))))
    first, second = hidden(exchange, "a", "b", notice=False)
    assert first["content"] == ""
    assert second["content"] == [result("")]


def test_a_fence_over_several_blocks_is_one_document() -> None:
    opens, closes = text('<document id="a">sec'), text("ret</document> rest")
    told = hidden(read(ask(user(opens, closes))), "a", notice=False)
    assert told[0]["content"] == [text(""), text(" rest")]
    exchange = read(ask(system=[opens, closes]))
    withheld = labels.withhold(labels.find_documents(exchange), {"a": False}, "[withheld]")
    assert withheld.body["system"] == [text(""), text(" rest")]


def test_a_lower_bound_holds_for_the_answer_and_for_what_is_thought() -> None:
    body = tree.cap_tokens(read(FULL), 50).body
    assert body["max_tokens"] == 50
    assert body["thinking"]["budget_tokens"] == 50
    assert "thinking" not in tree.cap_tokens(read(ask()), 50).body


def test_without_any_tool_left_there_is_no_choice_among_them() -> None:
    exchange = read(ask(tools=[tool("a"), tool("b")], tool_choice={"type": "any"}))
    assert sent(tree.strip_tools(exchange, {"a"}))["tools"] == [tool("b")]
    assert not {"tools", "tool_choice"} & sent(tree.strip_tools(exchange, {"a", "b"})).keys()


def test_a_request_for_the_count_of_tokens_is_read_the_same_way() -> None:
    exchange = read_count(COUNTED)
    assert (exchange.dialect, exchange.operation, exchange.stream) == (COUNT_TOKENS, "tokenize", False)
    wanted = {one for one in strings(COUNTED) if "canary" in one} - {"canary-signature"}
    assert wanted <= set(texts(exchange))
    assert exchange.token_bounds == ()
    assert read_count(UNCOUNTED).insisted == "canary-tool"


@pytest.mark.parametrize("name", ["max_tokens", "stream", "temperature", "stop_sequences", "metadata"])
def test_a_request_for_the_count_of_tokens_takes_nothing_about_an_answer(name: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read_count(count(**{name: FULL[name]}))
    assert refused.value.param == name


@pytest.mark.parametrize("body", [[], "x", None, 1, {}, {"model": "m"}, {"messages": [user("x")]}])
def test_what_is_no_request_is_refused(body: Any) -> None:
    assert refusal(body).code == "request_invalid"


def test_the_bound_of_tokens_is_demanded_as_anthropic_does() -> None:
    assert refusal({"model": "m", "messages": [user("x")]}).param == "max_tokens"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stream": "true"}, "stream"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "1"}, "temperature"),
        ({"model": "m\nx"}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages/0"),
        ({"system": 1}, "system"),
        ({"system": []}, "system"),
        ({"system": [image()]}, "system/0"),
        ({"system": [{"type": "text"}]}, "system/0/text"),
        ({"system": [text("x", citations=[{"cited_text": "y"}])]}, "system/0/citations"),
        ({"system": [text("x", cache_control={"type": "persistent"})]}, "system/0/cache_control/type"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools/0"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools/0/type"),
        ({"tools": [{"type": 1}]}, "tools/0/type"),
        ({"tools": [tool("two words")]}, "tools/0/name"),
        ({"tools": [{"name": "f"}]}, "tools/0/input_schema"),
        ({"tools": [tool(input_schema="x")]}, "tools/0/input_schema"),
        ({"tools": [tool(strict="x")]}, "tools/0/strict"),
        ({"tools": [tool(description=1)]}, "tools/0/description"),
        ({"tools": [tool(input_examples=[{"a": "b"}])]}, "tools/0/input_examples"),
        ({"tools": [tool(defer_loading=True)]}, "tools/0/defer_loading"),
        ({"tools": [tool(allowed_callers=["code_execution_20250825"])]}, "tools/0/allowed_callers"),
        ({"tools": [tool(eager_input_streaming="x")]}, "tools/0/eager_input_streaming"),
        ({"tools": [tool(cache_control="x")]}, "tools/0/cache_control"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice/type"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice/name"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice/name"),
        ({"tool_choice": {"type": "auto", "name": "x"}}, "tool_choice/name"),
        (
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}},
            "tool_choice/disable_parallel_tool_use",
        ),
        ({"output_config": {"effort": "most"}}, "output_config/effort"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config/format/type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config/format/schema"),
        ({"output_config": {"task_budget": {}}}, "output_config/task_budget"),
        ({"thinking": {"type": "enabled"}}, "thinking/budget_tokens"),
        ({"thinking": {"type": "disabled", "budget_tokens": 1}}, "thinking/budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": -1}}, "thinking/budget_tokens"),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, "thinking/display"),
        ({"thinking": {"type": "between_tools"}}, "thinking/type"),
        ({"thinking": True}, "thinking"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": ["a"] * 17}, "stop_sequences"),
        ({"stop_sequences": ["a" * 257]}, "stop_sequences/0"),
        ({"metadata": {"user_id": 1}}, "metadata/user_id"),
        ({"metadata": {"note": "x"}}, "metadata"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"speed": "fast"}, "speed"),
        ({"cache_control": {"type": "ephemeral", "ttl": "9h"}}, "cache_control/ttl"),
        ({"Messages": []}, "Messages"),
        ({"guided_new_thing": 1}, "guided_new_thing"),
    ],
)
def test_what_is_wrongly_typed_or_out_of_range_is_refused_by_its_place(
    fields: dict[str, Any], param: str
) -> None:
    assert refusal(ask() | fields).param == param


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "x"}, "role"),
        ({"role": "tool", "content": "x"}, "role"),
        ({"role": ["user"], "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": 1}, "content"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "user", "content": [text("x")] * (MOST_BLOCKS + 1)}, "content"),
        ({"role": "user", "content": "x", "name": "n"}, "name"),
        ({"role": "system", "content": [image()]}, "content/0"),
        (user("x") | {"content": ["x"]}, "content/0"),
        (user({"text": "x"}), "content/0"),
        (user({"type": "text", "text": 1}), "content/0/text"),
        (user(text("x", Text="y")), "content/0/Text"),
        (user(call({})), "content/0"),
        (user({"type": "thinking", "thinking": "x"}), "content/0"),
        (user(document("x", citations={"enabled": True})), "content/0/citations/enabled"),
        (user(document("x", title=1)), "content/0/title"),
        (user({"type": "document", "source": {"type": "content"}}), "content/0/source/content"),
        (user({"type": "document"}), "content/0/source/type"),
        (user({"type": "search_result", "source": "a", "title": "b", "content": "c"}), "content/0/content"),
        (user({"type": "search_result", "title": "b", "content": [text("c")]}), "content/0/source"),
        (user(result("x", "two words")), "content/0/tool_use_id"),
        (user(result(1)), "content/0/content"),
        (user(result(0)), "content/0/content"),
        (user(result([call({})])), "content/0/content/0"),
        (user(result("x", is_error=1)), "content/0/is_error"),
        (assistant(image()), "content/0"),
        (assistant(result("x")), "content/0"),
        (assistant(call("{}")), "content/0/input"),
        (assistant(call(None)), "content/0/input"),
        (assistant(call({}, name="two words")), "content/0/name"),
        (assistant(call({}, call_id="")), "content/0/id"),
        (assistant(call({}) | {"caller": {"type": "code_execution_20250825"}}), "content/0/caller/type"),
        (assistant({"type": "thinking", "thinking": "x", "signature": 1}), "content/0/signature"),
        (assistant({"type": "thinking"}), "content/0/thinking"),
    ],
)
def test_a_message_that_is_not_of_the_schema_is_refused_by_its_place(
    message: dict[str, Any], param: str
) -> None:
    assert refusal(ask(message)).param == f"messages/0/{param}"


@pytest.mark.parametrize("kind", REFUSED_BLOCKS)
def test_blocks_that_run_elsewhere_are_refused_with_the_reason(kind: str) -> None:
    for message in (user({"type": kind}), assistant({"type": kind}), user(result([{"type": kind}]))):
        refused = refusal(ask(message))
        assert REFUSED_BLOCKS[kind] in refused.reason
        assert kind not in BLOCKS


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.fate == "refused"])
def test_every_field_of_the_table_that_is_refused_is_refused_with_its_reason(name: str) -> None:
    refused = refusal(ask(**{name: "x"}))
    assert refused.param == name
    assert FIELDS[name].note in refused.reason


@pytest.mark.parametrize("name", list(FIELDS))
def test_a_null_is_a_field_that_is_not_there(name: str) -> None:
    if name not in ("model", "messages", "max_tokens"):
        assert read(ask(**{name: None})) == read(ask())


def test_what_identifies_or_marks_a_cache_is_accepted_and_not_forwarded() -> None:
    body = ask(
        user(text("x", cache_control=KEPT)),
        metadata={"user_id": "anna"},
        service_tier="auto",
        speed="standard",
        cache_control=KEPT,
        tools=[],
        tool_choice={"type": "auto"},
    )
    assert sent(read(body)) == {**ask(user(text("x"))), "model": "upstream-m"}
    thought = {"type": "thinking", "thinking": "hm", "signature": "words"}
    assert "words" not in upstream_body(read(ask(assistant(thought))), "m").decode()


def test_only_about_an_answer_do_the_two_requests_differ() -> None:
    assert FIELDS.keys() - COUNT_FIELDS.keys() == {
        *("stop_sequences", "stream", "max_tokens", "temperature", "top_p", "top_k", "metadata"),
        "service_tier",
    }
    assert COUNT_FIELDS.keys() < FIELDS.keys()


scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.just("canary-value")
keys = st.sampled_from([*FIELDS, "role", "type", "text", "content", "source", "input", "name"])
trees = st.recursive(
    scalars | st.sampled_from(list(BLOCKS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
)


@given(trees, st.sampled_from(sorted(FIELDS)))
def test_no_tree_in_any_field_crashes_and_no_error_quotes_it(value: Any, name: str) -> None:
    told = ""
    try:
        exchange = read(ask() | {name: value})
    except SluicegateError as error:
        told = f"{error.reason} {error.param}"
    else:
        known = {one.text for one in exchange.segments} | {exchange.model}
        left = {one for one in strings(sent(exchange)) if one == "canary-value"}
        assert left <= known
    assert "canary-value" not in told


@given(trees)
def test_no_tree_in_a_block_crashes_and_nothing_of_it_leaves_unread(value: Any) -> None:
    for message in (user(value), assistant(value), user(result([value]))):
        try:
            exchange = read(ask(message))
        except SluicegateError:
            continue
        if "canary-value" in set(strings(sent(exchange))):
            assert "canary-value" in texts(exchange)
