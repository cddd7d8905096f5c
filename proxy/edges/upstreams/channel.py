"""The connections to one upstream: aiohttp's client, kept on a short leash. Foreign errors stop here.

A connection is re-used only after its answer was read to the end; a cancelled or abandoned one is closed, so
no caller can ever read the rest of another's answer. Which upstream and what the bytes mean is `upstream.py`.
"""

import asyncio
import io
from collections.abc import Mapping
from functools import partial
from typing import Final

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import _EXC_SENTINEL as _NO_CAUSE
from aiohttp.http_exceptions import HttpProcessingError

from proxy.edges.upstreams.target import Target
from proxy.errors import UpstreamTimeout, UpstreamUnavailable, UpstreamUnreached
from proxy.settings import Upstream
from proxy.wire import http_rules

KEEP_ALIVE_S: Final = 4.0
"""Idle connections are dropped before the server drops them: uvicorn (vLLM) and llama.cpp do so after 5 s,
and a request that meets a closing connection is lost, because it must not be sent twice."""

SETTLE_S: Final = 0.25
SETTLE_BYTES: Final = 64 * 1024
"""What an answer may still take, in time and size, until its connection is closed instead of kept."""

_READ_BUFFER: Final = 64 * 1024  # a read hands over up to twice this; more would only wait here
_LARGE: Final = 1024 * 1024  # from here on aiohttp wants bodies as files, and sends them in pieces
_FOREIGN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError)


class Reply:
    """The head of an answer, and its body piece by piece."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.content_type = response.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        self.content_coding = response.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()

    async def next_piece(self) -> bytes:
        """What has come, or nothing at the end. Raises UpstreamUnavailable, or UpstreamTimeout if silent."""
        try:
            return await self._response.content.readany()
        except _FOREIGN as error:
            raise _translated(error) from None

    async def read(self, limit: int) -> bytes:
        """The rest, up to `limit` bytes. Raises as `next_piece`, and UpstreamUnavailable for more."""
        body = b""
        while piece := await self.next_piece():
            body += piece
            if len(body) > limit:
                raise UpstreamUnavailable("The model server's answer is too long.")
        return body

    async def settle(self) -> None:
        """Read what little may be left, so that the connection can be kept; close it if there is more."""
        left = SETTLE_BYTES
        try:
            async with asyncio.timeout(SETTLE_S):
                while left > 0 and (piece := await self.next_piece()):
                    left -= len(piece)
        except (TimeoutError, UpstreamUnavailable):
            pass  # then it is closed, as below
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end: then it is in the pool already."""
        self._response.close()


class Channel:
    """`start` before use and `close` at the end."""

    def __init__(self, upstream: Upstream, target: Target, connections: int) -> None:
        self._target = target
        self._connections = connections
        self._connect_s = upstream.connect_s
        self._silence_s = upstream.silence_s
        self._headers = http_rules.upstream_headers("sluicegate", target.key)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"<Channel to {self._target.base}>"

    def start(self) -> None:
        """In the running loop. Nothing is connected yet."""
        self._session = aiohttp.ClientSession(
            connector=self._connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._connect_s,
                sock_connect=self._connect_s,
                sock_read=self._silence_s,
            ),
            headers=self._headers,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(
                0
            )  # a transport lets go of its socket one turn of the loop after it is closed

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises UpstreamUnavailable or UpstreamTimeout.

        A connection that could not be made is tried once more: nothing has been sent then. Whatever happens
        later is not repeated, since the model may be at work already.
        """
        try:
            return await self._post(path, body, headers)
        except aiohttp.ClientConnectorError:
            pass
        except _FOREIGN as error:
            raise _translated(error) from None
        try:
            return await self._post(path, body, headers)
        except _FOREIGN as error:
            raise _translated(error) from None

    async def get_models(self, seconds: float) -> Reply:
        """Raises UpstreamUnavailable, also when the head takes longer than so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return Reply(await self._open().get(self._target.url("/v1/models"), allow_redirects=False))
        except _FOREIGN as error:
            raise _translated(error) from None

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        payload = io.BytesIO(body) if len(body) > _LARGE else body
        return Reply(
            await self._open().post(
                self._target.url(path), data=payload, headers=headers, allow_redirects=False
            )
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise UpstreamUnavailable("The way to the model server is not open.")
        return self._session

    def _connector(self) -> aiohttp.BaseConnector:
        """As many connections as exchanges: more are never needed, and fewer would make exchanges wait."""
        connector: aiohttp.BaseConnector
        if self._target.socket is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE_S)
        else:
            path = self._target.socket
            connector = aiohttp.UnixConnector(path, limit=self._connections, keepalive_timeout=KEEP_ALIVE_S)
        connector._factory = partial(_Wire, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # noqa: SLF001
        return connector


class _Wire(ResponseHandler):
    """aiohttp's connection, which forgets to tell the body's reader when the body's framing is broken: the
    reader would wait for ever, without even the time-out for silence."""

    def set_exception(self, exc: BaseException, exc_cause: BaseException = _NO_CAUSE) -> None:
        body = self._payload
        super().set_exception(exc, exc_cause)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(exc)


def _translated(error: Exception) -> UpstreamUnavailable:
    """Without the foreign message, which may quote addresses or the answer."""
    if isinstance(error, aiohttp.SocketTimeoutError):
        return UpstreamTimeout("The model server was silent for too long.")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return UpstreamUnreached("The model server cannot be reached.")
    return UpstreamUnavailable("The model server ended the connection early.")
