"""The spool: entries go to disk in order, and what was admitted can finish. Blocking; one thread's own.

Space is allocated, not just counted: before an exchange is admitted, the disk has given the room for its
close as well. Writing into allocated space also makes the fsync steadier (measured, ext4: p95 0.25 ms
against 4 ms when each write lengthens the file).
"""

import contextlib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from proxy.edges.records.recent import Recent
from proxy.edges.records.spool_files import (
    Slot,
    mend_last,
    open_private,
    read_segment,
    segment_path,
    segments,
    sync_directory,
)
from proxy.edges.records.spool_format import (
    FRAME_BYTES,
    HEADER_BYTES,
    START,
    Damaged,
    Entry,
    frame,
    header,
)

SEGMENT_BYTES = 8 * 1024 * 1024  # deleted as a whole once delivered: small enough to free disk soon
RESERVE_BYTES = 256 * 1024  # of a close; a chat of 60,000 tokens. A larger one takes what is free besides
SPARES_KEPT = 1  # allocated ahead, so that going on to the next segment costs no answer any time


class SpoolFull(Exception):
    """Neither the bound nor the disk has the room that was asked for."""


@dataclass(slots=True, eq=False)
class Place:
    """Where an exchange was opened (None: nowhere yet), and whether room is reserved for its close."""

    segment: int | None = None
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a spool that may take `bound` bytes in all."""

    bound: int
    segment: int
    reserve: int

    @classmethod
    def of(cls, bound: int) -> "Sizes":
        """A small spool has at least eight segments, each with room for four reservations."""
        segment = max(4096, min(SEGMENT_BYTES, bound // 8))
        return cls(bound, segment, min(RESERVE_BYTES, segment // 4))


@dataclass(slots=True)
class _Segment:
    number: int
    descriptor: int
    size: int
    position: int


@dataclass(slots=True)
class Recovered:
    """What a spool's last life left. `opens`: payloads of opens without a close."""

    opens: dict[str, bytes] = field(default_factory=dict, repr=False)
    torn_bytes: int = 0
    damaged: list[Path] = field(default_factory=list)


class Spool:
    """Raises SpoolFull for want of room and OSError from the disk; it then goes on in a new segment."""

    def __init__(self, slot: Slot, sizes: Sizes) -> None:
        self._slot = slot
        self._sizes = sizes
        self._sealed: dict[int, int] = {}  # number → bytes
        self._open_in: Counter[int] = Counter()  # number → exchanges opened there and not closed yet
        self._spares: list[tuple[Path, int]] = []
        self._spares_made = 0
        self._current: _Segment | None = None
        self._number = 0
        self._digest = START  # of the last entry
        self._flushed = START  # of the last entry that the operating system has
        self._pending: list[bytes] = []
        self._pending_entries: list[Entry] = []
        self._pending_bytes = 0
        self.reserved = 0
        self.recent = Recent()
        """What was flushed of late. Read by other threads."""
        self.damaged: set[int] = set()
        self.durable = (0, 0)
        """Segment and offset up to which entries may be delivered. Read by other threads."""
        self.backlog_bytes = 0
        """Written and not yet deleted. Read by other threads."""

    def recover(self) -> Recovered:
        """Mend what a crash left, and find the exchanges that it cut off. To be called once, first."""
        recovered = Recovered(torn_bytes=mend_last(self._slot.path) + self._slot.adopt())
        for spare in self._slot.path.glob("*.spare"):
            spare.unlink()
        for number, path in segments(self._slot.path).items():
            self._number = number
            self._recover_segment(number, path, recovered)
        self._flushed = self._digest
        self.durable = (self._number + 1, 0)
        self._count_backlog()
        return recovered

    def _recover_segment(self, number: int, path: Path, recovered: Recovered) -> None:
        self._sealed[number] = path.stat().st_size
        try:
            for entry in read_segment(path):
                self._digest = entry.digest
                head = entry.head
                if head["kind"] == "open":
                    recovered.opens[head["id"]] = entry.payload
                else:
                    recovered.opens.pop(head["id"], None)
        except Damaged:
            self.damaged.add(number)
            recovered.damaged.append(path)

    def admit(self, payload: bytes, place: Place) -> None:
        """Add an open entry and reserve the room for its close. SpoolFull changes nothing."""
        length = len(payload) + FRAME_BYTES
        self._make_room(length + self._sizes.reserve, length)
        place.segment = self._append(payload)
        place.reserved = True
        self._open_in[place.segment] += 1
        self.reserved += 1

    def settle(self, payload: bytes, place: Place) -> None:
        """Add the close of an exchange. SpoolFull can come only for what is longer than the reservation."""
        length = len(payload) + FRAME_BYTES
        reserved = self._sizes.reserve if place.reserved else 0
        if length > reserved:
            self._make_room(length - reserved, length)
        self._append(payload)
        self._release(place)

    def note(self, payload: bytes) -> None:
        """Add the close of an exchange that a crash cut off: the bound may not refuse it."""
        length = len(payload) + FRAME_BYTES
        if self._free() < self._needed() + length:
            self._spares.append(self._allocate(length))
        self._append(payload)

    def forget(self, place: Place) -> None:
        """The exchange is closed, or was never opened: its segment need not be kept for it."""
        self._release(place)
        if place.segment is not None:
            self._open_in[place.segment] -= 1
            place.segment = None

    def flush(self) -> None:
        """Hand everything to the operating system: it survives the end of this process."""
        current, pending = self._current, b"".join(self._pending)
        entries = self._pending_entries
        self._pending, self._pending_entries, self._pending_bytes = [], [], 0
        if current is None or not pending:
            return
        written = 0
        try:
            while written < len(pending):
                written += os.pwrite(current.descriptor, pending[written:], current.position + written)
        except OSError:
            self._abandon(current)
            raise
        self.recent.add(current.number, current.position, entries)
        current.position += len(pending)
        self._flushed = self._digest

    def sync(self) -> None:
        """Hand everything to the disk: it survives a power cut. After a failure the file is not used again.

        Whether the kernel still knows what it failed to write is not to be relied on (fsyncgate, 2018).
        """
        if self._current is None:
            return
        try:
            os.fdatasync(self._current.descriptor)
        except OSError:
            self._abandon(self._current)
            raise

    def publish(self) -> None:
        """What was flushed so far may be delivered."""
        if self._current is not None:
            self.durable = (self._current.number, self._current.position)
        self._count_backlog()

    def collect(self, delivered: int) -> None:
        """Delete the segments before number `delivered` in which no exchange is still open."""
        for number in sorted(self._sealed):
            if number < delivered and not self._open_in[number]:
                path = segment_path(self._slot.path, number)
                if number in self.damaged:
                    path.rename(path.with_suffix(".damaged"))
                else:
                    path.unlink()
                del self._sealed[number], self._open_in[number]
        while len(self._spares) > SPARES_KEPT and self._free() > self._needed() + self._sizes.segment:
            self._spares.pop()[0].unlink()
        self._count_backlog()

    def close(self) -> None:
        self.flush()
        if self._current is not None:
            self._seal(self._current)
        for spare, _ in self._spares:
            spare.unlink()
        self._spares = []
        self._slot.release()

    def _count_backlog(self) -> None:
        current = self._current.position if self._current else 0
        self.backlog_bytes = sum(self._sealed.values()) + current

    def _release(self, place: Place) -> None:
        if place.reserved:
            place.reserved = False
            self.reserved -= 1

    def _append(self, payload: bytes) -> int:
        length = len(payload) + FRAME_BYTES
        current = self._current
        if current is None or current.position + self._pending_bytes + length > current.size:
            current = self._roll(length)
        framed, self._digest = frame(self._digest, payload)
        self._pending.append(framed)
        self._pending_bytes += length
        end = current.position + self._pending_bytes
        self._pending_entries.append(Entry(payload, end, self._digest))
        return current.number

    def _roll(self, length: int) -> _Segment:
        """Go on in the next segment, which takes an entry of `length`."""
        path, size = self._spare(length)
        if self._current is not None:
            self.flush()
            self._seal(self._current)
        self._number += 1
        descriptor = open_private(path, os.O_RDWR)
        os.pwrite(descriptor, header(self._digest), 0)
        path.rename(segment_path(self._slot.path, self._number))
        sync_directory(self._slot.path)
        self._current = _Segment(self._number, descriptor, size, HEADER_BYTES)
        return self._current

    def _spare(self, length: int) -> tuple[Path, int]:
        for spare in self._spares:
            if spare[1] >= length + HEADER_BYTES:
                self._spares.remove(spare)
                return spare
        return self._bounded(length)

    def _seal(self, segment: _Segment) -> None:
        """Give back what was allocated and not used."""
        os.ftruncate(segment.descriptor, segment.position)
        os.fsync(segment.descriptor)
        os.close(segment.descriptor)
        self._sealed[segment.number] = segment.position
        self._current = None
        self.durable = (segment.number, segment.position)

    def _abandon(self, segment: _Segment) -> None:
        """The disk failed under this segment: cut it at its last good entry if possible, and leave it."""
        with contextlib.suppress(OSError):
            os.ftruncate(segment.descriptor, segment.position)
        with contextlib.suppress(OSError):
            os.close(segment.descriptor)
        self._sealed[segment.number] = segment.position
        self._current = None
        self._digest = self._flushed

    def _make_room(self, more: int, longest: int) -> None:
        """See that `more` bytes can be written besides all that is reserved. Raises SpoolFull."""
        while self._free() < self._needed() + more:
            self._spares.append(self._bounded(longest))

    def _needed(self) -> int:
        return self.reserved * self._sizes.reserve

    def _free(self) -> int:
        """Of each segment one reservation's length may be left over at its end, so it is not counted."""
        reserve, free, current = self._sizes.reserve, 0, self._current
        for _, size in self._spares:
            free += size - HEADER_BYTES - reserve
        if current is not None:
            free += max(0, current.size - current.position - self._pending_bytes - reserve)
        return free

    def _bounded(self, length: int) -> tuple[Path, int]:
        """A new spare within the bound. Raises SpoolFull, also when the disk has no room."""
        allocated = sum(self._sealed.values()) + sum(size for _, size in self._spares)
        allocated += self._current.size if self._current else 0
        if allocated + self._size_for(length) > self._sizes.bound:
            raise SpoolFull
        try:
            return self._allocate(length)
        except OSError as error:
            raise SpoolFull from error

    def _size_for(self, length: int) -> int:
        return max(self._sizes.segment, length + self._sizes.reserve + HEADER_BYTES)

    def _allocate(self, length: int) -> tuple[Path, int]:
        """A new spare that takes an entry of `length`; its room is given by the disk. Raises OSError."""
        size = self._size_for(length)
        self._spares_made += 1
        path = self._slot.path / f"{self._spares_made:012d}.spare"
        descriptor = open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
        return path, size
