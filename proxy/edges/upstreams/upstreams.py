"""The upstreams: which serve a model, and their answers as events, bounded and never trusted with a word.

Who may be asked is `table.py`, in what order `balance.py`, how bytes travel `server.py` and below; what they
mean is the wire's reader (`proxy.wire.registers`).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from proxy.edges.upstreams.balance import best_first
from proxy.edges.upstreams.connection import Connection
from proxy.edges.upstreams.credentials import Credentials
from proxy.edges.upstreams.server import Server, check
from proxy.edges.upstreams.table import Group, Served, configured, with_listed
from proxy.edges.upstreams.target import target_of
from proxy.engines import UpstreamRoute
from proxy.errors import (
    ConfigInvalid,
    SluicegateError,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamUnavailable,
    UpstreamUnreached,
)
from proxy.exchange import AnswerEvent, End
from proxy.settings import Limits, Upstream
from proxy.wire.dialect import JSON, AnswerReader, UpstreamRequest, Wire
from proxy.wire.registers import WIRES


class Answer:
    """An answer that has begun. Read `events` once; `close` it whatever happens."""

    def __init__(self, server: Server, connection: Connection, reader: AnswerReader, limit: int) -> None:
        self._server = server
        self._connection: Connection | None = connection
        self._reader = reader
        self._left = limit

    @property
    def dropped(self) -> Mapping[str, int]:
        return self._reader.dropped

    async def events(self) -> AsyncGenerator[Sequence[AnswerEvent], None]:
        """Raises UpstreamUnavailable for an answer that is cut short, too long or not an answer."""
        try:
            while piece := await self._next_piece():
                if events := self._reader.feed(piece):
                    ended = isinstance(events[-1], End)
                    if ended:
                        self._let_go(whole=True)
                    yield events
                    if ended:
                        return
            events = self._reader.finish()
            if not events or not isinstance(events[-1], End):
                raise UpstreamUnavailable("The model server ended its answer early.")
            self._let_go(whole=True)
            yield events
        finally:
            self._let_go(whole=False)

    async def close(self) -> None:
        self._let_go(whole=False)

    async def _next_piece(self) -> bytes:
        if self._connection is None:
            raise UpstreamUnavailable("The answer was closed.")
        piece = await self._connection.next_piece()
        self._left -= len(piece)
        if self._left < 0:
            raise UpstreamUnavailable("The model server's answer is too long.")
        return piece

    def _let_go(self, *, whole: bool) -> None:
        """Once: a moment later the connection may carry the answer to somebody else."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._server.let_go(connection, whole=whole)


class Upstreams:
    """`engines.UpstreamDoor` over all configured upstreams. `run` beside it, and `close` at the end."""

    def __init__(
        self, upstreams: Sequence[Upstream], limits: Limits, wires: Mapping[str, Wire] = WIRES
    ) -> None:
        """Reads keys and certificates, so make it in a thread. Raises ConfigInvalid, all problems told."""
        self._limits = limits
        self._wires = wires
        self._groups = _groups(upstreams, limits)
        self._configured = configured(tuple(self._groups.values()))
        self._table: Mapping[str, Served] = self._configured
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Upstreams: {len(self._groups)} serving {len(self._table)} models>"

    def names(self) -> Sequence[str]:
        return tuple(self._table)

    def routes(self, model: str) -> Sequence[UpstreamRoute]:
        served = self._table.get(model, ())
        if len(served) < 2:
            return tuple(route for _, route in served)
        now = asyncio.get_running_loop().time()
        ranks = [group.rank(now) for group, _ in served]
        return tuple(route for _, route in best_first(served, ranks, self._next_turn()))

    async def open(self, route: UpstreamRoute, request: UpstreamRequest) -> Answer:
        """Raises UpstreamUnavailable, UpstreamTimeout or UpstreamRefused. Cancelling closes the connection.

        The upstream's servers are asked one after the other, as long as none has begun. An answer that is not
        plainly what was asked for is no answer.
        """
        wire = self._wires[request.wire]
        failed: SluicegateError = UpstreamUnreached("No server has this model now.")
        now = asyncio.get_running_loop().time()
        for server in self._groups[route.upstream].in_order(route.model, self._next_turn(), now):
            try:
                return await self._open_at(server, wire, request)
            except (UpstreamUnreached, UpstreamBusy) as error:
                failed = error
        raise failed

    async def run(self) -> None:
        """Look after every server until cancelled."""
        async with asyncio.TaskGroup() as group:
            for server in self._servers():
                group.create_task(self._watch(server))

    async def refresh(self) -> dict[str, str]:
        """Ask every server now. Gives what `status` does.

        An upstream without a table of its own gets one: it is known by the names that its servers list.
        """
        async with asyncio.TaskGroup() as group:
            for server in self._servers():
                group.create_task(server.check())
        self._learn()
        return self.status()

    def status(self) -> dict[str, str]:
        """What kept each server from being ready when it was last asked, by its name; nothing if it is."""
        return {server.name: server.problem for server in self._servers()}

    def cut_off(self) -> list[str]:
        """The upstreams of which no server is ready, unless others that are serve all their models."""
        ready = {name for name, group in self._groups.items() if group.ready()}
        return [
            name
            for name, group in self._groups.items()
            if name not in ready and not self._replaced(group, ready)
        ]

    async def close(self) -> None:
        for server in self._servers():
            await server.close()

    async def _watch(self, server: Server) -> None:
        while True:
            await asyncio.sleep(server.pause_s)
            await server.check()
            self._learn()

    async def _open_at(self, server: Server, wire: Wire, request: UpstreamRequest) -> Answer:
        connection, head = await server.post(wire, request)
        try:
            check(head, wire.stream_type if request.stream else JSON)
        except SluicegateError as error:
            server.let_go(connection, whole=isinstance(error, UpstreamRefused))
            raise
        return Answer(server, connection, wire.reader(request.stream), self._limits.answer_bytes)

    def _replaced(self, group: Group, ready: set[str]) -> bool:
        routes = [self._table[model] for model in group.upstream.models]
        return bool(routes) and all(any(route.upstream in ready for _, route in served) for served in routes)

    def _servers(self) -> list[Server]:
        return [server for group in self._groups.values() for server in group.servers]

    def _learn(self) -> None:
        self._table = with_listed(self._configured, tuple(self._groups.values()))

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn


def _groups(upstreams: Sequence[Upstream], limits: Limits) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    problems: list[str] = []
    for upstream in upstreams:
        if upstream.name in groups:
            problems.append("upstreams: two have the same name")
        try:
            groups[upstream.name] = _group(upstream, limits)
        except ConfigInvalid as invalid:
            problems += invalid.problems
    if problems:
        raise ConfigInvalid(problems)
    return groups


def _group(upstream: Upstream, limits: Limits) -> Group:
    targets = [target_of(url, upstream.name) for url in (upstream.url, *upstream.replicas)]
    credentials = Credentials(upstream, tls=any(target.tls for target in targets))
    return Group(upstream, tuple(Server(upstream, target, credentials, limits) for target in targets))
