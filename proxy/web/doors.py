"""The doors for callers: one way from request to answer for every dialect.

What a dialect's bytes mean is `proxy.wire`; which dialects there are, its registers. A path that is not among
theirs, or among those of `lists.py`, is not a route.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from aiohttp import web

from proxy.conductor import Conductor, Reply
from proxy.engines import Clock, IdentityProvider
from proxy.errors import SluicegateError
from proxy.exchange import Exchange, Identity
from proxy.settings import Limits
from proxy.verdict import Action
from proxy.web.body import read_body
from proxy.web.credentials import credentials_of
from proxy.web.front import Route
from proxy.web.front_request import GateRequest
from proxy.web.lists import Lists
from proxy.web.stream import Stream
from proxy.wire import strict_json
from proxy.wire.dialect import JSON, Dialect, Writer


class Doors:
    """`default_models`: by dialect, for calls that name no model."""

    def __init__(
        self,
        conductor: Conductor,
        identities: IdentityProvider,
        limits: Limits,
        clock: Clock,
        default_models: Callable[[str], str | None],
    ) -> None:
        self._conductor = conductor
        self._identities = identities
        self._limits = limits
        self._default_model = default_models
        self._lists = Lists(conductor, self._identify, limits, int(clock.now()), default_models)

    def routes(self, dialects: Mapping[str, Dialect]) -> Sequence[Route]:
        return (
            *(
                Route("POST", path, partial(self._exchange, dialect), dialect.error_body)
                for dialect in dialects.values()
                for path in dialect.paths
            ),
            *self._lists.routes(),
        )

    async def _exchange(self, dialect: Dialect, request: GateRequest, request_id: str) -> web.StreamResponse:
        identity = await self._identify(request)
        body = strict_json.loads(await read_body(request, self._limits), depth=self._limits.json_depth)
        exchange = dialect.parse(
            body, exchange_id=request_id, limits=self._limits, model=self._default_model(dialect.name)
        )
        writer = dialect.writer(exchange)
        if exchange.stream:
            return await self._stream(dialect, request, identity, exchange, writer)
        async with self._conductor.converse(identity, exchange, lambda: request.stopping) as reply:
            whole = b"".join([out async for out in reply.stream(writer)])
            return web.Response(body=whole, content_type=JSON, headers=_decision(reply))

    async def _stream(
        self,
        dialect: Dialect,
        request: GateRequest,
        identity: Identity,
        exchange: Exchange,
        writer: Writer,
    ) -> web.StreamResponse:
        stream: Stream | None = None
        try:
            async with self._conductor.converse(identity, exchange, lambda: request.stopping) as reply:
                stream = Stream(request, dialect.stream_type, _decision(reply), dialect.comment)
                async for out in reply.stream(writer):
                    await stream.send(out)
        except SluicegateError as error:
            if stream is None or not stream.begun:
                raise  # nothing was said yet: the caller gets a plain error with its status
            await stream.send(writer.error(error, exchange.id))
        finally:
            if stream is not None:
                await stream.rest()
        return await stream.end()

    async def _identify(self, request: web.BaseRequest) -> Identity:
        return await self._identities.identify(credentials_of(request))


def _decision(reply: Reply) -> dict[str, str]:
    return decision_headers(reply.action, reply.rules)


def decision_headers(action: Action, rules: Sequence[str]) -> dict[str, str]:
    """Nothing for a plain allow; else the decision and the rules that made it."""
    if action is Action.ALLOW:
        return {}
    headers = {"x-sluicegate-decision": action.word}
    if rules:
        headers["x-sluicegate-rules"] = ", ".join(rules)
    return headers
