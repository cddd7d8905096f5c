"""Frames and chains: whatever was done to the bytes, it shows."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.records import spool_format
from proxy.edges.records.spool_format import FRAME_BYTES, START, Damaged, Entry, entries, frame

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8)


def framed(payloads: list[bytes]) -> bytes:
    previous, pieces = START, []
    for payload in payloads:
        piece, previous = frame(previous, payload)
        pieces.append(piece)
    return b"".join(pieces)


def read(buffer: bytes) -> list[bytes]:
    return [entry.payload for entry in entries(buffer, START, 0)]


@given(PAYLOADS, st.integers(0, 200))
def test_what_is_written_is_read_whatever_zeros_follow(payloads: list[bytes], zeros: int) -> None:
    assert read(framed(payloads) + bytes(zeros)) == payloads


@given(PAYLOADS, st.data())
def test_a_cut_anywhere_leaves_the_whole_entries_before_it(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = framed(payloads)
    cut = data.draw(st.integers(0, len(whole)))
    got = read(whole[:cut])
    assert got == payloads[: len(got)]
    assert len(framed(got)) <= cut
    assert len(got) == len(payloads) or len(framed(payloads[: len(got) + 1])) > cut


@given(PAYLOADS, st.data())
def test_no_flipped_bit_ever_passes_for_an_entry(payloads: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(framed(payloads))
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[at // 8] ^= 1 << (at % 8)
    got: list[bytes] = []
    with suppress(Damaged):
        got.extend(entry.payload for entry in entries(bytes(whole), START, 0))
    assert got == payloads[: len(got)]
    assert len(got) < len(payloads)


@given(PAYLOADS, PAYLOADS)
def test_entries_cannot_be_left_out_or_reordered(before: list[bytes], after: list[bytes]) -> None:
    first, second = framed(before), framed([*before, *after])[len(framed(before)) :]
    with pytest.raises(Damaged):
        read(second)
    with pytest.raises(Damaged):
        read(second + first)


@given(PAYLOADS, st.data())
def test_reading_can_go_on_behind_any_entry(payloads: list[bytes], data: st.DataObject) -> None:
    whole = framed(payloads)
    read_so_far = list(entries(whole, START, 0))
    entry: Entry = data.draw(st.sampled_from(read_so_far))
    rest = [one.payload for one in entries(whole[entry.end :], entry.digest, entry.end)]
    assert [*[one.payload for one in read_so_far if one.end <= entry.end], *rest] == payloads


def test_an_entry_costs_twenty_bytes_besides_its_payload() -> None:
    assert len(frame(START, b"abc")[0]) == FRAME_BYTES + 3 == 23


def test_a_segment_without_its_header_is_damaged() -> None:
    for start in (b"", b"SGSPOOL1", b"x" * 24):
        with pytest.raises(Damaged):
            spool_format.previous_of(start)
    assert spool_format.previous_of(spool_format.header(b"d" * 16)) == b"d" * 16


def test_a_close_payload_gives_back_its_documents_by_sort() -> None:
    payload = spool_format.close_payload("x", [{"a": "line\nfeed"}, {"b": 2}], {"c": 3})
    assert spool_format.documents(payload, "decisions") == [b'{"a":"line\\nfeed"}', b'{"b":2}']
    assert spool_format.documents(payload, "record") == [b'{"c":3}']
    assert spool_format.documents(spool_format.close_payload("x", [{"b": 2}], None), "record") == []
    assert spool_format.documents(spool_format.open_payload("x", {"a": 1}), "decisions") == ()


def test_a_payload_does_not_show_in_a_repr() -> None:
    [entry] = entries(framed([b"secret"]), START, 0)
    assert "secret" not in repr(entry)
