from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.wire import sse
from proxy.wire.sse import SseReader

streams = st.lists(
    st.sampled_from(
        [
            b"data: ", b"data:", b"data", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b":", b": ping",
            b"event: x", b"{}", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b" ", b"x", b"id:1",
            b"retry", b"\xff", b"error: y",
        ]
    ),
    max_size=24,
).map(b"".join)  # fmt: skip


def read(pieces: Iterable[bytes]) -> list[str] | None:
    """The payloads of a stream; None if it is refused."""
    reader = SseReader()
    try:
        payloads = [payload for piece in pieces for payload in reader.feed(piece)]
        reader.finish()
    except UpstreamUnavailable:
        return None
    return payloads


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[left:right] for left, right in pairwise(edges)]


def reference(stream: bytes) -> list[str] | None:
    """The algorithm of the HTML standard, line by line, over a whole stream; a cut event is refused."""
    text = stream.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    *lines, last = text.split("\n")
    payloads, held, open_fields = [], list[str](), False
    for line in lines:
        if not line:
            if held:
                payloads.append("\n".join(held))
            held, open_fields = [], False
        elif not line.startswith(":"):
            open_fields = True
            name, _, value = line.partition(":")
            if name == "data":
                held.append(value.removeprefix(" "))
    cut_off = open_fields or (last and not last.startswith(":"))
    return None if cut_off else payloads


@given(streams, st.lists(st.integers(0, 400), max_size=6))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [8])
@example(b"data: a\r\r", [8])
@example(b"data: a\r\ndata: b\r\n\r\n", [8])
def test_however_a_stream_is_cut_the_same_comes_out(stream: bytes, places: list[int]) -> None:
    whole = read([stream])
    assert read(cut(stream, places)) == whole
    assert read(stream[i : i + 1] for i in range(len(stream))) == whole


@given(streams)
@example(b"\xef\xbb\xbfdata: a\n\n")
@example(b"\n\xef\xbb\xbfdata: a\n\n")
@example(b"data: a\n\n\ndata: b\n\n\n\n")
@example(b"\xef\xbb\xbf: a")
def test_it_reads_what_the_standard_says(stream: bytes) -> None:
    if b"\xff" not in stream:  # the standard puts U+FFFD in its place, we refuse the stream
        assert read([stream]) == reference(stream)


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))))
def test_what_is_written_is_read_back(payloads: list[str]) -> None:
    stream = b"".join(sse.event(payload.encode()) + sse.COMMENT for payload in payloads) + sse.DONE
    assert read([stream]) == [*payloads, "[DONE]"]


@pytest.mark.parametrize(
    ("stream", "payloads"),
    [
        (b"data: one\ndata: two\n\n", ["one\ntwo"]),
        (b"data:  two spaces\n\n", [" two spaces"]),
        (b"data:  two\ndata:  spaces\n\n", [" two\n spaces"]),
        (b"event: x\nid: 1\ndata: a\n\n", ["a"]),
        (b": comment\n\n: another\r\n\r\n", []),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"event: x\n\n", []),
        (b"data\n\n", [""]),
    ],
)
def test_fields_are_read_as_the_standard_says(stream: bytes, payloads: list[str]) -> None:
    assert read([stream]) == payloads


@pytest.mark.parametrize("stream", [b"data: a", b"data: a\n", b"data: a\n\ndat", b"data: a\r", b"id: 1\n"])
def test_a_cut_event_is_an_error_and_no_event(stream: bytes) -> None:
    reader = SseReader()
    assert reader.feed(stream) in ([], ["a"])
    with pytest.raises(UpstreamUnavailable):
        reader.finish()


@pytest.mark.parametrize("stream", [b"", b"\n", b": ping", b": ping\n", b"data: a\n\n: ping\r"])
def test_a_comment_at_the_end_may_be_cut(stream: bytes) -> None:
    reader = SseReader()
    reader.feed(stream)
    reader.finish()


def test_an_event_leaves_with_the_byte_that_ends_it() -> None:
    reader = SseReader()
    assert reader.feed(b"data: a\r\n\r") == ["a"]
    assert reader.feed(b"\n") == []
    reader.finish()


def test_text_that_is_not_utf8_is_refused_even_when_it_is_cut_in_a_letter() -> None:
    reader = SseReader()
    assert reader.feed(b"data: \xc3") == []
    assert reader.feed(b"\xa9\n\n") == ["\u00e9"]
    with pytest.raises(UpstreamUnavailable):
        reader.feed(b"data: \xc3\n\n")


@pytest.mark.parametrize("step", [1 << 16, 1 << 22])
def test_the_bound_on_an_event_is_exact(step: int) -> None:
    longest = b"data: " + b"x" * (sse.EVENT_BYTES - 6)
    for stream, passes in ((longest + b"\n\n", True), (longest + b"x\n\n", False), (longest + b"xxx", False)):
        payloads = read(stream[i : i + step] for i in range(0, len(stream), step))
        assert (payloads is not None) is passes


def test_an_event_that_is_too_long_is_refused_before_it_ends() -> None:
    reader = SseReader()
    assert reader.feed(b"x" * (sse.EVENT_BYTES + 1)) == []
    with pytest.raises(UpstreamUnavailable):
        reader.feed(b"x")


def test_many_events_in_one_piece_are_not_one_long_event() -> None:
    stream = (b"data: " + b"x" * 1000 + b"\n\n") * 2000
    assert read([stream]) == ["x" * 1000] * 2000


def test_a_long_event_in_single_bytes_costs_linear_time() -> None:
    reader = SseReader()
    for _ in range(200_000):
        assert reader.feed(b"x") == []
    reader.feed(b"\n\n")
