import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Delta, End, Finish, Head, Lane, ToolOpen, Usage
from proxy.wire.answers import WHOLE_BYTES
from proxy.wire.openai_responses.lanes import MOST_LANES
from proxy.wire.openai_responses.reader import ResponsesReader
from tests.wire.openai_responses.examples import ANSWERS
from tests.wire.openai_responses.upstreams import (
    LLAMA,
    LLAMA_CALL,
    LLAMA_WHOLE,
    OLLAMA,
    STREAMS,
    USAGE,
    VLLM,
    added,
    call,
    delta,
    done,
    events,
    message,
    response,
    sse,
)

CREATED: dict[str, Any] = {"type": "response.created", "response": response(status="in_progress")}
COMPLETED: dict[str, Any] = {"type": "response.completed", "response": response(usage=USAGE)}
CONTENT = Lane(0, "content")
OPENED = added(0, {**message(""), "content": []})


def whole(**members: Any) -> bytes:
    return json.dumps({**response(message("hi")), **members}).encode()


def ended(*told: dict[str, Any] | str) -> Any:
    return events([sse(CREATED, *told, COMPLETED)])


def test_a_stream_of_llama_cpp_becomes_events() -> None:
    assert events([LLAMA]) == [
        Head(0),
        Delta(CONTENT, "Zoë"),
        Delta(CONTENT, ", 😀"),
        Head(1795487522),
        Finish(0, "stop"),
        Usage(32, 8, 31, 2),
        End(),
    ]


def test_a_whole_answer_of_llama_cpp_becomes_the_same_events_with_one_delta() -> None:
    expected = [
        Head(1795487522),
        Delta(CONTENT, "Zoë, 😀"),
        Finish(0, "stop"),
        Usage(32, 8, 31, 2),
        End(),
    ]
    assert events([LLAMA_WHOLE], stream=False) == expected
    assert events([LLAMA_WHOLE[:50], LLAMA_WHOLE[50:]], stream=False) == expected


def test_a_call_without_an_id_of_its_own_is_known_by_its_calls() -> None:
    tool = Lane(0, "tool")
    assert events([LLAMA_CALL]) == [
        Head(0),
        ToolOpen(tool, "fc_x1", "find"),
        Delta(tool, '{"city":'),
        Delta(tool, '"Köln"}'),
        Head(1795487522),
        Finish(0, "tool_calls"),
        Usage(32, 8, 31, 2),
        End(),
    ]


def test_reasoning_text_and_calls_of_vllm_are_told_apart_and_read_once() -> None:
    first, second = Lane(0, "tool", 0), Lane(0, "tool", 1)
    assert events([VLLM]) == [
        Head(1795487522),
        Delta(Lane(0, "reasoning"), "hm"),
        Delta(CONTENT, "Let me "),
        Delta(CONTENT, "look."),
        ToolOpen(first, "call_2", "find"),
        Delta(first, '{"a"'),
        Delta(first, ":1}"),
        ToolOpen(second, "call_3", "find"),
        Delta(second, "{}"),
        Finish(0, "tool_calls"),
        Usage(32, 8, 31, 2),
        End(),
    ]


def test_every_part_has_a_lane_of_its_own() -> None:
    assert events([OLLAMA]) == [
        Head(1795487522),
        Delta(Lane(0, "reasoning", 0), "one"),
        Delta(Lane(0, "reasoning", 1), "two"),
        Delta(CONTENT, "A"),
        Delta(Lane(0, "refusal"), "B"),
        Finish(0, "length"),
        End(),
    ]


def test_two_messages_do_not_run_into_each_other() -> None:
    read = ended(OPENED, done(0, message("one")), added(1, message("", "m2")), done(1, message("two", "m2")))
    assert [one for one in read if isinstance(one, Delta)] == [
        Delta(Lane(0, "content", 0), "one"),
        Delta(Lane(0, "content", 1), "two"),
    ]


def test_what_the_deltas_left_out_is_read_from_the_item_that_ends() -> None:
    read = ended(OPENED, delta("output_text", 0, "msg_Xc", "He"), done(0, message("Hello")))
    assert [one.text for one in read if isinstance(one, Delta)] == ["He", "llo"]


@pytest.mark.parametrize(
    "told",
    [
        [OPENED, delta("output_text", 0, "msg_Xc", "Yes"), done(0, message("No"))],
        [OPENED, delta("output_text", 0, "msg_Xc", "Yes"), done(0, message("Ye"))],
        [OPENED, delta("output_text", 0, "msg_Xc", "Yes"), done(0, {**message(""), "content": []})],
        [OPENED, delta("refusal", 0, "msg_Xc", "Yes"), done(0, message(""))],
        [added(0, call(0, "")), delta("function_call_arguments", 0, "fc_0", "{}"), done(0, call(0, "[]"))],
        [added(0, call(0, "")), done(0, {**call(0, "{}"), "name": "other"})],
        [added(0, call(0, "")), done(0, {**call(0, "{}"), "call_id": "other"})],
    ],
)
def test_an_item_that_ends_as_another_than_it_was_is_no_answer(told: list[dict[str, Any]]) -> None:
    assert ended(*told) is None


@pytest.mark.parametrize("name", STREAMS)
def test_every_way_to_cut_a_stream_in_two_gives_the_same_events(name: str) -> None:
    stream = STREAMS[name]
    expected = events([stream])
    assert expected is not None
    assert all(events([stream[:i], stream[i:]]) == expected for i in range(0, len(stream), 3))
    assert events(stream[i : i + 1] for i in range(len(stream))) == expected


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 4000), max_size=12))
def test_any_cuts_give_the_same_events(name: str, cuts: list[int]) -> None:
    stream, places = STREAMS[name], [0, *sorted(cuts), None]
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert events(pieces) == events([stream])


@pytest.mark.parametrize("name", ["llama.cpp", "llama.cpp's call", "Ollama"])
def test_a_stream_that_ends_anywhere_before_its_end_is_no_answer(name: str) -> None:
    stream = STREAMS[name]
    assert all(events([stream[:i]]) is None for i in range(len(stream) - 1))


def test_what_follows_the_end_is_not_read() -> None:
    reader = ResponsesReader(stream=True)
    assert reader.feed(LLAMA + LLAMA)[-1] == End()
    assert reader.feed(b"data: nonsense\n\n") == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "event",
    [
        "nonsense",
        "[DONE]",
        "[]",
        {"type": "error", "code": "server_error", "message": "CUDA out of memory"},
        {"type": "error", "error": {"message": "CUDA out of memory"}},
        {"type": "response.failed", "response": response(status="failed", error={"message": "x"})},
        {"type": "response.cancelled", "response": response(status="cancelled")},
        {"type": "response.completed"},
        {"type": "response.completed", "response": "x"},
        {"type": "response.completed", "response": response(status="in_progress")},
        {"type": "response.completed", "response": response(status="failed")},
        {"type": "response.completed", "response": response(error={"message": "x"})},
        {"type": "response.completed", "response": {"status": "completed"}},
        {"type": "response.completed", "response": response(usage=["x"])},
        {"type": "response.completed", "response": response(usage={"input_tokens": "3"})},
        {"type": "response.completed", "response": response(usage={"output_tokens": -1})},
        {"type": "response.completed", "response": response(usage={"input_tokens_details": "x"})},
        {"type": "response.completed", "response": response(message("never streamed"))},
        {"type": "response.incomplete", "response": response(status="incomplete")},
        {
            "type": "response.incomplete",
            "response": response(status="incomplete", incomplete_details={"reason": "steered"}),
        },
        {"type": "response.incomplete", "response": response(status="incomplete", incomplete_details="x")},
        {"item": message("x")},
        {"type": 1},
        {"type": "response.output_item.added"},
        {"type": "response.output_item.done", "item": {"id": "x"}},
        added(0, {"type": ["message"]}),
        added(0, {**call(0, ""), "name": None}),
        added(0, {**call(0, ""), "name": "prose is no name"}),
        added(0, {**call(0, ""), "call_id": ""}),
        done(0, {**call(0, ""), "arguments": {"a": 1}}),
        done(0, {**message(""), "content": "x"}),
        done(0, {**message(""), "content": ["x"]}),
        done(0, {**message(""), "content": [{"type": "output_text", "text": 1}]}),
        done(0, {**message(""), "content": [{"type": "reasoning_text", "text": "x"}]}),
        done(0, {**message(""), "content": [{"type": "output_audio", "text": "x"}]}),
        done(0, {**message(""), "content": [{"text": "x"}]}),
        delta("output_text", 0, "never opened", "x"),
        delta("function_call_arguments", 7, "fc", "{}"),
        {"type": "response.output_text.delta", "delta": "x"},
    ],
)
def test_a_stream_with_this_in_it_is_no_answer(event: Any) -> None:
    payload = event if isinstance(event, str) else {**event}
    raw = f"data: {json.dumps(payload)}\n\n".encode() if isinstance(payload, dict) else sse(payload)
    assert events([sse(CREATED) + raw + sse(COMPLETED)]) is None


@pytest.mark.parametrize(
    "told",
    [
        [OPENED, OPENED],
        [OPENED, done(0, message("x")), done(0, message("x"))],
        [OPENED, done(0, message("")), delta("output_text", 0, "msg_Xc", "late")],
        [OPENED],
        [OPENED, delta("reasoning_text", 0, "msg_Xc", "x"), done(0, message(""))],
        [OPENED, delta("output_text", 0, "msg_Xc", None)],  # type: ignore[arg-type]
        [OPENED, delta("output_text", 0, "msg_Xc", "x", content_index=-1)],
        [OPENED, delta("output_text", 0, "msg_Xc", "x", content_index=MOST_LANES)],
        [OPENED, delta("output_text", 0, "msg_Xc", "x", content_index="0")],
        [OPENED, done(0, {**call(0, "{}"), "id": "msg_Xc"})],
        [done(i, message("x", f"m{i}")) for i in range(MOST_LANES + 1)],
    ],
)
def test_items_in_no_possible_order_are_no_answer(told: list[dict[str, Any]]) -> None:
    assert ended(*told) is None


@pytest.mark.parametrize(
    "told",
    [
        [OPENED, OPENED],
        [OPENED, delta("reasoning_text", 0, "msg_Xc", "x")],
        [OPENED, done(0, message("")), delta("output_text", 0, "msg_Xc", "x")],
        [delta("output_text", 0, "msg_Xc", "x")],
    ],
)
def test_nor_are_they_where_the_answer_was_cut_short(told: list[dict[str, Any]]) -> None:
    end = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert events([sse(CREATED, *told, {"type": "response.incomplete", "response": end})]) is None


def test_an_answer_that_was_cut_short_need_not_end_its_items() -> None:
    end = response(status="incomplete", incomplete_details={"reason": "content_filter"})
    told = sse(
        CREATED, OPENED, delta("output_text", 0, "", "x"), {"type": "response.incomplete", "response": end}
    )
    assert events([told]) == [
        Head(1795487522),
        Delta(CONTENT, "x"),
        Finish(0, "content_filter"),
        End(),
    ]


def test_an_answer_without_items_is_an_empty_one() -> None:
    assert ended() == [Head(1795487522), Finish(0, "stop"), Usage(32, 8, 31, 2), End()]


@pytest.mark.parametrize(
    "members",
    [
        {"output": None},
        {"output": "hi"},
        {"output": ["hi"]},
        {"object": "chat.completion"},
        {"status": None},
        {"status": "queued"},
        {"status": "incomplete"},
        {"status": "failed", "incomplete_details": {"reason": "max_output_tokens"}},
        {"error": {"message": "x"}},
        {"error": "x"},
        {"usage": 3},
    ],
)
def test_a_whole_answer_like_this_is_none(members: dict[str, Any]) -> None:
    assert events([whole(**members)], stream=False) is None


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'"x"', b'{"object":"response"'])
def test_what_is_no_response_is_none(body: bytes) -> None:
    assert events([body], stream=False) is None


def test_an_odd_envelope_is_left_out() -> None:
    [head, *_] = events([whole(id="prose is no id", created_at=True)], stream=False) or []
    assert head == Head(0)
    [head, *_] = events([whole(created_at=1795487522.75)], stream=False) or []
    assert head == Head(1795487522)


def test_errors_never_quote_the_server() -> None:
    for raw in (
        sse(CREATED, {"type": "error", "message": "secret-words"}),
        sse(CREATED, OPENED, delta("output_text", 0, "secret-words", 5)),  # type: ignore[arg-type]
        sse("secret-words"),
    ):
        with pytest.raises(UpstreamUnavailable) as refused:
            ResponsesReader(stream=True).feed(raw)
        assert "secret-words" not in str(refused.value)


def test_fields_that_nobody_knows_are_counted_by_name() -> None:
    reader = ResponsesReader(stream=False)
    reader.feed(ANSWERS["openai_responses"]["whole"])
    reader.finish()
    assert reader.dropped == {
        "timings": 1,
        "surprise": 3,
        "encrypted_content": 1,
        "annotations": 1,
        "logprobs": 1,
    }


def test_items_and_events_that_nobody_asked_for_are_left_out_and_counted() -> None:
    reader = ResponsesReader(stream=True)
    searched = {"type": "web_search_call", "id": "ws", "action": {"query": "words"}}
    stream = sse(
        CREATED,
        added(0, searched),
        {"type": "response.web_search_call.searching", "item_id": "ws", "output_index": 0},
        done(0, searched),
        {"type": "prose of the server's own", "x": "y"},
        COMPLETED,
    )
    assert [type(one) for one in reader.feed(stream)] == [Head, Finish, Usage, End]
    assert reader.dropped == {"web_search_call": 1, "response.web_search_call.searching": 1, "?": 1}


def test_a_whole_answer_has_a_bound() -> None:
    reader = ResponsesReader(stream=False)
    reader.feed(b" " * WHOLE_BYTES)
    with pytest.raises(UpstreamUnavailable):
        reader.feed(b" ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "item", "id", "content", "text", "delta", "output", "response"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_anything_at_all_is_events_or_a_refusal(value: Any) -> None:
    for kind in ("response.output_item.done", "response.output_text.delta", "response.completed"):
        payload = {**value, "type": kind} if isinstance(value, dict) else value
        events([f"data: {json.dumps(payload)}\n\n".encode()])
    events([json.dumps(value).encode()], stream=False)


def test_a_place_is_free_again_when_its_item_has_ended() -> None:
    read = ended(OPENED, done(0, message("one")), done(0, message("two", "m2")))
    assert [one.text for one in read if isinstance(one, Delta)] == ["one", "two"]


def test_what_a_delta_brings_beside_its_text_is_counted() -> None:
    reader = ResponsesReader(stream=True)
    reader.feed(sse(CREATED, OPENED, delta("output_text", 0, "msg_Xc", "a", surprise="b")))
    assert reader.dropped == {"surprise": 1}
