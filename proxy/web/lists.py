"""The doors that tell which models there are, to each family of clients in its own words.

Nobody learns of a model that the policies would not let them use, and nobody learns anything without saying
who they are. What the answers look like is `proxy.wire.listings`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from proxy import __version__
from proxy.conductor import Conductor
from proxy.exchange import Identity
from proxy.settings import Limits
from proxy.web.body import read_body
from proxy.web.front import Route
from proxy.web.front_request import GateRequest
from proxy.wire import listings, strict_json
from proxy.wire.dialect import JSON
from proxy.wire.ollama.writer import error_body as ollama_error
from proxy.wire.openai_errors import error_body as openai_error
from proxy.wire.tgi.writer import error_body as tgi_error

_MODELS: Final = "/v1/models"


class Lists:
    """`identify` tells who asks; `default_model` is the one of a dialect whose calls name none."""

    def __init__(
        self,
        conductor: Conductor,
        identify: Callable[[web.BaseRequest], Awaitable[Identity]],
        limits: Limits,
        started: int,
        default_model: Callable[[str], str | None],
    ) -> None:
        self._conductor = conductor
        self._identify = identify
        self._limits = limits
        self._started = started
        self._default_model = default_model

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", _MODELS, self._models, openai_error, query=True),  # how many a page: one holds all
            Route("GET", f"{_MODELS}/", self._model, openai_error, named=True),
            Route("GET", "/api/tags", self._tags, ollama_error),
            Route("POST", "/api/show", self._show, ollama_error),
            Route("GET", "/api/version", self._version, ollama_error),
            Route("GET", "/info", self._info, tgi_error),
        )

    async def _models(self, request: GateRequest, _request_id: str) -> web.StreamResponse:
        if "anthropic-version" in request.headers:
            names = await self._visible(request, "anthropic_messages")
            return _json(listings.anthropic_models(names, self._started))
        return _json(listings.openai_models(await self._visible(request, "openai_chat"), self._started))

    async def _model(self, request: GateRequest, _request_id: str) -> web.StreamResponse:
        name = unquote(request.raw_path.removeprefix(f"{_MODELS}/"))  # clients spell a slash as `%2F`, or not
        if "anthropic-version" in request.headers:
            seen = listings.visible(name, await self._visible(request, "anthropic_messages"))
            return _json(listings.anthropic_model(seen, self._started))
        seen = listings.visible(name, await self._visible(request, "openai_chat"))
        return _json(listings.openai_model(seen, self._started))

    async def _tags(self, request: GateRequest, _request_id: str) -> web.StreamResponse:
        return _json(listings.ollama_tags(await self._visible(request, "ollama_chat"), self._started))

    async def _show(self, request: GateRequest, _request_id: str) -> web.StreamResponse:
        names = await self._visible(request, "ollama_chat")
        body = strict_json.loads(await read_body(request, self._limits), depth=self._limits.json_depth)
        listings.visible(listings.shown_model(body), names)
        return _json(listings.ollama_show(self._started))

    async def _version(self, request: GateRequest, _request_id: str) -> web.StreamResponse:
        await self._identify(request)
        return _json(listings.ollama_version())

    async def _info(self, request: GateRequest, _request_id: str) -> web.StreamResponse:
        names = await self._visible(request, "tgi")
        return _json(listings.tgi_info(listings.visible(self._default_model("tgi"), names), __version__))

    async def _visible(self, request: web.BaseRequest, dialect: str) -> Sequence[str]:
        return await self._conductor.visible_models(await self._identify(request), dialect)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type=JSON)
