"""The upstreams: which one serves a model, and its answers as events, bounded and never trusted with a word.

Names are looked up byte-exact in our own tables; a caller can choose among them and nothing else. How bytes
travel is `channel.py`, what they mean is the wire's reader (`proxy.wire.registers`).
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson

from proxy.edges.upstreams.channel import Channel, Reply
from proxy.edges.upstreams.target import target_of
from proxy.engines import UpstreamRoute
from proxy.errors import ConfigInvalid, UpstreamRefused, UpstreamUnavailable
from proxy.exchange import AnswerEvent, End
from proxy.settings import Limits, Upstream
from proxy.wire.dialect import JSON, AnswerReader, UpstreamRequest
from proxy.wire.registers import WIRES

PROBE_S: Final = 2.0  # a server that does not list its models in this time is not ready to answer either
_LIST_BYTES: Final = 1024 * 1024  # a list of models; thousands fit
_NAME: Final = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True, slots=True)
class Served:
    """Where a model is served, and the name it has there."""

    upstream: Upstream
    model: str


class Answer:
    """An answer that has begun. Read `events` once; `close` it whatever happens."""

    def __init__(self, reply: Reply, reader: AnswerReader, limit: int) -> None:
        self._reply = reply
        self._reader = reader
        self._left = limit

    @property
    def dropped(self) -> Mapping[str, int]:
        return self._reader.dropped

    async def events(self) -> AsyncGenerator[Sequence[AnswerEvent], None]:
        """Raises UpstreamUnavailable for an answer that is cut short, too long or not an answer."""
        try:
            while piece := await self._reply.next_piece():
                self._left -= len(piece)
                if self._left < 0:
                    raise UpstreamUnavailable("The model server's answer is too long.")
                if events := self._reader.feed(piece):
                    yield events
                    if isinstance(events[-1], End):
                        await self._reply.settle()
                        return
            events = self._reader.finish()
            if not events or not isinstance(events[-1], End):
                raise UpstreamUnavailable("The model server ended its answer early.")
            yield events
        finally:
            self._reply.close()

    async def close(self) -> None:
        self._reply.close()


class Upstreams:
    """`engines.UpstreamDoor` over all configured upstreams. `start` before use and `close` at the end."""

    def __init__(self, upstreams: Sequence[Upstream], limits: Limits) -> None:
        """Reads key files. Raises ConfigInvalid with every problem."""
        self._limits = limits
        self._configured = _configured(upstreams)
        self._served: Mapping[str, Served] = self._configured
        self._channels: dict[str, Channel] = {}
        self._upstreams = tuple(upstreams)
        problems: list[str] = []
        for upstream in upstreams:
            try:
                self._channels[upstream.name] = Channel(upstream, target_of(upstream), limits.exchanges)
            except ConfigInvalid as invalid:
                problems += invalid.problems
        if problems:
            raise ConfigInvalid(problems)

    def __repr__(self) -> str:
        return f"<Upstreams: {len(self._channels)} serving {len(self._served)} models>"

    async def start(self) -> None:
        for channel in self._channels.values():
            channel.start()

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    def names(self) -> Sequence[str]:
        return tuple(self._served)

    def routes(self, model: str) -> Sequence[UpstreamRoute]:
        served = self._served.get(model)
        if served is None:
            return ()
        upstream = served.upstream
        return (UpstreamRoute(upstream.name, served.model, upstream.residency, upstream.speaks),)

    async def open(self, route: UpstreamRoute, request: UpstreamRequest) -> Answer:
        """Raises UpstreamUnavailable, UpstreamTimeout or UpstreamRefused. Cancelling closes the connection.

        An answer that is not plainly what was asked for is no answer.
        """
        wire = WIRES[request.wire]
        channel = self._channels[route.upstream]
        accept = wire.stream_type if request.stream else JSON
        path = wire.stream_path if request.stream and wire.stream_path else wire.path
        reply = await channel.post(path, request.body, {**wire.headers, "accept": accept})
        try:
            _check(reply, accept)
        except UpstreamRefused:
            await reply.settle()
            raise
        except UpstreamUnavailable:
            reply.close()
            raise
        return Answer(reply, wire.reader(request.stream), self._limits.answer_bytes)

    async def probe(self) -> bool:
        """Whether every upstream is ready, asked now. Not for the path of an exchange."""
        return all((await self.refresh()).values())

    async def refresh(self) -> dict[str, bool]:
        """Ask every upstream for its models: which are ready, by name.

        An upstream without a table of its own gets one: it is known by the names that it lists. A name in a
        configured table, or of an upstream that stands earlier, is never taken over.
        """
        lists = await asyncio.gather(*(self._list(upstream) for upstream in self._upstreams))
        learned: dict[str, Served] = dict(self._configured)
        for upstream, names in zip(self._upstreams, lists, strict=True):
            if not upstream.models:
                for name in names if names is not None else self._known_of(upstream):
                    learned.setdefault(name, Served(upstream, name))
        self._served = MappingProxyType(learned)
        return {one.name: names is not None for one, names in zip(self._upstreams, lists, strict=True)}

    def _known_of(self, upstream: Upstream) -> list[str]:
        return [name for name, served in self._served.items() if served.upstream is upstream]

    async def _list(self, upstream: Upstream) -> list[str] | None:
        """The names an upstream lists; None when it does not answer as it should."""
        try:
            reply = await self._channels[upstream.name].get_models(PROBE_S)
            try:
                _check(reply, JSON)
                async with asyncio.timeout(PROBE_S):
                    return _names(await reply.read(_LIST_BYTES))
            finally:
                reply.close()
        except (UpstreamUnavailable, UpstreamRefused, TimeoutError):
            return None


def _configured(upstreams: Sequence[Upstream]) -> Mapping[str, Served]:
    table: dict[str, Served] = {}
    problems = []
    if len({upstream.name for upstream in upstreams}) < len(upstreams):
        problems.append("upstreams: two have the same name")
    for upstream in upstreams:
        for name, model in upstream.models.items():
            if name in table:
                problems.append(f"upstreams: {upstream.name}: models: {name!r} is served elsewhere")
            table[name] = Served(upstream, model)
    if problems:
        raise ConfigInvalid(problems)
    return MappingProxyType(table)


def _check(reply: Reply, content_type: str) -> None:
    if 300 <= reply.status < 400:
        raise UpstreamUnavailable("The model server redirects, and redirects are not followed.")
    if reply.status != 200:
        raise UpstreamRefused(reply.status)
    if reply.content_type != content_type:
        raise UpstreamUnavailable("The model server's answer is of another type than was asked for.")
    if reply.content_coding != "identity":
        raise UpstreamUnavailable("The model server's answer is compressed, which was not asked for.")


def _names(body: bytes) -> list[str]:
    """From an OpenAI list of models. Raises UpstreamUnavailable."""
    try:
        names = [entry["id"] for entry in orjson.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        raise UpstreamUnavailable("The model server's list of models is malformed.") from None
    return [name for name in names if isinstance(name, str) and _NAME.fullmatch(name)]
