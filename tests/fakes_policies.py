"""Stand-ins for an OPA server, and an engine that a test holds in its hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from proxy.errors import EngineUnavailable
from proxy.verdict import Action, Decision

ALLOW: dict[str, Any] = {"action": "allow", "findings": [], "obligations": {}}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def scripted_opa(handler: Handler) -> AsyncIterator[str]:
    """A server on loopback that answers each question as the test says. Gives its URL."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def answering(body: Any, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        text = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(body=text, status=status, content_type="application/json")

    return handler


class HandEngine:
    """Decides at once, tells who decided by its revision, and dies or fails when the test says so."""

    def __init__(self, revision: str, *, pure: bool = True) -> None:
        self.revision = revision
        self.pure = pure
        self.asked: list[bytes] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.died = asyncio.Event()
        self.closed = False
        self.restarts = 0
        self.failing = False

    async def decide_bytes(self, document: bytes) -> Decision:
        self.asked.append(document)
        await self.hold.wait()
        if self.failing:
            raise EngineUnavailable("The engine is away.")
        return Decision(Action.ALLOW, revision=self.revision)

    async def ended(self) -> None:
        await self.died.wait()

    async def restart(self) -> None:
        self.restarts += 1
        self.died.clear()

    async def close(self) -> None:
        self.closed = True
