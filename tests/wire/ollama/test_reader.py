import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, ToolOpen, Usage, Vector
from proxy.wire.answers import WHOLE_BYTES
from proxy.wire.ollama.messages import TOOL_CALLS
from proxy.wire.ollama.reader import DIMENSIONS, TextReader, VectorReader
from tests.wire.ollama.examples import (
    CHAT_STREAM,
    CHAT_WHOLE,
    CREATED,
    EMBED_WHOLE,
    END,
    GENERATE_STREAM,
    GENERATE_WHOLE,
    lines,
    said,
    written,
)

CONTENT, REASONING, TOOL = Lane(0, "content"), Lane(0, "reasoning"), Lane(0, "tool", 0)
HEAD, USAGE = Head(CREATED), Usage(26, 298)
STREAMS = {"chat": CHAT_STREAM, "generate": GENERATE_STREAM}
CALL = {"function": {"name": "find", "arguments": {}}}


def events(pieces: Iterable[bytes], *, stream: bool = True) -> list[AnswerEvent] | None:
    reader = TextReader(stream)
    try:
        read = [event for piece in pieces for event in reader.feed(piece)]
        return read + reader.finish()
    except UpstreamUnavailable:
        return None


def refused(*chunks: Any) -> bool:
    return events([lines(*chunks)]) is None


def test_a_chat_becomes_events() -> None:
    assert events([CHAT_STREAM]) == [
        HEAD,
        Delta(REASONING, "Hm"),
        Delta(CONTENT, "Zoë"),
        Delta(CONTENT, ", 😀"),
        ToolOpen(TOOL, "call_x", "find"),
        Delta(TOOL, '{"city":"Köln"}'),
        Finish(0, "tool_calls"),
        USAGE,
        End(),
    ]


def test_a_whole_chat_becomes_the_same_kinds_of_events() -> None:
    expected = [
        HEAD,
        Delta(REASONING, "Hm"),
        Delta(CONTENT, "Zoë"),
        ToolOpen(TOOL, "call_x", "find"),
        Delta(TOOL, '{"city":"Köln"}'),
        Finish(0, "tool_calls"),
        USAGE,
        End(),
    ]
    assert events([CHAT_WHOLE], stream=False) == expected
    assert events([CHAT_WHOLE[:50], CHAT_WHOLE[50:]], stream=False) == expected


def test_a_continued_prompt_becomes_events_without_its_token_ids() -> None:
    texts = [Delta(REASONING, "Hm"), Delta(CONTENT, "Zoë")]
    ending = [Finish(0, "length"), USAGE, End()]
    assert events([GENERATE_STREAM]) == [HEAD, *texts, Delta(CONTENT, ", 😀"), *ending]
    assert events([GENERATE_WHOLE], stream=False) == [HEAD, *texts, *ending]


def test_calls_are_told_apart_by_their_order_because_their_index_starts_anew() -> None:
    two = said(content="", tool_calls=[CALL, CALL])
    read = events([lines(two, said(content="", tool_calls=[CALL | {"id": "odd id"}]), END)])
    assert read is not None
    opened = [(one.lane.index, one.call_id) for one in read if isinstance(one, ToolOpen)]
    assert opened == [(0, "call_1"), (1, "call_2"), (2, "call_3")]


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
    assert all(events([stream[:i]]) is None for i in range(len(stream)))


def test_what_follows_the_end_is_not_read() -> None:
    reader = TextReader(stream=True)
    assert reader.feed(CHAT_STREAM + CHAT_STREAM)[-1] == End()
    assert reader.feed(b"nonsense\n") == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": "CUDA out of memory, said anna"},
        {"error": {"message": "x"}, "done": True},
        {},
        {"done": "no"},
        {"done": 0},
        {"done": None, "response": "x"},
        {"done": False, "message": "x"},
        {"done": False, "message": {"content": 1}},
        {"done": False, "message": {"content": ["x"]}},
        {"done": False, "message": {"thinking": {"a": 1}}},
        {"done": False, "response": 1},
        {"done": False, "message": {"tool_calls": "x"}},
        {"done": False, "message": {"tool_calls": ["x"]}},
        {"done": False, "message": {"tool_calls": [{"function": "f"}]}},
        {"done": False, "message": {"tool_calls": [{"function": {"name": "f"}}]}},
        {"done": False, "message": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}},
        {"done": False, "message": {"tool_calls": [{"function": {"name": "two words", "arguments": {}}}]}},
        {"done": False, "message": {"tool_calls": [{"function": {"arguments": {}}}]}},
        {"done": False, "message": {"tool_calls": [CALL] * (TOOL_CALLS + 1)}},
        {"done": True, "done_reason": "load"},
        {"done": True, "done_reason": "unload"},
        {"done": True, "done_reason": "anna said so"},
        {"done": True, "done_reason": 1},
        {"done": True, "eval_count": -1},
        {"done": True, "eval_count": True},
        {"done": True, "prompt_eval_count": "many"},
        {"done": True, "prompt_eval_count": 2**53 + 1},
    ],
)
def test_what_is_not_of_the_known_types_is_no_answer(chunk: dict[str, Any]) -> None:
    with pytest.raises(UpstreamUnavailable) as unavailable:
        TextReader(stream=True).feed(lines(chunk))
    assert "anna" not in unavailable.value.reason
    assert events([lines(chunk)], stream=False) is None


@pytest.mark.parametrize("payload", [b"x", b"[]", b"1", b"null", b'{"done":', b'"done"', b"NaN", b"\xff"])
def test_a_line_that_is_no_object_is_no_answer(payload: bytes) -> None:
    assert events([payload + b"\n" + lines(END)]) is None


def test_an_answer_is_whole_only_when_the_server_says_so() -> None:
    assert refused()
    assert refused(said(content="a"))
    assert refused(written("a"))
    assert not refused(said(content="a"), END)
    assert events([b""], stream=False) is None
    assert events([lines(said(content="a"))], stream=False) is None


def test_old_servers_do_not_say_why_they_ended() -> None:
    read = events([lines({"done": True})])
    assert read == [Head(0), Finish(0, "stop"), Usage(0, 0), End()]


@pytest.mark.parametrize(
    ("text", "created"),
    [
        ("2023-08-04T08:52:19.385406455-07:00", 1_691_164_339),
        ("2023-08-04T19:22:45Z", 1_691_176_965),
        ("yesterday, said anna", 0),
        ("1901-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59-23:00", 253_402_383_599),
        (7, 0),
        (None, 0),
    ],
)
def test_a_time_is_told_as_unix_seconds(text: Any, created: int) -> None:
    [head, *_] = TextReader(stream=True).feed(lines({"created_at": text, "done": False}))
    assert head == Head(created)


def test_unknown_fields_are_left_out_and_counted_and_known_ones_are_not_counted() -> None:
    reader = TextReader(stream=True)
    read = reader.feed(CHAT_STREAM + lines({"never": "read"}))
    assert "x" not in [one.text for one in read if isinstance(one, Delta)]
    assert reader.dropped == {"logprobs": 1, "surprise": 2, "images": 1}


def test_a_whole_answer_is_bounded() -> None:
    reader = TextReader(stream=False)
    assert reader.feed(b" " * WHOLE_BYTES) == []
    with pytest.raises(UpstreamUnavailable):
        reader.feed(b" ")


def test_text_is_not_in_the_representation_of_an_event() -> None:
    assert "Zoë" not in repr(events([CHAT_STREAM]))


def vectors(body: bytes) -> list[AnswerEvent] | None:
    reader = VectorReader(False)
    try:
        return reader.feed(body[:9]) + reader.feed(body[9:]) + reader.finish()
    except UpstreamUnavailable:
        return None


def test_embeddings_become_vectors_in_their_order() -> None:
    assert vectors(EMBED_WHOLE) == [
        Vector(0, (0.25, -0.5, 1)),
        Vector(1, (0.0, 0.5, 2)),
        Usage(8, 0),
        End(),
    ]


@pytest.mark.parametrize(
    "embeddings",
    [
        None,
        "x",
        [],
        [[]],
        [["x"]],
        [[True]],
        [[None]],
        [0.5],
        [[0.5], "x"],
        [[0.5]] * 2049,
        [[0] * (DIMENSIONS + 1)],
    ],
)
def test_what_is_no_list_of_numbers_is_no_embedding(embeddings: Any) -> None:
    assert vectors(json.dumps({"embeddings": embeddings}).encode()) is None


def test_an_error_is_no_embedding_and_neither_is_a_number_beyond_all_bounds() -> None:
    assert vectors(b'{"error":"x","embeddings":[[1]]}') is None
    assert vectors(b'{"embeddings":[[1e999]]}') is None


NAMES = "message role content thinking tool_calls function name arguments response done done_reason error"
names = st.sampled_from([*NAMES.split(), "created_at", "eval_count", "embeddings"])
scalars = st.none() | st.booleans() | st.integers(-2, 200) | st.text(max_size=4) | st.just("stop")
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=3), st.booleans())
def test_no_answer_crashes_a_reader(chunks: list[Any], stream: bool) -> None:
    body = b"".join(json.dumps(chunk).encode() + b"\n" for chunk in chunks)
    events([body], stream=stream)
    vectors(body)


def test_calls_that_were_cut_off_at_a_bound_end_by_length() -> None:
    told = events([lines(said(tool_calls=[CALL]), {**END, "done_reason": "length"})])
    assert told is not None
    assert Finish(0, "length") in told
