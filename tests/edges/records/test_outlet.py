"""The courier: in order, nothing skipped while the spool grows under it, nothing unacknowledged passed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import orjson
import pytest

from proxy.edges.records.outlet import Courier, OutletUnavailable
from proxy.edges.records.recent import BYTES, Recent
from proxy.edges.records.spool import Place, Sizes, Spool
from proxy.edges.records.spool_files import Slot, segment_path
from proxy.edges.records.spool_format import Entry, close_payload, open_payload

SIZES = Sizes(bound=1024 * 1024, segment=8 * 1024, reserve=2 * 1024)

# From the disk alone; from the disk, then from memory; from memory.
REMEMBERED = pytest.mark.parametrize("remembered", [0, 3_000, BYTES])


class Kept:
    """An outlet that remembers, and does `before` each delivery."""

    wanted: Literal["decisions", "record"] = "decisions"

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.down = False
        self.before: Callable[[], None] = lambda: None

    def deliver(self, documents: Sequence[bytes]) -> None:
        self.before()
        if self.down:
            raise OutletUnavailable
        self.numbers += [orjson.loads(document)["n"] for document in documents]

    def close(self) -> None: ...


class Writing:
    """A spool that gets one exchange after the other."""

    def __init__(self, root: Path, remembered: int = BYTES) -> None:
        self.spool = Spool(Slot.take(root), SIZES)
        self.spool.recent = Recent(remembered)
        self.spool.recover()
        self.path = root / "0"
        self.written = 0

    def write(self, count: int = 1, filler: int = 0) -> None:
        for _ in range(count):
            place = Place()
            self.spool.admit(open_payload("x", {}), place)
            self.spool.settle(close_payload("x", [{"n": self.written, "filler": "x" * filler}], None), place)
            self.spool.forget(place)
            self.written += 1
            self.spool.flush()
            self.spool.publish()

    def courier(self, outlet: Kept) -> Courier:
        return Courier(
            "kept",
            self.path,
            outlet,
            durable=lambda: self.spool.durable,
            damaged=self.spool.damaged.add,
            recent=self.spool.recent,
        )


@REMEMBERED
def test_a_segment_that_grows_and_is_sealed_during_a_delivery_is_delivered_to_its_end(
    tmp_path: Path, remembered: int
) -> None:
    writing, outlet = Writing(tmp_path, remembered), Kept()
    courier = writing.courier(outlet)

    def write_more() -> None:
        if writing.written < 100:
            writing.write(7, filler=1500)

    outlet.before = write_more
    writing.write()
    for _ in range(40):
        courier.step()
    assert outlet.numbers == list(range(writing.written))
    assert writing.written > 100
    writing.spool.close()


@REMEMBERED
def test_a_courier_and_a_spool_at_full_speed_lose_nothing(tmp_path: Path, remembered: int) -> None:
    writing, outlet = Writing(tmp_path, remembered), Kept()
    courier = writing.courier(outlet)
    writer = threading.Thread(target=writing.write, args=(1500, 300))
    writer.start()
    while writer.is_alive():
        courier.step()
        writing.spool.collect(0)
    writer.join()
    courier.step()
    assert outlet.numbers == list(range(1500))[: writing.written]
    assert writing.written == 1500
    writing.spool.close()


@REMEMBERED
def test_what_is_not_durable_yet_is_not_delivered(tmp_path: Path, remembered: int) -> None:
    writing, outlet = Writing(tmp_path, remembered), Kept()
    courier = writing.courier(outlet)
    writing.write(2)
    published = writing.spool.durable
    writing.write()
    writing.spool.durable = published
    courier.step()
    assert outlet.numbers == [0, 1]
    writing.spool.publish()
    courier.step()
    assert outlet.numbers == [0, 1, 2]
    writing.spool.close()


def test_damage_is_told_and_the_next_segment_is_delivered(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path, remembered=0), Kept()
    courier = writing.courier(outlet)
    while writing.spool.durable[0] < 2:
        writing.write(filler=1000)
    path = segment_path(writing.path, 1)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    courier.step()
    assert outlet.numbers == [writing.written - 1]
    assert writing.spool.damaged == {1}
    writing.spool.close()


class Forgetful(Recent):
    """The spool has so much to add that what follows is forgotten while a courier reads."""

    def following(self, segment: int, offset: int, end: int | None) -> Iterator[Entry]:
        return islice(super().following(segment, offset, end), 1)


def test_what_is_forgotten_meanwhile_is_read_from_the_disk(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    writing.spool.recent = Forgetful()
    courier = writing.courier(outlet)
    writing.write(3)
    courier.step()
    assert outlet.numbers == [0, 1, 2]
    assert not writing.spool.damaged
    writing.spool.close()


def test_damage_on_the_disk_does_not_touch_what_is_still_remembered(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    courier = writing.courier(outlet)
    writing.write(3)
    path = segment_path(writing.path, 1)
    path.write_bytes(path.read_bytes()[:60])
    courier.step()
    assert outlet.numbers == [0, 1, 2]
    writing.spool.close()


def test_two_steps_at_once_deliver_nothing_twice(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    courier = writing.courier(outlet)
    writing.write(5)
    outlet.before = lambda: time.sleep(0.05)
    threads = [threading.Thread(target=courier.step) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outlet.numbers == [0, 1, 2, 3, 4]
    writing.spool.close()


def test_what_was_not_acknowledged_is_delivered_again(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    courier = writing.courier(outlet)
    writing.write(3)
    outlet.down = True
    with pytest.raises(OutletUnavailable):
        courier.step()
    outlet.down = False
    courier.step()
    assert outlet.numbers == [0, 1, 2]
    writing.spool.close()


def test_a_new_courier_goes_on_where_the_last_one_was_acknowledged(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    writing.write(3)
    writing.courier(outlet).step()
    writing.write(2, filler=5000)
    writing.courier(outlet).step()
    assert outlet.numbers == [0, 1, 2, 3, 4]
    writing.spool.close()


def test_a_cursor_of_an_earlier_spool_in_the_same_place_skips_nothing(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    (writing.path / "kept.cursor").write_bytes(b'{"segment":57,"offset":24,"digest":"00"}')
    writing.write(3)
    writing.courier(outlet).step()
    assert outlet.numbers == [0, 1, 2]
    writing.spool.close()


def test_a_stopped_courier_delivers_no_further_batch(tmp_path: Path) -> None:
    writing, outlet = Writing(tmp_path), Kept()
    courier = writing.courier(outlet)
    writing.write(3)
    courier.stop()
    courier.step()
    assert outlet.numbers == []
    writing.spool.close()
