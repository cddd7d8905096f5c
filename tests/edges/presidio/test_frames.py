import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.presidio.frames import FRAME_BYTES, LENGTH_BYTES, FrameBroken, body_length, pack, unpack


@given(st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.lists(st.text())))
def test_what_is_packed_comes_out_again(message: dict[str, object]) -> None:
    frame = pack(message)
    assert body_length(frame[:LENGTH_BYTES]) == len(frame) - LENGTH_BYTES
    assert unpack(frame[LENGTH_BYTES:]) == message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"null", b"\xff", b'{"a": NaN}'])
def test_other_bytes_are_no_frame(body: bytes) -> None:
    with pytest.raises(FrameBroken):
        unpack(body)


def test_a_lone_surrogate_does_not_go_through_the_pipe() -> None:
    with pytest.raises(FrameBroken) as raised:
        pack({"text": "secret \ud800"})
    assert "secret" not in repr(raised.value)


@pytest.mark.parametrize("head", [b"", b"\0\0\0", (FRAME_BYTES + 1).to_bytes(4, "big")])
def test_a_length_that_no_frame_has_is_refused(head: bytes) -> None:
    with pytest.raises(FrameBroken):
        body_length(head)


def test_the_longest_frame_is_taken() -> None:
    assert body_length(FRAME_BYTES.to_bytes(LENGTH_BYTES, "big")) == FRAME_BYTES
