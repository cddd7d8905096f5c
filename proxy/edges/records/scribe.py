"""The scribe: one thread that writes what many exchanges hand it, many at a time with one fsync.

The event loop hands over bytes and awaits a future; it never touches the disk. Opens are answered when the
operating system has them (they survive kill -9), closes when the disk has them (they survive a power cut).
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final, Literal

from proxy.edges.records.spool import Place, Spool, SpoolFull
from proxy.errors import RecordUnavailable

BATCH = 512  # about 2 MB of chats: one write, and no open waits behind more than that

DURABLE = ("close", "note", "settled")
"""The orders that are answered when the disk has them."""

FULL = "The record spool is full; nothing may pass that cannot be recorded."
UNWRITABLE = "The record spool cannot be written; nothing may pass that cannot be recorded."


Written = asyncio.Future[None]
"""Awaiting it raises RecordUnavailable. Being cancelled meanwhile does not stop the write."""

NOWHERE: Final = Place()


@dataclass(slots=True)
class Order:
    """Something to write. `lesser`: what to write instead when `payload` finds no room."""

    kind: Literal["open", "close", "note", "settled", "collect", "stop"]
    payload: bytes = field(default=b"", repr=False)
    place: Place = NOWHERE
    lesser: bytes | None = field(default=None, repr=False)
    delivered: int = 0
    done: Written | None = None
    answered: bool = False


class Scribe:
    """To be made on the loop whose futures it answers; `on_durable` is called there too."""

    def __init__(self, spool: Spool, *, sync: bool, on_durable: Callable[[], None]) -> None:
        self._spool = spool
        self._sync = sync
        self._on_durable = on_durable
        self._loop = asyncio.get_running_loop()
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._broken = False
        self.failures = 0
        """Writes that the disk refused."""
        self.shed = 0
        """Records left out because even the disk had no room for them; their decisions were kept."""

    def start(self) -> None:
        self._thread.start()

    def open(self, payload: bytes, place: Place) -> Written:
        return self._hand_over(Order("open", payload, place))

    def close(self, payload: bytes, place: Place, lesser: bytes | None = None) -> Written:
        return self._hand_over(Order("close", payload, place, lesser))

    def note(self, payload: bytes) -> Written:
        """The close of an exchange that an earlier life opened."""
        return self._hand_over(Order("note", payload))

    def abandon(self, payload: bytes, place: Place) -> None:
        """A close that nobody waits for: whoever asked for the open is gone."""
        self._orders.put(Order("close", payload, place))

    def settled(self) -> Written:
        """Done when everything is that was handed over before."""
        return self._hand_over(Order("settled"))

    def collect(self, delivered: int) -> None:
        """Everything before this segment has left: delete it when nothing in it is open any more."""
        self._orders.put(Order("collect", delivered=delivered))

    async def stop(self) -> None:
        """After everything that was handed over before; then the spool is closed."""
        self._orders.put(Order("stop"))
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self, order: Order) -> Written:
        done = order.done = self._loop.create_future()
        self._orders.put(order)
        return done

    def _work(self) -> None:
        stopped = False
        while not stopped:
            batch = self._next_batch()
            stopped = any(order.kind == "stop" for order in batch)
            try:
                self._serve(batch)
            except Exception:  # noqa: BLE001  Ours, not the disk's. Nobody may wait for ever: all is refused.
                self._broken = True
                self._answer(batch, UNWRITABLE)
        self._spool.close()

    def _next_batch(self) -> list[Order]:
        batch = [self._orders.get()]
        try:
            while len(batch) < BATCH:
                batch.append(self._orders.get_nowait())
        except Empty:
            return batch
        return batch

    def _serve(self, batch: Sequence[Order]) -> None:
        if self._broken:
            self._answer(batch, UNWRITABLE)
            return
        try:
            self._write(batch)
        except OSError:
            self.failures += 1
            self._write_again([order for order in batch if not order.answered])

    def _write_again(self, batch: Sequence[Order]) -> None:
        """Once more, in a new segment; a disk that fails twice is told to everybody who waits."""
        try:
            self._forget_opens(batch)
            self._write(batch)
        except OSError:
            self.failures += 1
            self._forget_opens(batch)
            self._answer(batch, UNWRITABLE)

    def _forget_opens(self, batch: Sequence[Order]) -> None:
        for order in batch:
            if order.kind == "open":
                self._spool.forget(order.place)

    def _write(self, batch: Sequence[Order]) -> None:
        refused = [order for order in batch if not self._take(order)]
        self._answer(refused, FULL)
        self._spool.flush()
        self._answer(order for order in batch if order.kind == "open")
        closes = [order for order in batch if order.kind in DURABLE and not order.answered]
        if closes and self._sync:
            self._spool.sync()
        self._spool.publish()
        for order in closes:
            self._spool.forget(order.place)
        self._answer(closes)

    def _take(self, order: Order) -> bool:
        """Whether there was room for it."""
        try:
            if order.kind == "open":
                self._spool.admit(order.payload, order.place)
            elif order.kind == "close":
                self._settle(order)
            elif order.kind == "note":
                self._spool.note(order.payload)
            elif order.kind == "collect":
                self._spool.collect(order.delivered)
        except SpoolFull:
            return False
        return True

    def _settle(self, order: Order) -> None:
        if order.place.segment is None:
            return  # its open was refused: there is nothing to close
        try:
            self._spool.settle(order.payload, order.place)
        except SpoolFull:
            if order.lesser is None:
                raise
            self._spool.settle(order.lesser, order.place)
            self.shed += 1

    def _answer(self, orders: Iterable[Order], problem: str | None = None) -> None:
        """One wake-up of the loop for all of them."""
        fresh = [order for order in orders if not order.answered]
        for order in fresh:
            order.answered = True
        waiting = [order.done for order in fresh if order.done is not None]
        if waiting:
            self._loop.call_soon_threadsafe(self._wake, waiting, problem)

    def _wake(self, waiting: Sequence[Written], problem: str | None) -> None:
        for future in waiting:
            if future.done():
                continue
            if problem is None:
                future.set_result(None)
            else:
                future.set_exception(RecordUnavailable(problem))
        self._on_durable()
