"""What the couriers need not read back: the newest entries, in order, within a bound."""

import os
from pathlib import Path

import pytest

from proxy.edges.records.recent import Recent
from proxy.edges.records.spool import Place, Sizes, Spool
from proxy.edges.records.spool_files import Slot, read_segment, segments
from proxy.edges.records.spool_format import HEADER_BYTES, Entry

SIZES = Sizes(bound=64 * 1024, segment=8 * 1024, reserve=1024)


def entries(*ends: int) -> list[Entry]:
    return [Entry(b"x" * 10, end, bytes(16)) for end in ends]


def test_entries_come_in_order_from_where_one_is_asked_for() -> None:
    recent = Recent()
    recent.add(1, 24, entries(54, 84))
    recent.add(1, 84, entries(114))
    assert [entry.end for entry in recent.following(1, 54, None)] == [84, 114]
    assert list(recent.following(1, 30, None)) == []
    assert list(recent.following(2, 24, None)) == []


def test_nothing_behind_the_end_is_given() -> None:
    recent = Recent()
    recent.add(1, 24, entries(54, 84))
    assert [entry.end for entry in recent.following(1, 24, 54)] == [54]
    assert [entry.end for entry in recent.following(1, 24, 83)] == [54]


def test_the_oldest_go_when_there_are_too_many_bytes() -> None:
    recent = Recent(most_bytes=20)
    recent.add(1, 24, entries(54, 84, 114))
    assert list(recent.following(1, 24, None)) == []
    assert [entry.end for entry in recent.following(1, 54, None)] == [84, 114]


def test_the_bound_holds_however_much_was_added() -> None:
    recent = Recent(most_bytes=20)
    for begin in range(0, 3000, 30):
        recent.add(1, begin, entries(begin + 30))
    assert list(recent.following(1, 2910, None)) == []
    assert [entry.end for entry in recent.following(1, 2940, None)] == [2970, 3000]


def test_an_entry_larger_than_the_bound_is_not_kept() -> None:
    recent = Recent(most_bytes=9)
    recent.add(1, 24, entries(54))
    assert list(recent.following(1, 24, None)) == []


def write(spool: Spool, *payloads: bytes) -> None:
    for payload in payloads:
        place = Place()
        spool.admit(payload, place)
        spool.forget(place)
    spool.flush()


def test_what_a_spool_remembers_is_what_stands_in_its_segments(tmp_path: Path) -> None:
    spool = Spool(Slot.take(tmp_path), SIZES)
    spool.recover()
    write(spool, *(b'{"kind":"open","id":"%d"}' % number * 9 for number in range(60)))
    spool.close()
    stored = segments(tmp_path / "0")
    assert len(stored) > 1
    for number, path in stored.items():
        assert list(spool.recent.following(number, HEADER_BYTES, None)) == list(read_segment(path))


def test_what_the_disk_refused_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(Slot.take(tmp_path), SIZES)
    spool.recover()
    write(spool, b"first")

    def broken(_descriptor: int, _content: bytes, _offset: int) -> int:
        raise OSError

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", broken)
        with pytest.raises(OSError):
            write(spool, b"lost")
    assert [entry.payload for entry in spool.recent.following(1, HEADER_BYTES, None)] == [b"first"]
    spool.close()
