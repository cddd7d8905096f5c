"""One streamed answer on its way to a caller: its head, its pieces, and a comment after each silence."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from aiohttp import web

WARM_S: Final = 10.0
"""After so much silence a stream gets a comment: proxies on the way to a caller wait for a minute or less."""


class Stream:
    """Made when the answer may begin; its head leaves with the first piece or comment. A timer, no task,
    watches the silence. `comment` may be empty: then there is no word for it, and the silence stays."""

    def __init__(
        self, request: web.BaseRequest, content_type: str, headers: Mapping[str, str], comment: bytes
    ) -> None:
        self._request = request
        self._response = web.StreamResponse(headers=headers)
        self._response.content_type = content_type
        self._response.headers["Cache-Control"] = "no-cache"
        self._response.headers["X-Accel-Buffering"] = "no"  # nginx in between would hold the stream back
        self._comment = comment
        self._one_at_a_time = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._warming: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(WARM_S, self._look) if comment else None

    @property
    def begun(self) -> bool:
        return self._response.prepared

    async def send(self, piece: bytes) -> None:
        """Raises ConnectionError when the caller has gone."""
        async with self._one_at_a_time:
            if not self._response.prepared:
                await self._response.prepare(self._request)
            await self._response.write(piece)
        self._last = self._loop.time()

    async def end(self) -> web.StreamResponse:
        await self.rest()
        async with self._one_at_a_time:
            if not self._response.prepared:
                await self._response.prepare(self._request)
            await self._response.write_eof()
        return self._response

    async def rest(self) -> None:
        """No comments from here on. Leaves nothing running, however the stream ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._warming is not None:
            self._warming.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await self._warming
            self._warming = None

    def _look(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= WARM_S:
            silent = 0.0
            if self._warming is None or self._warming.done():
                self._warming = self._loop.create_task(self._warm())
        self._timer = self._loop.call_later(WARM_S - silent, self._look)

    async def _warm(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever awaits the answer learns it, too
            await self.send(self._comment)
