"""The admin side: alive (`/healthz`), ready (`/readyz`), figures (`/metrics`). Never on the callers' port."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
from aiohttp import web

from proxy.web.front import Route
from proxy.wire.openai_errors import error_body

Check = Callable[[], Awaitable[str | None]]
"""Gives None when all is well, else one sentence that says what is not."""


class Admin:
    def __init__(
        self,
        checks: Mapping[str, Check],
        figures: Callable[[], Awaitable[bytes]],
        about: Callable[[], Mapping[str, object]],
    ) -> None:
        self._checks = checks
        self._figures = figures
        self._about = about

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/healthz", self.healthz, error_body),
            Route("GET", "/readyz", self.readyz, error_body),
            Route("GET", "/metrics", self.metrics, error_body),
        )

    async def healthz(self, _request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
        return _json({"status": "ok"}, 200)

    async def readyz(self, _request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
        problems = {name: problem for name, check in self._checks.items() if (problem := await check())}
        status = "not ready" if problems else "ready"
        return _json({"status": status, "problems": problems, **self._about()}, 503 if problems else 200)

    async def metrics(self, _request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
        return web.Response(
            body=await self._figures(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )


def _json(document: Mapping[str, object], status: int) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
