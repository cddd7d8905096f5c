import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Delta, End, Finish, Head, Lane, ToolOpen, Usage
from proxy.wire.answers import WHOLE_BYTES
from proxy.wire.openai_chat.reader import ChatReader
from tests.wire.openai_chat.upstreams import (
    ENVELOPE,
    LLAMA,
    LLAMA_WHOLE,
    STREAMS,
    TOOL,
    TOOLS,
    USAGE,
    VLLM,
    arguments,
    choice,
    events,
    sse,
)

HEAD = Head(1795477440)
CONTENT = Lane(0, "content")
STOPPED = choice({}, "stop")


def whole(**message: Any) -> bytes:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]
    return json.dumps({**ENVELOPE, "choices": choices}).encode()


def refused(*chunks: dict[str, Any] | str) -> bool:
    return events([sse(*chunks, "[DONE]")]) is None


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


def test_calls_of_tools_are_told_apart_by_their_index() -> None:
    first, second = Lane(0, "tool", 0), Lane(0, "tool", 1)
    assert events([TOOLS]) == [
        HEAD,
        ToolOpen(first, "call_9", "find"),
        Delta(first, '{"city"'),
        ToolOpen(second, "call_10", "wait"),
        Delta(second, "{}"),
        Delta(first, ':"Köln"}'),
        Finish(0, "tool_calls"),
        End(),
    ]


def test_calls_of_tools_in_a_whole_answer_are_told_apart_by_their_place() -> None:
    calls = [
        {"id": f"c{i}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in range(2)
    ]
    assert events([whole(content=None, tool_calls=calls)], stream=False) == [
        HEAD,
        ToolOpen(Lane(0, "tool", 0), "c0", "f"),
        Delta(Lane(0, "tool", 0), "{}"),
        ToolOpen(Lane(0, "tool", 1), "c1", "f"),
        Delta(Lane(0, "tool", 1), "{}"),
        Finish(0, "stop"),
        End(),
    ]


def test_choices_and_lanes_are_told_apart() -> None:
    read = events([VLLM])
    assert read is not None
    assert [(one.lane, one.text) for one in read if isinstance(one, Delta)] == [
        (Lane(1, "reasoning"), "hm"),
        (Lane(0, "reasoning"), "hm"),  # once, although it came under both names
        (Lane(0, "content"), "A"),
        (Lane(1, "content"), "B"),
        (Lane(0, "content"), "C"),
    ]
    assert read[-2:] == [Usage(32, 3, 31, 2), End()]


def test_two_reasonings_that_differ_are_both_read() -> None:
    read = events(
        [sse(choice({"reasoning": "a", "reasoning_content": "b", "refusal": "c"}, "stop"), "[DONE]")]
    )
    assert read is not None
    assert [one.text for one in read if isinstance(one, Delta)] == ["b", "a", "c"]


@pytest.mark.parametrize("name", STREAMS)
def test_every_way_to_cut_a_stream_in_two_gives_the_same_events(name: str) -> None:
    stream = STREAMS[name]
    expected = events([stream])
    assert expected is not None
    assert all(events([stream[:i], stream[i:]]) == expected for i in range(len(stream)))
    assert events(stream[i : i + 1] for i in range(len(stream))) == expected


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_ends_anywhere_before_its_end_is_no_answer(name: str) -> None:
    stream = STREAMS[name]
    assert all(events([stream[:i]]) is None for i in range(len(stream) - 1))


def test_what_follows_the_end_is_not_read() -> None:
    reader = ChatReader(stream=True)
    assert reader.feed(LLAMA + LLAMA)[-1] == End()
    assert reader.feed(b"data: nonsense\n\n") == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": {"message": "CUDA out of memory at 0x7f", "code": 500}},
        {"error": "boom", "error_type": "generation"},
        {"choices": [], "error": {"message": "x"}},
        {"choices": None},
        {},
        {"choices": ["x"]},
        {"choices": [{"index": "0", "delta": {}}]},
        {"choices": [{"index": True, "delta": {}}]},
        {"choices": [{"index": 8, "delta": {}}]},
        {"choices": [{"index": -1, "delta": {}}]},
        {"choices": [{"delta": {}}]},
        {"choices": [{"index": 0, "delta": "x"}]},
        choice({"content": 1}),
        choice({"content": ["x"]}),
        choice({"content": {"text": "x"}}),
        choice({"reasoning": {"text": "x"}}),
        choice({"tool_calls": "x"}),
        choice({"tool_calls": ["x"]}),
        choice({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}),
        choice({"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": ""}}]}),
        choice({"tool_calls": [{"id": "c", "function": {"name": "f"}}]}),
        choice({"tool_calls": [{"index": 128, "id": "c", "function": {"name": "f"}}]}),
        choice({"tool_calls": [{**TOOL, "function": {"name": "two words"}}]}),
        choice({"tool_calls": [{**TOOL, "id": "x" * 257}]}),
        choice({"tool_calls": [{**TOOL, "type": "custom"}]}),
        choice({"tool_calls": [{**TOOL, "function": "f"}]}),
        choice({"tool_calls": [{**TOOL, "function": {"name": "f", "arguments": {"a": 1}}}]}),
        choice(arguments("{}")),
        choice({}, "abort"),
        choice({}, "error"),
        choice({}, "I stopped because the user is anna"),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": 1}]},
        {"choices": [], "usage": "many"},
        {"choices": [], "usage": {"prompt_tokens": -1}},
        {"choices": [], "usage": {"prompt_tokens": True}},
        {"choices": [], "usage": {"prompt_tokens": 2**53 + 1}},
        {"choices": [], "usage": {"prompt_tokens": 1.5}},
        {"choices": [], "usage": {"prompt_tokens_details": [1]}},
    ],
)
def test_what_is_not_of_the_known_types_is_no_answer(chunk: dict[str, Any]) -> None:
    with pytest.raises(UpstreamUnavailable) as unavailable:
        ChatReader(stream=True).feed(sse(chunk))
    assert "anna" not in unavailable.value.reason
    assert "CUDA" not in unavailable.value.reason


@pytest.mark.parametrize("payload", ["x", "[]", "1", "null", '{"choices":', '"[DONE]"', " [DONE]", "NaN"])
def test_an_event_that_is_no_chunk_is_no_answer(payload: str) -> None:
    assert refused(choice({"content": "a"}, "stop"), payload)


def test_an_answer_is_whole_only_when_each_choice_has_ended_and_the_server_says_so() -> None:
    assert refused()
    assert refused({"choices": []})
    assert refused(choice({"content": "a"}))
    assert refused(choice({"content": "a"}, index=1), STOPPED)
    assert events([sse(choice({"content": "a"}, "stop"))]) is None
    assert not refused(choice({"content": "a"}), STOPPED)


def test_a_server_that_sends_text_and_nothing_else_ends_its_one_choice_by_saying_that_it_is_done() -> None:
    bare = {"choices": [{"delta": {"content": "a"}}]}
    assert events([sse(bare, bare, "[DONE]")]) == [
        HEAD,
        Delta(CONTENT, "a"),
        Delta(CONTENT, "a"),
        Finish(0, "stop"),
        End(),
    ]
    assert events([sse(bare)]) is None
    assert refused(bare, choice({"content": "a"}, index=1))
    assert refused(bare, choice({"content": "a"}, "stop", index=1))
    assert not refused(bare, STOPPED)


def test_a_whole_answer_in_the_words_of_a_stream_is_no_answer() -> None:
    """Else it would be an empty one, and nobody would know that something was said."""
    assert events([json.dumps({"choices": [{"delta": {"content": "a"}}]}).encode()], stream=False) is None


def test_text_after_the_end_of_a_choice_is_no_answer_and_an_end_said_twice_is_one() -> None:
    assert refused(STOPPED, choice({"content": "a"}))
    assert refused(STOPPED, choice({"tool_calls": [TOOL]}))
    read = events([sse(STOPPED, choice({"content": ""}), choice({}, "stop"), "[DONE]")])
    assert read == [HEAD, Finish(0, "stop"), End()]


def test_a_call_that_changes_its_name_is_no_answer() -> None:
    opened = choice({"tool_calls": [TOOL]})
    assert refused(opened, choice({"tool_calls": [{**TOOL, "id": "other"}]}), STOPPED)
    assert refused(opened, choice({"tool_calls": [{**TOOL, "function": {"name": "other"}}]}), STOPPED)
    assert not refused(opened, opened, STOPPED)


@pytest.mark.parametrize(
    ("said", "told"), [("eos_token", "stop"), ("stop_sequence", "stop"), ("length", "length")]
)
def test_reasons_are_told_in_one_language(said: str, told: str) -> None:
    assert Finish(0, told) in (events([sse(choice({}, said), "[DONE]")]) or [])


def test_unknown_fields_are_left_out_and_counted_and_known_ones_are_not_counted() -> None:
    reader = ChatReader(stream=True)
    read = reader.feed(
        sse(
            {
                **choice({"content": "a", "thoughts": "secret", "audio": None}, "stop"),
                "prompt_text": "secret",
            },
            {
                "choices": [
                    {
                        "index": 0,
                        "delta": {},
                        "logprobs": {"content": [{"token": "secret"}]},
                        "stop_reason": "x",
                    }
                ]
            },
            {"choices": [], "odd name!": "secret", "timings": {"a": 1}},
            "[DONE]",
        )
    )
    assert "secret" not in repr(read)
    assert read == [HEAD, Delta(CONTENT, "a"), Finish(0, "stop"), End()]
    assert reader.dropped == {"thoughts": 1, "prompt_text": 1, "logprobs": 1, "?": 1}


@pytest.mark.parametrize(
    "odd",
    [{"id": "two words"}, {"id": 7}, {"created": "now"}, {"created": -1}, {"system_fingerprint": ["x"]}],
)
def test_an_odd_envelope_carries_nothing(odd: dict[str, Any]) -> None:
    chunk = {**choice({}, "stop"), "id": "a", "created": 1, "system_fingerprint": "f", **odd}
    [head, *_] = ChatReader(stream=True).feed(f"data: {json.dumps(chunk)}\n\n".encode())
    assert head == Head(0 if "created" in odd else 1)


def test_a_whole_answer_is_bounded_and_must_be_one() -> None:
    reader = ChatReader(stream=False)
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
        b'{"choices":[]}',
        whole(content=[1]),
    ):
        assert events([body], stream=False) is None


def test_usage_may_come_with_every_chunk() -> None:
    read = events([sse({**choice({"content": "a"}), "usage": USAGE}, {**STOPPED, "usage": USAGE}, "[DONE]")])
    assert read is not None
    assert [one for one in read if isinstance(one, Usage)] == [Usage(32, 3, 31)] * 2


def test_text_is_not_in_the_representation_of_an_event() -> None:
    assert "Zoë" not in repr(events([LLAMA]))


NAMES = """
    choices index delta message finish_reason tool_calls function name arguments id content usage reasoning
    prompt_tokens error
"""
names = st.sampled_from(NAMES.split())
words = st.text(max_size=4) | st.sampled_from(["stop", "function"])
json_scalars = st.none() | st.booleans() | st.integers(-2, 200) | words
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)


@given(st.lists(json_values | json_values.map(lambda inner: {"choices": [inner]}), max_size=3), st.booleans())
def test_no_answer_crashes_the_reader(chunks: list[Any], stream: bool) -> None:
    if stream:
        events([b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks)])
    else:
        events([json.dumps(chunk).encode() for chunk in chunks], stream=False)
