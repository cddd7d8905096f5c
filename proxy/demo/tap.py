"""Reads what a model server really receives: a relay on the loopback that keeps the bodies of the requests.

Bytes pass unchanged in both directions. A request that cannot be followed ends its connection, because a
request that the tap did not see must not reach the model either. For the demo and the tests, never in front
of anything else: it keeps content.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

HEAD_BYTES = 64 * 1024
BODY_BYTES = 8 * 1024 * 1024  # twice what the proxy takes of a caller
BODIES = 256  # the tour sends about twenty
_CHUNK = 64 * 1024


class Untappable(ValueError):
    """The bytes are no HTTP/1.1 request that the tap can follow."""


class BodyCutter:
    """Bytes of one connection in, the bodies of its requests out, however the network cuts them."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._length: int | None = None

    def feed(self, received: bytes) -> list[bytes]:
        """Bodies that are whole now, without those of length zero. Raises Untappable."""
        self._seen += received
        bodies = []
        while (body := self._next()) is not None:
            if body:
                bodies.append(body)
        return bodies

    def _next(self) -> bytes | None:
        if self._length is None:
            end = self._seen.find(b"\r\n\r\n")
            if end < 0:
                if len(self._seen) > HEAD_BYTES:
                    raise Untappable("the head of a request is too long")
                return None
            self._length = _body_length(bytes(self._seen[:end]))
            del self._seen[: end + 4]
        if len(self._seen) < self._length:
            return None
        body = bytes(self._seen[: self._length])
        del self._seen[: self._length]
        self._length = None
        return body


def _body_length(head: bytes) -> int:
    """The proxy and every client in the tour say how long their bodies are; others cannot be followed."""
    names = [line.partition(b":")[::2] for line in head.split(b"\r\n")[1:]]
    headers = [(name.strip().lower(), value.strip()) for name, value in names]
    if any(name in (b"transfer-encoding", b"upgrade") for name, _ in headers):
        raise Untappable("the request does not say how long its body is")
    lengths = {value for name, value in headers if name == b"content-length"} or {b"0"}
    told = lengths.pop()
    if lengths or not told.isdigit() or int(told) > BODY_BYTES:
        raise Untappable("the request's length cannot be followed")
    return int(told)


class Tap:
    """`url` stands where the server's own did. `bodies()` are the last ones, oldest first."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._bodies: deque[bytes] = deque(maxlen=BODIES)
        self._open: dict[asyncio.Task[None] | None, tuple[asyncio.StreamWriter, ...]] = {}
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def start(cls, upstream: str) -> AsyncIterator[Self]:
        tap = cls(upstream)
        server = await asyncio.start_server(tap._serve, "127.0.0.1", 0)
        tap.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield tap
        finally:
            server.close()
            await tap._hang_up()

    def bodies(self) -> list[bytes]:
        return list(self._bodies)

    def __repr__(self) -> str:
        return f"<Tap with {len(self._bodies)} bodies>"

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_close, answers)
            try:
                server, requests = await asyncio.open_connection(self._host, self._port)
            except OSError:
                return
            stack.push_async_callback(_close, requests)
            task = asyncio.current_task()
            self._open[task] = (answers, requests)
            stack.callback(self._open.pop, task)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_relay(client, requests, self._keep_from(BodyCutter())))
                    group.create_task(_relay(server, answers, lambda _: None))
            except* (OSError, Untappable):
                pass  # either side hung up, or is not to be followed: both ends are closed

    async def _hang_up(self) -> None:
        """A connection ends when its ends are gone: nothing has to be cancelled."""
        for ends in self._open.values():
            for end in ends:
                end.transport.abort()
        await asyncio.gather(*(task for task in self._open if task is not None))

    def _keep_from(self, cutter: BodyCutter) -> Callable[[bytes], None]:
        return lambda received: self._bodies.extend(cutter.feed(received))


async def _close(end: asyncio.StreamWriter) -> None:
    end.close()
    with suppress(OSError):  # it was gone already
        await end.wait_closed()


async def _relay(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, look: Callable[[bytes], None]
) -> None:
    """Until the source ends. What is seen is looked at before it goes on."""
    while received := await source.read(_CHUNK):
        look(received)
        target.write(received)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
