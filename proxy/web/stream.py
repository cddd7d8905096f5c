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
        self,
        request: web.BaseRequest,
        content_type: str,
        headers: Mapping[str, str],
        comment: bytes,
        warm_s: float = WARM_S,
    ) -> None:
        self._request = request
        self._response = web.StreamResponse(headers=headers)
        self._response.content_type = content_type
        self._response.headers["Cache-Control"] = "no-cache"
        self._response.headers["X-Accel-Buffering"] = "no"  # nginx in between would hold the stream back
        self._comment = comment
        self._warm_s = warm_s
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._warming: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(warm_s, self._look) if comment else None

    @property
    def begun(self) -> bool:
        return self._response.prepared

    async def send(self, piece: bytes) -> None:
        """Raises ConnectionError when the caller has gone.

        A piece is whole events, so that a comment can stand before and behind it: each is handed to the
        transport in one go, and only then waited for.
        """
        if not self._response.prepared:
            await self._response.prepare(self._request)
        await self._response.write(piece)
        self._last = self._loop.time()

    async def end(self) -> web.StreamResponse:
        await self.rest()
        if not self._response.prepared:
            await self._response.prepare(self._request)
        await self._response.write_eof()
        return self._response

    async def rest(self) -> None:
        """No comments from here on. Leaves nothing running, however the stream ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        warming, self._warming = self._warming, None
        if warming is not None:
            warming.cancel()
            await asyncio.wait([warming])  # unlike awaiting it, this tells its cancellation from our own
            if not warming.cancelled():
                warming.result()  # a fault of ours in it must not be lost

    def _look(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= self._warm_s:
            silent = 0.0
            if self._warming is None or self._warming.done():
                self._warming = self._loop.create_task(self._warm())
        self._timer = self._loop.call_later(self._warm_s - silent, self._look)

    async def _warm(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever awaits the answer learns it, too
            await self.send(self._comment)
