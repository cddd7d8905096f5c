"""The spool on a real disk: order, room, what a crash leaves, and what a full disk may not take away."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.records import reading as journal_reading
from proxy.edges.records import spool as spool_module
from proxy.edges.records.spool import Place, Sizes, Spool, SpoolFull
from proxy.edges.records.spool_files import Slot, is_free, mend_last, read_segment, segment_path, segments
from proxy.edges.records.spool_format import FRAME_BYTES, Damaged, close_payload, open_payload, previous_of

SMALL = Sizes(bound=64 * 1024, segment=8 * 1024, reserve=2 * 1024)


def made(root: Path, sizes: Sizes = SMALL) -> Spool:
    spool = Spool(Slot.take(root), sizes)
    spool.recover()
    return spool


def opened(spool: Spool, name: str) -> Place:
    place = Place()
    spool.admit(open_payload(name, {"n": name}), place)
    return place


def closed_to_the_brim(spool: Spool, name: str, place: Place) -> None:
    """With a close that is exactly as long as what was reserved for it."""
    bare = len(close_payload(name, [{"n": name, "filler": ""}], None)) + FRAME_BYTES
    closed(spool, name, place, SMALL.reserve - bare)


def closed(spool: Spool, name: str, place: Place, length: int = 0) -> None:
    spool.settle(close_payload(name, [{"n": name, "filler": "x" * length}], None), place)
    spool.forget(place)


def admitted_until_full(spool: Spool) -> list[Place]:
    places: list[Place] = []
    with suppress(SpoolFull):
        while len(places) < 10_000:
            places.append(opened(spool, f"x{len(places)}"))
    assert len(places) < 10_000
    return places


def saved(spool: Spool) -> None:
    spool.flush()
    spool.sync()
    spool.publish()


def ids(root: Path) -> list[tuple[str, str]]:
    """Kind and id of every entry in every segment of slot 0, in order."""
    return [
        (entry.head["kind"], entry.head["id"])
        for path in segments(root / "0").values()
        for entry in read_segment(path)
    ]


def test_entries_come_back_in_the_order_in_which_they_went_in(tmp_path: Path) -> None:
    spool = made(tmp_path)
    first, second = opened(spool, "a"), opened(spool, "b")
    closed(spool, "b", second)
    closed(spool, "a", first)
    spool.close()
    assert ids(tmp_path) == [("open", "a"), ("open", "b"), ("close", "b"), ("close", "a")]


@given(lengths=st.lists(st.integers(0, 1500), min_size=1, max_size=60))
def test_the_chain_goes_on_from_segment_to_segment(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("spool")
    spool = made(root)
    for number, length in enumerate(lengths):
        closed(spool, str(number), opened(spool, str(number)), length)
        spool.flush()
        spool.publish()
        spool.collect(spool.durable[0] if number % 7 == 0 else 0)
    spool.close()
    kinds = ids(root)
    assert [name for kind, name in kinds if kind == "close"] == [str(n) for n in range(len(lengths))][
        -len(kinds) // 2 :
    ]


def test_a_segment_goes_only_when_it_left_and_nothing_in_it_is_open(tmp_path: Path) -> None:
    spool = made(tmp_path)
    place = opened(spool, "long")
    while spool.durable[0] < 3:
        closed(spool, "short", opened(spool, "short"), 1500)
        saved(spool)
    spool.collect(3)
    assert list(segments(tmp_path / "0")) == [1, 3]
    closed(spool, "long", place)
    spool.collect(3)
    assert 1 not in segments(tmp_path / "0")
    spool.close()


def test_a_segment_that_is_being_delivered_stays(tmp_path: Path) -> None:
    spool = made(tmp_path)
    while spool.durable[0] < 3:
        closed(spool, "short", opened(spool, "short"), 1500)
        saved(spool)
    spool.collect(2)
    assert list(segments(tmp_path / "0")) == [2, 3]
    spool.close()


def test_the_next_life_goes_on_with_the_chain(tmp_path: Path) -> None:
    for _ in range(3):
        spool = made(tmp_path / "spool")
        closed(spool, "x", opened(spool, "x"))
        spool.close()
    assert len(segments(tmp_path / "spool" / "0")) == 3
    assert journal_reading.verify(tmp_path).problems == []


def test_admission_ends_before_the_bound_and_everything_admitted_can_finish(tmp_path: Path) -> None:
    spool = made(tmp_path)
    places = admitted_until_full(spool)
    assert len(places) > 10
    for number, place in enumerate(places):
        closed_to_the_brim(spool, str(number), place)
        saved(spool)
    on_disk = sum(path.stat().st_size for path in (tmp_path / "0").iterdir())
    assert on_disk <= SMALL.bound + 200
    spool.close()
    assert sum(kind == "close" for kind, _ in ids(tmp_path)) == len(places)


def test_room_comes_back_when_segments_go(tmp_path: Path) -> None:
    spool = made(tmp_path)
    with suppress(SpoolFull):
        while True:
            closed(spool, "x", opened(spool, "x"), 1500)
    assert admitted_until_full(spool) == []
    spool.flush()
    spool.publish()
    spool.collect(spool.durable[0])
    closed(spool, "y", opened(spool, "y"), 1500)
    spool.close()


def test_a_close_longer_than_its_reservation_takes_only_what_is_free(tmp_path: Path) -> None:
    spool = made(tmp_path)
    place = opened(spool, "big")
    with pytest.raises(SpoolFull):
        closed(spool, "big", place, 100_000)
    closed(spool, "big", place, 30_000)
    spool.close()
    assert ids(tmp_path) == [("open", "big"), ("close", "big")]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_gives_no_room_refuses_admission_and_not_what_was_admitted(tmp_path: Path) -> None:
    spool = made(tmp_path)
    place = opened(spool, "in time")
    with files_no_larger_than(4096):
        more = admitted_until_full(spool)
    assert len(more) < 4, "only the room that the disk had given before"
    for number, one in enumerate([place, *more]):
        closed(spool, str(number), one, 1000)
    saved(spool)
    spool.close()
    assert sum(kind == "close" for kind, _ in ids(tmp_path)) == 1 + len(more)


def test_a_write_that_fails_is_told_and_the_next_goes_to_a_new_segment(tmp_path: Path) -> None:
    spool = made(tmp_path)
    closed(spool, "kept", opened(spool, "kept"))
    saved(spool)
    place = opened(spool, "lost")
    with files_no_larger_than(24), pytest.raises(OSError):
        spool.flush()
    spool.forget(place)
    assert spool.reserved == 0
    closed(spool, "after", opened(spool, "after"))
    saved(spool)
    spool.close()
    assert [name for _, name in ids(tmp_path)] == ["kept", "kept", "after", "after"]
    first, second = segments(tmp_path / "0").values()
    *_, last = read_segment(first)
    assert previous_of(second.read_bytes()) == last.digest


def test_the_next_life_knows_which_exchanges_a_crash_cut_off(tmp_path: Path) -> None:
    spool = made(tmp_path)
    closed(spool, "a", opened(spool, "a"))
    opened(spool, "b")
    spool.flush()
    os.close(spool._slot.lock)
    recovered = Spool(Slot.take(tmp_path), SMALL).recover()
    assert list(recovered.opens) == ["b"]
    assert recovered.torn_bytes == 0


@pytest.mark.parametrize("torn", [b"\0\0\1\0half", b"\0\0\0\4" + b"d" * 16 + b"nope", b"\xff" * 50])
def test_a_torn_end_is_set_aside_and_everything_before_it_stays(tmp_path: Path, torn: bytes) -> None:
    spool = made(tmp_path)
    closed(spool, "a", opened(spool, "a"))
    spool.close()
    path = segment_path(tmp_path / "0", 1)
    with path.open("ab") as segment:
        segment.write(torn)
    recovered = Spool(Slot.take(tmp_path), SMALL).recover()
    assert recovered.torn_bytes == len(torn)
    assert path.with_suffix(".torn").read_bytes() == torn
    assert ids(tmp_path) == [("open", "a"), ("close", "a")]


def test_a_segment_in_which_nothing_is_whole_is_taken_away(tmp_path: Path) -> None:
    directory = tmp_path / "0"
    directory.mkdir()
    segment_path(directory, 7).write_bytes(b"SGSP")
    assert mend_last(directory) == 4
    assert not segments(directory)


def test_damage_inside_a_sealed_segment_is_found_and_not_cut_off(tmp_path: Path) -> None:
    spool = made(tmp_path)
    while spool.durable[0] < 2:
        closed(spool, "a", opened(spool, "a"), 1500)
        saved(spool)
    spool.close()
    path = segment_path(tmp_path / "0", 1)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    spool = Spool(Slot.take(tmp_path), SMALL)
    assert spool.recover().damaged == [path]
    spool.collect(3)
    assert path.with_suffix(".damaged").read_bytes() == content
    spool.close()


def test_two_processes_never_share_a_slot(tmp_path: Path) -> None:
    first, second = Slot.take(tmp_path), Slot.take(tmp_path)
    assert (first.number, second.number) == (0, 1)
    assert not is_free(first.path)
    first.release()
    assert is_free(first.path)
    assert Slot.take(tmp_path).number == 0
    second.release()


def test_segments_of_a_process_that_is_gone_are_taken_over(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    first, second = made(root), made(root)
    closed(second, "done", opened(second, "done"))
    opened(second, "cut off")
    second.flush()
    os.close(second._slot.lock)
    closed(first, "own", opened(first, "own"))
    first.close()
    spool = Spool(Slot.take(root), SMALL)
    assert list(spool.recover().opens) == ["cut off"]
    assert not segments(root / "1")
    assert [name for _, name in ids(root)] == ["own", "own", "done", "done", "cut off"]
    closed(spool, "new", opened(spool, "new"))
    spool.close()
    [problem] = journal_reading.verify(tmp_path).problems
    assert "cut off was opened and not closed" in problem


def test_files_and_directories_are_their_owners_alone(tmp_path: Path) -> None:
    spool = made(tmp_path / "spool")
    closed(spool, "a", opened(spool, "a"))
    saved(spool)
    assert (tmp_path / "spool" / "0").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "spool" / "0").iterdir()} == {0o600}
    spool.close()


def test_a_symbolic_link_in_place_of_a_slot_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        Slot.take(tmp_path / "spool")


def test_reading_tells_damage_behind_the_last_entry(tmp_path: Path) -> None:
    spool = made(tmp_path)
    closed(spool, "a", opened(spool, "a"))
    spool.close()
    path = segment_path(tmp_path / "0", 1)
    path.write_bytes(path.read_bytes() + b"\0\0\0\0trailing")
    with pytest.raises(Damaged):
        list(read_segment(path))


def test_the_sizes_of_a_spool_follow_its_bound() -> None:
    assert Sizes.of(512 * 1024 * 1024).segment == spool_module.SEGMENT_BYTES
    small = Sizes.of(1024 * 1024)
    assert (small.segment, small.reserve) == (128 * 1024, 32 * 1024)
