"""However an answer is cut, the same comes out; and what two readers could read in two ways does not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.upstreams.framing import MOST_BARREN, MOST_INTERIM, Framing, Head
from proxy.errors import UpstreamUnavailable
from tests.edges.fakes_upstream import LAST, STREAM, answer, chunk

OK = b"HTTP/1.1 200 OK\r\n"


def read(*pieces: bytes) -> tuple[Head | None, bytes, bool, bool]:
    """Head, body, whether it is complete, whether the connection may be kept."""
    framing = Framing()
    for piece in pieces:
        framing.feed(piece)
    return framing.head, b"".join(framing.pieces), framing.complete, framing.keep


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted({place % (len(raw) + 1) for place in places}), len(raw)]
    return [raw[start:end] for start, end in pairwise(marks) if start < end]


BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(BODIES, CUTS)
def test_a_chunked_answer_is_the_same_however_it_is_cut(bodies: list[bytes], places: list[int]) -> None:
    raw = STREAM + b"".join(map(chunk, bodies)) + LAST
    head = Head(200, "text/event-stream", "identity")
    assert read(*cut(raw, places)) == (head, b"".join(bodies), True, True)


@given(st.binary(max_size=200), CUTS)
def test_an_answer_with_a_length_is_the_same_however_it_is_cut(body: bytes, places: list[int]) -> None:
    assert read(*cut(answer(body), places)) == (Head(200, "application/json", "identity"), body, True, True)


@given(BODIES, st.data())
def test_an_answer_that_stops_anywhere_is_never_complete(bodies: list[bytes], draw: st.DataObject) -> None:
    raw = STREAM + b"".join(map(chunk, bodies)) + LAST
    framing = Framing()
    framing.feed(raw[: draw.draw(st.integers(1, len(raw) - 1))])
    assert not framing.complete
    with pytest.raises(UpstreamUnavailable):
        framing.eof()
    assert not framing.complete


@given(st.binary(max_size=300))
def test_noise_is_an_error_or_no_answer_and_nothing_else(noise: bytes) -> None:
    framing = Framing()
    try:
        framing.feed(noise)
    except UpstreamUnavailable:
        return
    assert framing.head is None or noise.lstrip(b"\r\n").startswith(b"HTTP/1.")


@given(st.binary(min_size=1, max_size=100).filter(lambda more: more.strip(b"\r\n")), CUTS)
def test_what_stands_behind_the_end_is_no_part_of_it_and_spoils_the_connection(
    more: bytes, places: list[int]
) -> None:
    """A second answer too: nobody asked for it, and the next to ask would get it."""
    for behind in (more, answer(b"smuggled"), b"HTTP/1.1 100 Continue\r\n\r\n"):
        framing = Framing()
        for piece in cut(answer(b"whole") + behind, places):
            framing.feed(piece)
        assert (b"".join(framing.pieces), framing.complete, framing.keep) == (b"whole", True, False)
        assert framing.head is not None
        assert framing.head.status == 200


def test_several_answers_one_after_the_other_are_told_apart() -> None:
    framing = Framing()
    for number in range(3):
        framing.begin()
        framing.feed(answer(b"%d" % number))
        assert (framing.pieces, framing.complete, framing.keep) == ([b"%d" % number], True, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x00\xa5",
        b"HTTP/2.0 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/0.9 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.9 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 099 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\nContent-Length: 1\n\na",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\na",
        OK + b"Content-Length: -1\r\n\r\na",
        OK + b"Content-Length: 1, 1\r\n\r\na",
        OK + b"Content-Length: 0x1\r\n\r\na",
        OK + b"Content-Length: \r\n\r\na",
        OK + b"Content-Length: 99999999999999999999\r\n\r\na",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\na",
        OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        OK + b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 1\r\n\r\na",
        OK + b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
        OK + b"Content-Length : 1\r\n\r\na",
        OK + b"Content-Length: 1\r\n folded: b\r\n\r\na",
        OK + b"X: a\x00b\r\nContent-Length: 1\r\n\r\na",
        OK + b"X: a\rb\r\nContent-Length: 1\r\n\r\na",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\na",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc" + answer(b"x"),
    ],
)
def test_what_is_not_plainly_an_answer_is_refused_however_it_is_cut(raw: bytes) -> None:
    for pieces in ([raw], [bytes([byte]) for byte in raw]):
        with pytest.raises(UpstreamUnavailable) as caught:
            read(*pieces)
        assert caught.value.__cause__ is None


def test_interim_answers_are_passed_over_and_bounded() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nContent-Type: x/y\r\nLink: </a>\r\n\r\n"
    assert read(interim * MOST_INTERIM + answer(b"a"))[1:] == (b"a", True, True)
    with pytest.raises(UpstreamUnavailable):
        read(interim * (MOST_INTERIM + 1) + answer(b"a"))


def test_trailers_are_ignored() -> None:
    raw = STREAM + chunk(b"a") + b"0\r\nContent-Type: evil/type\r\nContent-Encoding: gzip\r\n\r\n"
    assert read(raw) == (Head(200, "text/event-stream", "identity"), b"a", True, True)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    for version in (b"1.0", b"1.1"):
        framing = Framing()
        framing.feed(b"HTTP/" + version + b" 200 OK\r\nContent-Type: text/event-stream\r\n\r\nab")
        assert not framing.complete
        framing.eof()
        assert (framing.pieces, framing.complete, framing.keep) == ([b"ab"], True, False)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_none(status: int) -> None:
    raw = b"HTTP/1.1 %d None\r\nContent-Length: 3\r\n\r\n" % status
    assert read(raw)[1:] == (b"", True, True)
    assert read(raw + b"abc")[1:] == (b"", True, False)


@pytest.mark.parametrize(
    ("raw", "keep"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", True),
        (OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n", False),
        (OK + b"Content-Length: 0\r\nConnection: Close, x\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_only_if_the_server_keeps_it(raw: bytes, keep: bool) -> None:
    assert read(raw)[2:] == (True, keep)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 ", b"y"),
        (STREAM + b"1;", b"y"),
        (STREAM + chunk(b"a") + b"0\r\n", b"X: y\r\n"),
        (STREAM + chunk(b"a") + b"0\r\nX: ", b"y"),
    ],
    ids=["headers", "one header", "reason", "chunk extension", "trailers", "one trailer"],
)
def test_bytes_that_bring_nothing_are_bounded(start: bytes, more: bytes) -> None:
    framing = Framing()
    framing.feed(start)
    step = more * (1024 // len(more))
    for _ in range(MOST_BARREN // 1024 - 1):
        framing.feed(step)
    with pytest.raises(UpstreamUnavailable, match="too much"):
        framing.feed(step * 2)


def test_a_long_stream_of_small_pieces_is_not_barren() -> None:
    framing = Framing()
    framing.feed(STREAM)
    for _ in range(MOST_BARREN):
        framing.feed(b"1\r\na\r\n")
        framing.pieces.clear()
    framing.feed(LAST)
    assert framing.complete


def test_the_type_is_read_without_its_parameters_and_the_coding_as_it_is() -> None:
    raw = (
        OK
        + b"CONTENT-TYPE: Text/Event-Stream ; charset=x\r\nContent-Encoding: GZip\r\n"
        + b"Content-Length: 0\r\n\r\n"
    )
    assert read(raw)[0] == Head(200, "text/event-stream", "gzip")
    assert read(OK + b"Content-Length: 0\r\n\r\n")[0] == Head(200, "", "identity")
