"""How entries leave the spool: a courier carries them to an outlet, in order, and remembers how far it came.

The courier's cursor moves only after the outlet has acknowledged, so an entry is delivered at least once;
readers drop duplicates by id. Blocking; it runs in threads.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import orjson

from proxy.edges.records import spool_format
from proxy.edges.records.recent import Recent
from proxy.edges.records.spool_files import open_private, segment_path, segments
from proxy.edges.records.spool_format import HEADER_BYTES, Damaged, Entry, previous_of

# Delivered at once. A collector takes requests of 4 MiB over gRPC by default; protobuf is smaller than JSON.
BATCH_BYTES = 1024 * 1024

# Entries looked at in one go: about 0.2 ms, so an answer hardly waits, and the threads take turns less often.
BREATH = 16

Place = tuple[int, int]
"""A segment's number and an offset in it."""


class OutletUnavailable(Exception):
    """It did not acknowledge. Nothing is lost: the courier tries again."""


class Outlet(Protocol):
    wanted: Literal["decisions", "record"]

    def deliver(self, documents: Sequence[bytes]) -> None:
        """JSON documents, in order. They are safe elsewhere when this returns. Raises OutletUnavailable."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything before `offset` of `segment` was acknowledged; the next entry is chained to `digest`."""

    segment: int
    offset: int
    digest: bytes


class Courier:
    """`durable` tells how far the spool may be read, `damaged` is told of a segment that cannot be.

    `recent`: entries that need not be read, for they were written only now.
    """

    def __init__(
        self,
        name: str,
        spool: Path,
        outlet: Outlet,
        *,
        durable: Callable[[], Place],
        damaged: Callable[[int], None],
        recent: Recent | None = None,
    ) -> None:
        self.name = name
        self.delivered = 0
        self._spool = spool
        self._outlet = outlet
        self._durable = durable
        self._damaged = damaged
        self._recent = recent or Recent()
        self._cursor_path = spool / f"{name}.cursor"
        self._cursor = self._load()
        self._stopped = False
        self._stepping = threading.Lock()

    @property
    def segment(self) -> int:
        """All segments before this one have left."""
        return self._cursor.segment

    def step(self) -> None:
        """Deliver all that is there. Raises OutletUnavailable; what was acknowledged before that stays so.

        One step at a time: a second one waits for the first.
        """
        with self._stepping:
            while True:
                # Once a round: a segment that grows and is sealed meanwhile is not delivered to its end.
                durable = self._durable()
                if not self._deliver_segment(durable) or not self._go_on(durable):
                    return

    def stop(self) -> None:
        """End a step that is under way after the batch that it is delivering."""
        self._stopped = True

    def close(self) -> None:
        self._outlet.close()

    def _deliver_segment(self, durable: Place) -> bool:
        """Deliver what is left of the cursor's segment; False when told to stop."""
        for batch in self._batches(durable):
            if self._stopped:
                return False
            self._carry(batch)
        return not self._stopped

    def _carry(self, batch: Sequence[Entry]) -> None:
        documents = [
            document
            for entry in batch
            for document in spool_format.documents(entry.payload, self._outlet.wanted)
        ]
        if documents:
            self._outlet.deliver(documents)
            self.delivered += len(documents)
        self._move(Cursor(self._cursor.segment, batch[-1].end, batch[-1].digest))

    def _batches(self, durable: Place) -> Iterator[list[Entry]]:
        """Damage ends a segment: what comes after it cannot be trusted."""
        batch: list[Entry] = []
        size = 0
        try:
            for entry in self._entries(durable):
                batch.append(entry)
                size += len(entry.payload)
                if len(batch) % BREATH == 0:
                    # Gives the interpreter to the event loop now instead of after its switch interval (5 ms).
                    time.sleep(0)
                if size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
        except Damaged:
            self._damaged(self._cursor.segment)
        if batch:
            yield batch

    def _entries(self, durable: Place) -> Iterator[Entry]:
        cursor = self._cursor
        newest, position = durable
        if cursor.segment > newest or cursor.offset < HEADER_BYTES:
            return
        end = position if cursor.segment == newest else None
        offset, digest = cursor.offset, cursor.digest
        for entry in self._recent.following(cursor.segment, offset, end):
            yield entry
            offset, digest = entry.end, entry.digest
        if end is not None and offset >= end:
            return
        with segment_path(self._spool, cursor.segment).open("rb") as segment:
            segment.seek(offset)
            piece = segment.read(-1 if end is None else end - offset)
        yield from spool_format.entries(piece, digest, offset)

    def _go_on(self, durable: Place) -> bool:
        """Take the next segment up, when this one will not grow any more."""
        newest, _ = durable
        if self._cursor.segment >= newest:
            return False
        following = [number for number in segments(self._spool) if self._cursor.segment < number <= newest]
        if not following:
            return False
        self._move(self._beginning(following[0]))
        return True

    def _beginning(self, number: int) -> Cursor:
        with segment_path(self._spool, number).open("rb") as segment:
            start = segment.read(HEADER_BYTES)
        try:
            return Cursor(number, HEADER_BYTES, previous_of(start))
        except Damaged:
            self._damaged(number)
            return Cursor(number, 0, b"")

    def _load(self) -> Cursor:
        """A cursor that cannot be read costs duplicates, not losses: all that is left is delivered again."""
        nowhere = Cursor(0, 0, b"")
        try:
            stored = orjson.loads(self._cursor_path.read_bytes())
            cursor = Cursor(int(stored["segment"]), int(stored["offset"]), bytes.fromhex(stored["digest"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return nowhere
        if cursor.segment > self._durable()[0]:
            return nowhere  # of an earlier spool in the same place
        return (
            cursor if segment_path(self._spool, cursor.segment).exists() else Cursor(cursor.segment, 0, b"")
        )

    def _move(self, cursor: Cursor) -> None:
        self._cursor = cursor
        part = self._cursor_path.with_suffix(".part")
        descriptor = open_private(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(
                orjson.dumps(
                    {"segment": cursor.segment, "offset": cursor.offset, "digest": cursor.digest.hex()}
                )
            )
        part.replace(self._cursor_path)
