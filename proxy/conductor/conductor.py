"""One exchange from the door to the record: the only place that knows the whole order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from proxy import policy, record
from proxy.conductor.answering import Answering
from proxy.conductor.asking import ask, ask_beside, rules_beside
from proxy.conductor.booking import booked
from proxy.conductor.house import House
from proxy.conductor.passage import Passage
from proxy.engines import Ticket, UpstreamAnswer, UpstreamRoute
from proxy.errors import (
    Denied,
    ModelUnknown,
    SluicegateError,
    Stopping,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamUnreached,
)
from proxy.exchange import Exchange, Identity
from proxy.record import Status
from proxy.verdict import Action
from proxy.wire.dialect import Writer, spell
from proxy.wire.registers import DIALECTS


class Reply:
    """An answer that may begin. Iterate it once, to the end; what it yields is ready for the client."""

    def __init__(self, passage: Passage, answer: UpstreamAnswer, ticket: "Closing") -> None:
        self._passage = passage
        self._answer = answer
        self._ticket = ticket
        self._answering: Answering | None = None

    @property
    def action(self) -> Action:
        return self._passage.action

    @property
    def rules(self) -> tuple[str, ...]:
        return self._passage.rules

    async def stream(self, writer: Writer) -> AsyncIterator[bytes]:
        """Raises SluicegateError where the answer must stop; nothing after that may be sent as an answer."""
        answering = self._answering = Answering(self._passage, writer)
        async for out in answering.run(self._answer):
            yield out
        self._passage.dropped.update(self._answer.dropped)
        last = answering.closing()  # may find that the answer cannot be written: then it is not complete
        await self._ticket.close("complete", None, answering.received())
        yield last

    def received(self) -> Sequence[str]:
        """All text of the answer that has come so far."""
        return self._answering.received() if self._answering is not None else ()


class Closing:
    """Books an exchange exactly once, whatever happens to it, and before its last byte when all is well."""

    def __init__(self, passage: Passage, ticket: Ticket) -> None:
        self._passage = passage
        self._ticket = ticket
        self._closed = False

    async def close(self, status: Status, error: SluicegateError | None, received: Sequence[str]) -> None:
        """`received`: the text that has come from the upstream, for counting what it never booked."""
        if self._closed:
            return
        self._closed = True
        passage = self._passage
        summary = passage.summary(status, error, booked(passage, received))
        mirrored = None
        if status != "blocked" and passage.output and not passage.obligations.no_mirror:
            mirrored = record.record(summary, passage.input, passage.output, passage.calls)
        await self._ticket.close(record.decision_log(summary), mirrored)
        passage.house.doors.meter.observe(summary)


class Conductor:
    def __init__(self, house: House) -> None:
        self._house = house

    @asynccontextmanager
    async def converse(
        self, identity: Identity, exchange: Exchange, stopping: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[Reply]:
        """From a parsed request to an answer that may begin.

        Raises Refused and Unavailable errors before anything was answered. Leaving the block, however it is
        left, ends the upstream's work and writes the decision log and the record. `stopping`: whether the
        proxy itself cancels what is running; then that is Stopping, and not a caller that went away.
        """
        routes = self._routes(exchange.model)
        passage = Passage(self._house, identity, exchange, routes[0])
        status: Status = "aborted"
        failure: SluicegateError | None = None
        closing: Closing | None = None
        answer: UpstreamAnswer | None = None
        reply: Reply | None = None
        try:
            clean = await ask(passage)
            closing = Closing(passage, await self._open(passage))
            answer = await self._send_to_one(passage, clean, routes)
            reply = Reply(passage, answer, closing)
            yield reply
        except SluicegateError as error:
            status, failure = ("blocked" if isinstance(error, Denied) else "partial"), error
            raise
        except asyncio.CancelledError:
            status = "client_gone"
            if not stopping():
                raise
            status, failure = "partial", _stopped()
            raise failure from None
        except (ConnectionError, GeneratorExit):  # the caller's connection: edges have other words for theirs
            status = "client_gone"
            raise
        finally:
            try:
                if answer is not None:
                    await answer.close()
            finally:
                if closing is None:
                    closing = Closing(passage, await self._open(passage))
                await closing.close(status, failure, reply.received() if reply is not None else ())

    async def visible_models(self, identity: Identity, dialect: str) -> list[str]:
        """The models that admission would let this subject use, asked with an empty exchange."""
        visible = []
        for name in self._house.doors.upstream.names():
            probe = Exchange("", dialect, name, stream=False, body={}, segments=())
            for route in self._routes(name)[:1]:
                facts = policy.Facts(identity, probe, route.upstream, route.residency, ())
                decision = await self._house.doors.policy.decide(policy.admission(policy.base(facts)))
                if not decision.blocks:
                    visible.append(name)
        return visible

    def _routes(self, model: str) -> Sequence[UpstreamRoute]:
        routes = self._house.doors.upstream.routes(model)
        if not routes:
            raise ModelUnknown("No such model is served here; see the list of models.", param="model")
        return routes

    async def _open(self, passage: Passage) -> Ticket:
        return await self._house.doors.journal.open(
            passage.exchange.id, record.opened(passage.summary("aborted", None))
        )

    async def _send_to_one(
        self, passage: Passage, clean: Exchange, routes: Sequence[UpstreamRoute]
    ) -> UpstreamAnswer:
        """Ask the servers of the model one after the other, as long as none has begun. The policies decide
        about each of them anew: it may stand where this exchange must not go."""
        for route in routes[:-1]:
            if route is not passage.route:
                clean = await self._ask_again(passage, route)
            with contextlib.suppress(UpstreamUnreached, UpstreamBusy):
                return await self._send(passage, clean)
        if routes[-1] is not passage.route:
            clean = await self._ask_again(passage, routes[-1])
        return await self._send(passage, clean)

    async def _ask_again(self, passage: Passage, route: UpstreamRoute) -> Exchange:
        passage.route = route
        return await ask(passage)

    async def _send(self, passage: Passage, clean: Exchange) -> UpstreamAnswer:
        """Ask the upstream, and beside it the soft rules that may wait until then. A refusal ends both."""
        if not rules_beside(passage):
            return await self._reach(passage, clean)
        opening: list[asyncio.Task[UpstreamAnswer]] = []
        handed = False
        try:
            async with asyncio.TaskGroup() as group:
                opening.append(group.create_task(self._reach(passage, clean)))
                await ask_beside(passage, clean)
            handed = True
        except* SluicegateError as errors:
            raise _plain(errors) from None
        finally:
            if not handed:
                await _discard(opening)
        return opening[0].result()

    async def _reach(self, passage: Passage, clean: Exchange) -> UpstreamAnswer:
        route = passage.route
        request = spell(DIALECTS[clean.dialect], clean, route.model, route.speaks)
        passage.reached = True  # from here on it may cost tokens, whatever becomes of it
        try:
            return await self._house.doors.upstream.open(route, request)
        except (UpstreamUnreached, UpstreamRefused):
            passage.reached = False
            raise


def _stopped() -> Stopping:
    """In place of the cancellation, so that what is left to say can still be awaited."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    return Stopping()


def _plain(errors: ExceptionGroup[SluicegateError]) -> SluicegateError:
    """The one error that tells: a refusal before what it brought down."""
    return min(_leaves(errors), key=lambda error: not isinstance(error, Denied))


def _leaves(errors: BaseExceptionGroup[SluicegateError]) -> Iterator[SluicegateError]:
    """Tasks of tasks nest their errors."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _discard(opening: list[asyncio.Task[UpstreamAnswer]]) -> None:
    """An answer that nobody will read: its connection is closed, so that the model stops working."""
    for task in opening:
        if task.done() and not task.cancelled() and task.exception() is None:
            await task.result().close()
