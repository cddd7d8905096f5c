"""The journal: what passes is written down first, and leaves through the outlets afterwards.

Per worker process one spool under `<state>/spool`; from there the decision log to `<state>/decisions` and the
feedback stream to `<state>/feedback` or to a collector. Nothing here decides what may be recorded.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from proxy.edges.log import Log
from proxy.edges.records.carriers import feedback_outlet
from proxy.edges.records.outlet import Courier, Outlet, OutletUnavailable
from proxy.edges.records.outlet_files import DecisionFiles
from proxy.edges.records.scribe import Scribe
from proxy.edges.records.spool import RESERVE_BYTES, Place, Recovered, Sizes, Spool
from proxy.edges.records.spool_files import Slot, private_directory
from proxy.edges.records.spool_format import close_payload, open_payload
from proxy.engines import Clock
from proxy.errors import ConfigInvalid, RecordUnavailable
from proxy.record import aborted
from proxy.settings import Feedback

LINGER_S = 0.2  # entries gathered before they are carried: one fsync and one request for many
FIRST_WAIT_S = 0.5  # after an outlet failed; doubled each time
LONGEST_WAIT_S = 30.0  # a collector that is back is found within half a minute
LAST_S = 5.0  # for the last delivery of a proxy that stops; the rest is the next start's

STOPPING = "The proxy is stopping."


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """`behind_s`: how long the slowest outlet has had something left to deliver; 0 when none has.

    `delivered` and `failures`: by outlet, documents and tries since the start. `shed`: records left out for
    want of disk. `refused`: set aside because the collector refuses them. `rejected`: dropped by it.
    """

    backlog_bytes: int
    behind_s: float
    open_exchanges: int
    delivered: Mapping[str, int]
    failures: Mapping[str, int]
    disk_failures: int
    shed: int
    refused: int
    rejected: int
    damaged_segments: int


@dataclass(slots=True)
class _Route:
    """One outlet's courier and how it fares. `behind`: since when it has had something left to deliver."""

    courier: Courier
    outlet: Outlet
    news: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    failing: bool = False
    behind: float | None = None


class SpoolTicket:
    """Implements `engines.Ticket`."""

    __slots__ = ("_closed", "_journal", "exchange_id", "opened", "place")

    def __init__(self, journal: "SpoolJournal", exchange_id: str, opened: Mapping[str, Any]) -> None:
        self._journal = journal
        self._closed = False
        self.exchange_id = exchange_id
        self.opened = opened
        self.place = Place()

    async def close(self, decisions: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None) -> None:
        """On disk when this returns. Raises RecordUnavailable; a second close does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._journal.settle(self, decisions, record)
        except RecordUnavailable:
            self._closed = False
            raise


class SpoolJournal:
    """Implements `engines.Journal`. Made by `start`; `run` carries to the outlets; `close` ends it."""

    def __init__(
        self, settings: Feedback, spool: Spool, routes: Sequence[_Route], log: Log, clock: Clock
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._routes = routes
        self._log = log
        self._clock = clock
        self._tickets: set[SpoolTicket] = set()
        self._stopping = False
        self._scribe = Scribe(spool, sync=settings.sync, on_durable=self._on_durable)
        # A collector that hangs must hold up neither the decision log nor its own last delivery.
        self._threads = ThreadPoolExecutor(2 * len(routes), thread_name_prefix="outlet")

    @classmethod
    async def start(cls, settings: Feedback, state: Path, log: Log, clock: Clock) -> Self:
        """Recover what an earlier life left, and be ready. Raises ConfigInvalid if the state is unusable."""
        try:
            slot, spool, recovered = await asyncio.to_thread(_recover, settings, state)
            routes = await asyncio.to_thread(_routes, settings, state, slot, spool, clock)
        except OSError as error:
            raise ConfigInvalid(
                [f"{state}: the journal cannot be kept there: {error.strerror or error}"]
            ) from error
        journal = cls(settings, spool, routes, log, clock)
        await journal._begin(recovered)
        return journal

    async def open(self, exchange_id: str, opened: Mapping[str, Any]) -> SpoolTicket:
        if self._stopping:
            raise RecordUnavailable(STOPPING)
        ticket = SpoolTicket(self, exchange_id, opened)
        try:
            await self._scribe.open(open_payload(exchange_id, opened), ticket.place)
        except asyncio.CancelledError:
            # Without a decision: whoever was cancelled here books the exchange, with another ticket.
            self._scribe.abandon(close_payload(exchange_id, [], None), ticket.place)
            raise
        self._tickets.add(ticket)
        return ticket

    async def settle(
        self, ticket: SpoolTicket, decisions: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None
    ) -> None:
        """What a ticket's `close` does."""
        kept = record if self._settings.enabled else None
        payload = close_payload(ticket.exchange_id, decisions, kept)
        lesser = None
        if kept is not None and len(payload) > RESERVE_BYTES:
            lesser = close_payload(ticket.exchange_id, decisions, None)
        try:
            await self._scribe.close(payload, ticket.place, lesser)
        except asyncio.CancelledError:
            self._tickets.discard(ticket)  # nobody waits for the write any more, and it goes on
            raise
        self._tickets.discard(ticket)

    async def run(self) -> None:
        """Carry to the outlets until cancelled."""
        async with asyncio.TaskGroup() as group:
            for route in self._routes:
                group.create_task(self._carry(route))

    async def close(self) -> None:
        """Exchanges that are still open are closed as aborted; what the outlets take in time is delivered."""
        self._stopping = True
        for ticket in list(self._tickets):
            await self._abort(ticket)
        await self._deliver_last()
        await self._scribe.stop()
        await asyncio.to_thread(self._threads.shutdown)
        for route in self._routes:
            await asyncio.to_thread(route.courier.close)

    async def _deliver_last(self) -> None:
        try:
            await self._scribe.settled()
        except RecordUnavailable as error:
            self._log.failure("journal.last_write", error)
        try:
            async with asyncio.timeout(LAST_S), asyncio.TaskGroup() as group:
                for route in self._routes:
                    if not route.failing:
                        group.create_task(self._step(route))
        except TimeoutError as error:
            self._log.failure("journal.last_delivery", error)  # the next start goes on with it
        for route in self._routes:
            route.courier.stop()
        self._collect()

    def status(self) -> JournalStatus:
        now = self._clock.monotonic()
        since = [route.behind for route in self._routes if route.behind is not None]
        return JournalStatus(
            backlog_bytes=self._spool.backlog_bytes,
            behind_s=now - min(since) if since else 0.0,
            open_exchanges=len(self._tickets),
            delivered={route.courier.name: route.courier.delivered for route in self._routes},
            failures={route.courier.name: route.failures for route in self._routes},
            disk_failures=self._scribe.failures,
            shed=self._scribe.shed,
            refused=sum(getattr(route.outlet, "refused", 0) for route in self._routes),
            rejected=sum(getattr(route.outlet, "rejected", 0) for route in self._routes),
            damaged_segments=len(self._spool.damaged),
        )

    async def _begin(self, recovered: Recovered) -> None:
        self._scribe.start()
        for exchange_id, payload in recovered.opens.items():
            opened = orjson.loads(payload.split(b"\n")[1])
            await self._scribe.note(close_payload(exchange_id, [aborted(opened)], None))
        if recovered.opens or recovered.torn_bytes:
            self._log.warning(
                "journal.recovered", aborted=len(recovered.opens), torn_bytes=recovered.torn_bytes
            )
        for path in recovered.damaged:
            self._log.warning("journal.damaged", segment=path.name)
        self._on_durable()

    async def _abort(self, ticket: SpoolTicket) -> None:
        try:
            await ticket.close([aborted(ticket.opened)], None)
        except RecordUnavailable as error:
            self._log.failure("journal.abort", error)  # its open stays: the next start closes it

    async def _carry(self, route: _Route) -> None:
        wait = FIRST_WAIT_S
        while True:
            await route.news.wait()
            await asyncio.sleep(LINGER_S)
            if await self._step(route):
                wait = FIRST_WAIT_S
                self._collect()
                continue
            route.news.set()
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_S)

    async def _step(self, route: _Route) -> bool:
        """Whether everything was delivered that was there when it began."""
        route.news.clear()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, route.courier.step)
        except OutletUnavailable as error:
            route.failures += 1
            if not route.failing:
                self._log.failure("journal.outlet_down", error, outlet=route.courier.name)
            route.failing = True
            return False
        if route.failing:
            self._log.info("journal.outlet_back", outlet=route.courier.name)
        route.failing = False
        route.behind = self._clock.monotonic() if route.news.is_set() else None
        return True

    def _on_durable(self) -> None:
        for route in self._routes:
            if not route.news.is_set():
                route.news.set()
            if route.behind is None:
                route.behind = self._clock.monotonic()

    def _collect(self) -> None:
        self._scribe.collect(min(route.courier.segment for route in self._routes))


def _recover(settings: Feedback, state: Path) -> tuple[Slot, Spool, Recovered]:
    if not state.exists():
        private_directory(state)
    slot = Slot.take(state / "spool")
    spool = Spool(slot, Sizes.of(settings.spool_bytes))
    return slot, spool, spool.recover()


def _routes(settings: Feedback, state: Path, slot: Slot, spool: Spool, clock: Clock) -> list[_Route]:
    """With feedback off its outlet still runs: what was recorded before that is owed."""
    outlets: dict[str, Outlet] = {
        "decisions": DecisionFiles(state / "decisions", slot.number, clock.now),
        "feedback": feedback_outlet(settings, state / "feedback", slot.number, clock.now),
    }
    return [
        _Route(
            Courier(
                name,
                slot.path,
                outlet,
                durable=lambda: spool.durable,
                damaged=spool.damaged.add,
                recent=spool.recent,
            ),
            outlet,
        )
        for name, outlet in outlets.items()
    ]
