import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Lane, Usage
from proxy.wire.answers import WHOLE_BYTES
from proxy.wire.tgi.reader import TgiReader
from tests.wire.tgi.examples import ANSWERS_STREAM, ANSWERS_WHOLE, DETAILS, END, sse, token

CONTENT = Lane(0, "content")
ENDING: list[AnswerEvent] = [Finish(0, "stop"), Usage(5, 3), End()]


def events(pieces: Iterable[bytes], *, stream: bool = True) -> list[AnswerEvent] | None:
    reader = TgiReader(stream)
    try:
        read = [event for piece in pieces for event in reader.feed(piece)]
        return read + reader.finish()
    except UpstreamUnavailable:
        return None


def whole(**body: Any) -> bytes:
    return json.dumps({"generated_text": "a", "details": DETAILS, **body}).encode()


def test_a_stream_becomes_events_without_its_special_tokens() -> None:
    assert events([ANSWERS_STREAM]) == [Delta(CONTENT, "Zoë"), Delta(CONTENT, ", 😀"), *ENDING]


def test_a_whole_answer_becomes_the_same_events_with_one_delta() -> None:
    expected = [Delta(CONTENT, "Zoë, 😀"), *ENDING]
    assert events([ANSWERS_WHOLE], stream=False) == expected
    assert events([ANSWERS_WHOLE[:50], ANSWERS_WHOLE[50:]], stream=False) == expected


def test_the_last_token_may_be_text() -> None:
    last = token("!", generated_text="!", details=DETAILS | {"finish_reason": "length"})
    assert events([sse(last)]) == [Delta(CONTENT, "!"), Finish(0, "length"), Usage(5, 3), End()]


@pytest.mark.parametrize(
    ("said", "finish"),
    [
        ("length", Finish(0, "length")),
        ("eos_token", Finish(0, "stop")),
        ("stop_sequence", Finish(0, "stop", "")),
    ],
)
def test_reasons_are_told_in_one_language(said: str, finish: Finish) -> None:
    read = events([whole(details=DETAILS | {"finish_reason": said})], stream=False)
    assert read is not None
    assert finish in read


def test_every_way_to_cut_a_stream_in_two_gives_the_same_events() -> None:
    stream = ANSWERS_STREAM
    expected = events([stream])
    assert expected is not None
    assert all(events([stream[:i], stream[i:]]) == expected for i in range(len(stream)))
    assert events(stream[i : i + 1] for i in range(len(stream))) == expected


def test_a_stream_that_ends_anywhere_before_its_end_is_no_answer() -> None:
    assert all(events([ANSWERS_STREAM[:i]]) is None for i in range(len(ANSWERS_STREAM) - 1))


def test_what_follows_the_end_is_not_read() -> None:
    reader = TgiReader(stream=True)
    assert reader.feed(ANSWERS_STREAM + ANSWERS_STREAM)[-1] == End()
    assert reader.feed(b"data:nonsense\n\n") == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "event",
    [
        {"error": "CUDA out of memory, said anna", "error_type": "generation"},
        {},
        {"token": "x"},
        {"token": {"text": 1, "special": False}},
        {"token": {"text": "x"}},
        {"token": {"text": "x", "special": 0}},
        token("x", details="anna"),
        token("x", details={}),
        token("x", details=DETAILS | {"finish_reason": "anna said so"}),
        token("x", details=DETAILS | {"finish_reason": ["length"]}),
        token("x", details=DETAILS | {"generated_tokens": -1}),
        token("x", details=DETAILS | {"input_length": "many"}),
    ],
)
def test_an_event_that_is_not_of_the_known_types_is_no_answer(event: dict[str, Any]) -> None:
    with pytest.raises(UpstreamUnavailable) as unavailable:
        TgiReader(stream=True).feed(sse(event))
    assert "anna" not in unavailable.value.reason


@pytest.mark.parametrize("payload", ["x", "[]", "1", "null", '{"token":', "[DONE]"])
def test_an_event_that_is_no_object_is_no_answer(payload: str) -> None:
    assert events([f"data:{payload}\n\n".encode() + sse(END)]) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        ANSWERS_WHOLE[:-1],
        whole(generated_text=None),
        whole(generated_text=["a"]),
        whole(details=None),
        whole(error="x"),
    ],
)
def test_a_body_that_is_not_of_the_known_types_is_no_answer(body: bytes) -> None:
    assert events([body], stream=False) is None


def test_an_empty_answer_is_an_answer() -> None:
    assert events([whole(generated_text="")], stream=False) == ENDING


def test_a_whole_answer_is_bounded() -> None:
    reader = TgiReader(stream=False)
    assert reader.feed(b" " * WHOLE_BYTES) == []
    with pytest.raises(UpstreamUnavailable):
        reader.feed(b" ")


def test_unknown_fields_are_left_out_and_counted_and_known_ones_are_not_counted() -> None:
    reader = TgiReader(stream=True)
    reader.feed(ANSWERS_STREAM)
    assert reader.dropped == {"surprise": 1, "top_tokens": 1}


NAMES = st.sampled_from(
    ["token", "text", "special", "details", "finish_reason", "generated_text", "generated_tokens", "error"]
)
scalars = st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["length", "x"])
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=3), st.booleans())
def test_no_answer_crashes_the_reader(chunks: list[Any], stream: bool) -> None:
    if stream:
        events([b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks)])
    else:
        events([json.dumps(chunk).encode() for chunk in chunks], stream=False)


def test_what_a_token_brings_beside_its_text_is_counted() -> None:
    reader = TgiReader(stream=True)
    strange = token("a")
    strange["token"]["surprise"] = "b"
    reader.feed(sse(strange))
    assert reader.dropped == {"surprise": 1}
