"""The OpenAI door: `/v1/chat/completions` and `/v1/models`. Everything else is not a route and is refused."""

from collections.abc import Sequence

from aiohttp import web

from proxy.conductor import Conductor, Reply
from proxy.engines import Clock, IdentityProvider
from proxy.errors import SluicegateError, Unauthenticated
from proxy.exchange import Identity
from proxy.settings import Limits
from proxy.verdict import Action
from proxy.web.body import read_body
from proxy.web.front import Route
from proxy.wire import openai_answer, openai_request, strict_json

JSON = "application/json"
EVENTS = "text/event-stream"


class OpenAiDoor:
    def __init__(
        self, conductor: Conductor, identities: IdentityProvider, limits: Limits, clock: Clock
    ) -> None:
        self._conductor = conductor
        self._identities = identities
        self._limits = limits
        self._started = int(clock.now())

    def routes(self) -> Sequence[Route]:
        error_body = openai_answer.error_body
        return (
            Route("POST", "/v1/chat/completions", self.chat, error_body),
            Route("GET", "/v1/models", self.models, error_body),
        )

    async def models(self, request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
        identity = await self._identify(request)
        names = await self._conductor.visible_models(identity, openai_request.DIALECT)
        return web.Response(body=openai_answer.models_body(names, self._started), content_type=JSON)

    async def chat(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        identity = await self._identify(request)
        tree = strict_json.loads(await read_body(request, self._limits), depth=self._limits.json_depth)
        exchange = openai_request.parse(tree, exchange_id=request_id, limits=self._limits)
        writer = openai_answer.ChatWriter(exchange)
        if not exchange.stream:
            async with self._conductor.converse(identity, exchange) as reply:
                body = b"".join([out async for out in reply.stream(writer)])
                return web.Response(body=body, content_type=JSON, headers=_decision(reply))
        response = web.StreamResponse()
        try:
            async with self._conductor.converse(identity, exchange) as reply:
                async for out in reply.stream(writer):
                    if not response.prepared:
                        await _begin(response, request, reply)
                    await response.write(out)
        except SluicegateError as error:
            if not response.prepared:
                raise  # nothing was said yet: the caller gets a plain error with its status
            await response.write(writer.error(error, request_id))
        await response.write_eof()
        return response

    async def _identify(self, request: web.BaseRequest) -> Identity:
        values = request.headers.getall("Authorization", [])
        if len(values) > 1:
            raise Unauthenticated("More than one Authorization header was sent.")
        return await self._identities.identify(values[0] if values else None)


async def _begin(response: web.StreamResponse, request: web.BaseRequest, reply: Reply) -> None:
    response.content_type = EVENTS
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"  # nginx in between would hold the stream back
    response.headers.update(_decision(reply))
    await response.prepare(request)


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
