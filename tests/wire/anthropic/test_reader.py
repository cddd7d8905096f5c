import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Delta, End, Finish, Head, Lane, Tokens, ToolOpen, Usage
from proxy.wire.answers import WHOLE_BYTES
from proxy.wire.anthropic.blocks import MOST_BLOCKS
from proxy.wire.anthropic.reader import CountReader, MessageReader
from proxy.wire.openai_chat.messages import TOOL_CALLS
from tests.wire.anthropic.upstreams import (
    END,
    ENVELOPE,
    LLAMA,
    LLAMA_WHOLE,
    START,
    STREAMS,
    TEXT,
    TOOL,
    TOOLS,
    USAGE,
    VLLM,
    closed,
    delta,
    events,
    opened,
    sse,
    stopped,
    words,
)

HEAD = Head(0)
CONTENT = Lane(0, "content")
REASONING = Lane(0, "reasoning")


def whole(*content: Any, **message: Any) -> bytes:
    told = {**ENVELOPE, "content": list(content), "stop_reason": "end_turn", "usage": USAGE, **message}
    return json.dumps(told).encode()


def refused(*told: dict[str, Any] | str) -> bool:
    """Between a good beginning and a good end."""
    return events([sse(START, *told, stopped(), END)]) is None


def test_a_stream_of_llama_cpp_becomes_events() -> None:
    assert events([LLAMA]) == [
        HEAD,
        Delta(CONTENT, "Zoë"),
        Delta(CONTENT, ", 😀"),
        Finish(0, "length"),
        Usage(32, 3, 31, 0),
        End(),
    ]


def test_a_whole_answer_of_llama_cpp_becomes_the_same_events_with_one_delta() -> None:
    expected = [HEAD, Delta(CONTENT, "Zoë, 😀"), Finish(0, "length"), Usage(32, 3, 31, 0), End()]
    assert events([LLAMA_WHOLE], stream=False) == expected
    assert events([LLAMA_WHOLE[:50], LLAMA_WHOLE[50:]], stream=False) == expected


def test_thoughts_words_and_calls_have_lanes_of_their_own_and_signatures_none() -> None:
    first, second = Lane(0, "tool", 0), Lane(0, "tool", 1)
    assert events([TOOLS]) == [
        HEAD,
        Delta(REASONING, "hm"),
        Delta(CONTENT, "Let me look."),
        ToolOpen(first, "call_9", "find"),
        Delta(first, '{"city"'),
        Delta(first, ':"Köln"}'),
        ToolOpen(second, "call_10", "wait"),
        Delta(second, "{}"),
        Finish(0, "tool_calls"),
        Usage(33, 9, 31, 0),
        End(),
    ]


def test_calls_in_a_whole_answer_have_their_input_as_json() -> None:
    answer = whole(
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {**TOOL, "input": {"city": "Köln", "n": 1.5}},
        {**TOOL, "id": "call_10", "input": {}},
        stop_reason="tool_use",
    )
    assert events([answer], stream=False) == [
        HEAD,
        Delta(REASONING, "hm"),
        ToolOpen(Lane(0, "tool", 0), "call_9", "find"),
        Delta(Lane(0, "tool", 0), '{"city":"Köln","n":1.5}'),
        ToolOpen(Lane(0, "tool", 1), "call_10", "find"),
        Delta(Lane(0, "tool", 1), "{}"),
        Finish(0, "tool_calls"),
        Usage(32, 3, 31, 0),
        End(),
    ]


def test_an_input_that_stands_in_the_start_of_its_block_is_read_once() -> None:
    told = events([sse(START, opened(0, **{**TOOL, "input": {"a": 1}}), closed(0), stopped("tool_use"), END)])
    assert told is not None
    assert [one.text for one in told if isinstance(one, Delta)] == ['{"a":1}']


def test_which_stop_string_it_was_is_told_however_the_server_calls_the_reason() -> None:
    assert Finish(0, "stop", "END") in (events([VLLM]) or [])
    told = events([whole({"type": "text", "text": "x"}, stop_sequence="e")], stream=False)
    assert Finish(0, "stop", "e") in (told or [])
    told = events([whole({"type": "text", "text": "x"}, stop_sequence="e" * 257)], stream=False)
    assert Finish(0, "stop") in (told or [])


@pytest.mark.parametrize("name", STREAMS)
def test_every_way_to_cut_a_stream_in_two_gives_the_same_events(name: str) -> None:
    stream = STREAMS[name]
    expected = events([stream])
    assert expected is not None
    assert all(events([stream[:i], stream[i:]]) == expected for i in range(len(stream)))
    assert events(stream[i : i + 1] for i in range(len(stream))) == expected


@pytest.mark.parametrize("name", ["llama.cpp", "tools"])
def test_a_stream_that_ends_anywhere_before_its_end_is_no_answer(name: str) -> None:
    stream = STREAMS[name]
    assert all(events([stream[:i]]) is None for i in range(len(stream) - 1))


def test_what_follows_the_end_is_not_read() -> None:
    reader = MessageReader(stream=True)
    assert reader.feed(LLAMA + LLAMA)[-1] == End()
    assert reader.feed(b"data: nonsense\n\n") == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "told",
    [
        [{"type": "error", "error": {"type": "api_error", "message": "CUDA out of memory for anna"}}],
        [{"type": "surprise"}],
        [{"type": ["text"]}],
        [{}],
        [START],
        ["x"],
        ["[]"],
        ["null"],
        ["[DONE]"],
        [opened(1, type="text", text=""), closed(0)],
        [opened(True, type="text", text="")],
        [opened(MOST_BLOCKS, type="text", text="")],
        [{"type": "content_block_start", "index": 0}],
        [TEXT, TEXT],
        [TEXT, opened(1, type="text", text="")],
        [TEXT],
        [words(0, "a")],
        [closed(0)],
        [TEXT, words(1, "a"), closed(0)],
        [TEXT, closed(1)],
        [TEXT, closed(0), words(0, "a")],
        [TEXT, closed(0), TEXT, closed(0)],
        [TEXT, {"type": "content_block_delta", "index": 0}, closed(0)],
        [TEXT, words(0, 1), closed(0)],  # type: ignore[arg-type]
        [TEXT, delta(0, type="thinking_delta", thinking="a"), closed(0)],
        [TEXT, delta(0, type="input_json_delta", partial_json="{}"), closed(0)],
        [opened(0, **TOOL), words(0, "a"), closed(0)],
        [opened(0, **{**TOOL, "name": "two words"}), closed(0)],
        [opened(0, **{**TOOL, "id": None}), closed(0)],
        [opened(0, **{**TOOL, "input": ["x"]}), closed(0)],
        [opened(0, type="text", text=["x"]), closed(0)],
        [stopped("pause_turn")],
        [stopped("I stopped because the user is anna")],
        [stopped(reason=1)],  # type: ignore[arg-type]
        [stopped(None, input_tokens=-1)],
        [stopped(None, input_tokens="many")],
        [stopped(None, cache_read_input_tokens=2**53 + 1)],
        [stopped(), TEXT, closed(0)],
        [{"type": "message_delta"}],
        [{**stopped(None), "usage": 1}],
    ],
)
def test_what_is_not_of_the_known_shape_is_no_answer(told: list[Any]) -> None:
    assert refused(*told)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "api_error", "message": "out of memory for anna"}},
        stopped("I stopped because the user is anna"),
        {"type": "anna"},
        opened(0, type="tool_use", id="anna", name="the tool of anna"),
    ],
)
def test_no_error_quotes_the_server(event: dict[str, Any]) -> None:
    with pytest.raises(UpstreamUnavailable) as unavailable:
        MessageReader(stream=True).feed(sse(START, event))
    assert "anna" not in unavailable.value.reason


def test_an_answer_begins_with_its_beginning_and_ends_with_its_end() -> None:
    assert not refused()
    assert events([sse(TEXT, closed(0), stopped(), END)]) is None
    assert events([sse(END)]) is None
    assert events([sse(START, END)]) is None
    assert events([sse(START, stopped(None), END)]) is None
    assert events([sse({**START, "message": {**ENVELOPE, "content": [TOOL]}}, stopped(), END)]) is None
    assert events([sse({"type": "message_start"}, stopped(), END)]) is None


def test_more_calls_than_anybody_makes_are_no_answer() -> None:
    many = [TOOL] * (TOOL_CALLS + 1)
    assert events([whole(*many, stop_reason="tool_use")], stream=False) is None
    assert events([whole(*many[1:], stop_reason="tool_use")], stream=False) is not None


def test_an_end_said_twice_is_one() -> None:
    told = events([sse(START, stopped("max_tokens"), stopped("end_turn"), END)])
    assert [one for one in told or [] if isinstance(one, Finish)] == [Finish(0, "length")]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)
def test_reasons_are_told_in_one_language(said: str, told: str) -> None:
    assert Finish(0, told) in (events([sse(START, stopped(said), END)]) or [])


def test_what_is_not_known_is_left_out_and_counted_and_what_is_known_is_not_counted() -> None:
    reader = MessageReader(stream=True)
    read = reader.feed(
        sse(
            {**START, "message": {**START["message"], "container": {"id": "secret"}}},
            opened(0, type="redacted_thinking", data="secret"),
            delta(0, type="text_delta", text="secret"),
            closed(0),
            opened(1, type="text", text="a", citations=["secret"], parsed=None),
            delta(1, type="citations_delta", citation={"cited_text": "secret"}),
            {**words(1, "b"), "odd name!": "secret"},
            delta(1, type="text_delta", text="c", logprobs=["secret"]),
            delta(1, type="signature_delta", signature="secret"),
            closed(1),
            {**stopped(), "context_management": {"edits": "secret"}},
            END,
        )
    )
    assert "secret" not in json.dumps([getattr(one, "text", "") for one in read])
    assert [one.text for one in read if isinstance(one, Delta)] == ["a", "b", "c"]
    assert reader.dropped == {
        "container": 1,
        "content_block": 1,
        "citations": 1,
        "delta": 1,
        "?": 1,
        "logprobs": 1,
        "context_management": 1,
    }


def test_a_whole_answer_is_bounded_and_must_be_one() -> None:
    reader = MessageReader(stream=False)
    assert reader.feed(b" " * WHOLE_BYTES) == []
    with pytest.raises(UpstreamUnavailable):
        reader.feed(b" ")
    for body in (
        b"",
        b"{}",
        b"[]",
        b"null",
        LLAMA_WHOLE[:-1],
        LLAMA_WHOLE + b"x",
        whole(type="error"),
        whole("x"),
        whole(content="x"),
        whole(stop_reason=None),
        whole(usage="x"),
        whole({"type": "text", "text": 1}),
    ):
        assert events([body], stream=False) is None


def test_a_count_of_tokens_is_a_number_and_nothing_else() -> None:
    reader = CountReader(False)
    assert reader.feed(b'{"input_tokens":') == []
    reader.feed(b'32,"words":"secret"}')
    assert reader.finish() == [Tokens(32), End()]
    assert reader.dropped == {"words": 1}
    for body in (b"", b"{}", b"[]", b'{"input_tokens":"32"}', b'{"input_tokens":-1}', b'{"error":"x"}'):
        reader = CountReader(False)
        reader.feed(body)
        with pytest.raises(UpstreamUnavailable):
            reader.finish()


def test_text_is_not_in_the_representation_of_an_event() -> None:
    assert "Zoë" not in repr(events([LLAMA]))


NAMES = """
    type message index content_block delta content text thinking partial_json input id name stop_reason usage
    stop_sequence input_tokens error
"""
KINDS = """
    message_start content_block_start content_block_delta content_block_stop message_delta message_stop text
    tool_use thinking text_delta input_json_delta end_turn message
"""
names = st.sampled_from(NAMES.split())
words_of = st.text(max_size=4) | st.sampled_from(KINDS.split())
json_scalars = st.none() | st.booleans() | st.integers(-2, 200) | words_of
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
event_like = st.sampled_from([TEXT, words(0, "a"), closed(0), stopped(), END, opened(0, **TOOL)])


@given(st.lists(json_values | event_like, max_size=5), st.booleans())
def test_no_answer_crashes_the_reader(told: list[Any], stream: bool) -> None:
    if stream:
        events([sse(START), *(f"data: {json.dumps(one)}\n\n".encode() for one in told)])
    else:
        events([json.dumps(one).encode() for one in told], stream=False)
        events([whole(*told)], stream=False)


def test_a_message_that_tells_no_usage_at_its_end_has_that_of_its_beginning() -> None:
    told = events([sse(START, TEXT, words(0, "a"), closed(0), {**stopped(), "usage": None}, END)])
    assert told is not None
    assert Usage(32, 0, 31, 0) in told
