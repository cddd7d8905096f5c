import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamUnavailable
from proxy.wire.ndjson import LINE_BYTES, NdjsonReader, line, unbroken

STREAM = '{"a":"Zoë"}\n\n {"b":2} \r\n{"c":"\\n"}\n'.encode()
LINES = ['{"a":"Zoë"}'.encode(), b' {"b":2} \r', b'{"c":"\\n"}']


def read(*pieces: bytes) -> list[bytes]:
    reader = NdjsonReader()
    lines = [one for piece in pieces for one in reader.feed(piece)]
    reader.finish()
    return lines


def test_every_way_to_cut_a_stream_in_two_gives_the_same_lines() -> None:
    assert all(read(STREAM[:i], STREAM[i:]) == LINES for i in range(len(STREAM) + 1))
    assert read(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == LINES


@given(st.lists(st.binary(max_size=8), max_size=8))
def test_however_bytes_are_cut_the_same_lines_come_out(pieces: list[bytes]) -> None:
    def outcome(*cut: bytes) -> list[bytes] | None:
        try:
            return read(*cut)
        except UpstreamUnavailable:
            return None

    assert outcome(*pieces) == outcome(b"".join(pieces))


@pytest.mark.parametrize("rest", [b"{", b'{"a":1}', b"x"])
def test_a_line_without_its_end_was_cut_off(rest: bytes) -> None:
    with pytest.raises(UpstreamUnavailable, match="cut off"):
        read(b'{"a":1}\n' + rest)


def test_a_line_in_the_middle_of_one_piece_is_bounded_too() -> None:
    assert read(b"{}\n" + b"x" * LINE_BYTES + b"\n{}\n")
    with pytest.raises(UpstreamUnavailable, match="too long"):
        read(b"{}\n" + b"x" * (LINE_BYTES + 1) + b"\n{}\n")


def test_blanks_at_the_end_are_nothing() -> None:
    assert read(b"{}\n \r\n ") == [b"{}"]


@pytest.mark.parametrize("size", [1, 1000, LINE_BYTES * 2])
def test_a_line_is_bounded_however_it_comes(size: int) -> None:
    def read_of(length: int) -> list[bytes]:
        stream = b"x" * length + b"\n"
        return read(*(stream[i : i + size] for i in range(0, len(stream), size)))

    if size == 1:
        reader = NdjsonReader()
        reader.feed(b"x" * LINE_BYTES)
        with pytest.raises(UpstreamUnavailable, match="too long"):
            reader.feed(b"x")
        return
    assert read_of(LINE_BYTES) == [b"x" * LINE_BYTES]
    with pytest.raises(UpstreamUnavailable, match="too long"):
        read_of(LINE_BYTES + 1)


@given(st.text())
def test_a_written_line_is_one_line_to_every_client_and_says_the_same(text: str) -> None:
    try:
        written = line({"text": text})
    except orjson.JSONEncodeError:  # a lone surrogate, which nobody can send here
        return
    assert orjson.loads(written) == {"text": text}
    assert len(written.decode().splitlines()) == 1
    assert written.endswith(b"\n")


def test_the_characters_at_which_httpx_breaks_lines_are_escaped() -> None:
    for character in "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e\r\n":
        assert unbroken(orjson.dumps(f"a{character}b")).decode().splitlines() != []
        assert len(unbroken(orjson.dumps(f"a{character}b")).decode().splitlines()) == 1
    assert unbroken("ü".encode()) == "ü".encode()
