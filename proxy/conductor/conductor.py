"""One exchange from the door to the record: the only place that knows the whole order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from proxy import policy, record
from proxy.conductor.answering import Answering
from proxy.conductor.asking import ask, ask_beside, rules_beside
from proxy.conductor.house import House
from proxy.conductor.passage import Passage
from proxy.engines import Ticket, UpstreamAnswer, UpstreamRoute
from proxy.errors import Denied, ModelUnknown, SluicegateError, UpstreamUnreached
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

    @property
    def action(self) -> Action:
        return self._passage.action

    @property
    def rules(self) -> tuple[str, ...]:
        return self._passage.rules

    async def stream(self, writer: Writer) -> AsyncIterator[bytes]:
        """Raises SluicegateError where the answer must stop; nothing after that may be sent as an answer."""
        answering = Answering(self._passage, writer)
        async for out in answering.run(self._answer):
            yield out
        self._passage.dropped.update(self._answer.dropped)
        await self._ticket.close("complete", None)
        yield answering.closing()


class Closing:
    """Books an exchange exactly once, whatever happens to it, and before its last byte when all is well."""

    def __init__(self, passage: Passage, ticket: Ticket) -> None:
        self._passage = passage
        self._ticket = ticket
        self._closed = False

    async def close(self, status: Status, error: SluicegateError | None) -> None:
        if self._closed:
            return
        self._closed = True
        passage = self._passage
        summary = passage.summary(status, error)
        mirrored = None
        if status != "blocked" and passage.output and not passage.obligations.no_mirror:
            mirrored = record.record(summary, passage.input, passage.output, passage.calls)
        await self._ticket.close(record.decision_log(summary), mirrored)
        passage.house.doors.meter.observe(summary)


class Conductor:
    def __init__(self, house: House) -> None:
        self._house = house

    @asynccontextmanager
    async def converse(self, identity: Identity, exchange: Exchange) -> AsyncIterator[Reply]:
        """From a parsed request to an answer that may begin.

        Raises Refused and Unavailable errors before anything was answered. Leaving the block, however it is
        left, ends the upstream's work and writes the decision log and the record.
        """
        routes = self._routes(exchange.model)
        passage = Passage(self._house, identity, exchange, routes[0])
        status: Status = "aborted"
        failure: SluicegateError | None = None
        closing: Closing | None = None
        answer: UpstreamAnswer | None = None
        try:
            clean = await ask(passage)
            closing = Closing(passage, await self._open(passage))
            answer = await self._send_to_one(passage, clean, routes)
            yield Reply(passage, answer, closing)
        except SluicegateError as error:
            status, failure = ("blocked" if isinstance(error, Denied) else "partial"), error
            raise
        except (asyncio.CancelledError, GeneratorExit):
            status = "client_gone"
            raise
        finally:
            if answer is not None:
                await answer.close()
            if closing is None:
                closing = Closing(passage, await self._open(passage))
            await closing.close(status, failure)

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
            with contextlib.suppress(UpstreamUnreached):
                return await self._send(passage, clean)
        if routes[-1] is not passage.route:
            clean = await self._ask_again(passage, routes[-1])
        return await self._send(passage, clean)

    async def _ask_again(self, passage: Passage, route: UpstreamRoute) -> Exchange:
        passage.route = route
        return await ask(passage)

    async def _send(self, passage: Passage, clean: Exchange) -> UpstreamAnswer:
        """Ask the upstream, and beside it the soft rules that may wait until then. A refusal ends both."""
        route, upstream = passage.route, self._house.doors.upstream
        request = spell(DIALECTS[clean.dialect], clean, route.model, route.speaks)
        if not rules_beside(passage):
            return await upstream.open(route, request)
        opening: list[asyncio.Task[UpstreamAnswer]] = []
        handed = False
        try:
            async with asyncio.TaskGroup() as group:
                opening.append(group.create_task(upstream.open(route, request)))
                await ask_beside(passage, clean)
            handed = True
        except* SluicegateError as errors:
            raise _plain(errors) from None
        finally:
            if not handed:
                await _discard(opening)
        return opening[0].result()


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
