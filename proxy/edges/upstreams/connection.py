"""One connection to an inference server: one request at a time, and the pieces of its answer.

No task and no timer of its own: whoever reads the answer is woken by the bytes, and silence is found by the
pool's sweep (`pool.py`). A connection whose answer was not read to its very end is never used again.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal, cast

from proxy.edges.upstreams.framing import Framing, Head
from proxy.errors import UpstreamTimeout, UpstreamUnavailable

KEEP_ALIVE_S: Final = 4.0
"""Idle connections are dropped before the server drops them: uvicorn (vLLM) and llama.cpp do so after 5 s,
and a request that meets a closing connection is lost, because it must not be sent twice."""

SETTLE_S: Final = 0.25
SETTLE_BYTES: Final = 64 * 1024
"""What an answer that is whole to its reader may still take, in time and size, until its connection is closed
instead of kept: the last chunk of a stream often comes a moment after `[DONE]`."""

REST_S: Final = 0.05
"""After a stream: llama.cpp promises `Keep-Alive` and closes a moment later; a request then would be lost."""

HIGH_WATER: Final = 64 * 1024
"""Bytes that may wait for a slow reader before the server is made to wait: some hundred tokens."""

SLICE: Final = 64 * 1024
"""Of a body, written at once: more would only be copied into the transport's own buffer."""


class Connection(asyncio.Protocol):
    """`ask`, then `next_piece` until it is empty, then `release`; the latter whatever happens.

    `on_free` is told when it may be used again; `on_lost`, once or twice, when nothing is left of it.
    """

    __slots__ = (
        "_failure", "_framing", "_full", "_held", "_loop", "_lost", "_on_free", "_on_lost", "_paused",
        "_since", "_state", "_transport", "_unsent", "_waiter",
    )  # fmt: skip

    def __init__(
        self, on_free: Callable[["Connection"], None], on_lost: Callable[["Connection"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_free = on_free
        self._on_lost = on_lost
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._state: Literal["new", "idle", "asked", "settling", "resting", "closed"] = "new"
        self._since = self._loop.time()  # when the last byte moved, or the state began
        self._failure: UpstreamUnavailable | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._held = 0
        self._paused = False  # we do not read
        self._full = False  # the server does not
        self._unsent = False

    def __repr__(self) -> str:
        return f"<Connection {self._state}>"

    async def ask(self, head: bytes, body: bytes) -> Head:
        """Send a request; the head of its answer. Raises UpstreamUnavailable or UpstreamTimeout."""
        self._state = "asked"
        self._since = self._loop.time()
        self._framing.begin()
        self._held = 0
        await self._write(head, body)
        while (answered := self._framing.head) is None:
            await self._news()
        return answered

    async def next_piece(self) -> bytes:
        """What has come of the body, or nothing at its end. Raises as `ask`."""
        pieces = self._framing.pieces
        while not pieces:
            if self._framing.complete:
                return b""
            await self._news()
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused:
            self._resume()
        return piece

    async def read(self, limit: int) -> bytes:
        """The rest, up to `limit` bytes. Raises as `ask`, and UpstreamUnavailable for more."""
        body = b""
        while piece := await self.next_piece():
            body += piece
            if len(body) > limit:
                raise UpstreamUnavailable("The model server's answer is too long.")
        return body

    def release(self, *, whole: bool = False) -> None:
        """Nobody will read on. `whole`: nothing is missing, so that the little that is left may be let go by.

        What is not whole is closed at once, so that the model stops working.
        """
        if self._state != "asked":
            return
        if not whole or self._unsent or self._failure is not None:
            self.close()
        elif self._framing.complete:
            self._finish()
        else:
            self._begin_to_settle()

    def close(self) -> None:
        """Now, and whatever it is doing."""
        self._state = "closed"
        self._fail(UpstreamUnavailable("The connection to the model server was closed."))
        self._on_lost(self)  # uvloop tells nobody when a connection is given up while it is made

    def usable(self, now: float) -> bool:
        """Whether it can take a request."""
        transport = self._transport
        return (
            self._state == "idle"
            and transport is not None
            and not transport.is_closing()
            and now - self._since < KEEP_ALIVE_S
        )

    @property
    def settling(self) -> bool:
        """Whether nobody waits for it, and nobody can have it yet."""
        return self._state in ("settling", "resting")

    def sweep(self, now: float, silence_s: float) -> None:
        """Called now and then: end what has been silent or idle for too long. Not what is still being made:
        that has a time of its own."""
        quiet = now - self._since
        if self._state == "asked":
            if quiet > silence_s and not self._paused and not self._framing.complete:
                self._fail(UpstreamTimeout("The model server was silent for too long."))
        elif (self._state == "idle" and quiet > KEEP_ALIVE_S) or (self.settling and quiet > SETTLE_S):
            self.close()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its type
        if self._state == "closed":  # given up while it was made
            self._transport.abort()
            return
        self._state = "idle"
        self._since = self._loop.time()

    def data_received(self, data: bytes) -> None:
        if self._state == "settling":
            self._settle(data)
            return
        if self._state != "asked":
            self.close()  # nobody asked
            return
        self._since = self._loop.time()
        try:
            self._framing.feed(data)
        except UpstreamUnavailable as error:
            self._fail(error)
            return
        self._held += len(data)
        if self._framing.complete:
            if not self._framing.keep and self._transport is not None:
                self._transport.abort()  # all that was asked for is here
        elif self._held > HIGH_WATER and not self._paused:
            self._pause()
        self._wake()

    def eof_received(self) -> None:
        """The transport closes itself then."""

    def connection_lost(self, exc: Exception | None) -> None:
        try:
            self._framing.eof(clean=exc is None)
        except UpstreamUnavailable as error:
            self._fail(error)
        if self._state != "asked":
            self._state = "closed"
        self._wake()
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._since = self._loop.time()
        self._wake()

    # Inside.

    async def _write(self, head: bytes, body: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            raise UpstreamUnavailable("The connection to the model server is closed.")
        if len(body) <= SLICE:
            transport.write(head + body)
            return
        transport.write(head)
        self._unsent = True
        rest = memoryview(body)
        while rest:
            while self._full:
                if self._framing.head is not None:
                    return  # the server has made up its mind; it need not hear the rest
                await self._news()
            transport.write(rest[:SLICE])
            rest = rest[SLICE:]
        self._unsent = False

    async def _news(self) -> None:
        """Wait until something has happened. Raises what has failed."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: UpstreamUnavailable) -> None:
        """The first failure is the one that is told."""
        self._failure = self._failure or error
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _begin_to_settle(self) -> None:
        self._state = "settling"
        self._since = self._loop.time()
        self._framing.pieces.clear()
        self._held = 0
        if self._paused:
            self._resume()

    def _settle(self, received: bytes) -> None:
        self._held += len(received)
        try:
            self._framing.feed(received)
        except UpstreamUnavailable:
            self.close()
            return
        self._framing.pieces.clear()
        if self._framing.complete:
            self._finish()
        elif self._held > SETTLE_BYTES:
            self.close()

    def _finish(self) -> None:
        """The answer has come to its end, and so has whoever read it."""
        transport = self._transport
        if not self._framing.keep or transport is None or transport.is_closing():
            self.close()
            return
        self._framing.pieces.clear()
        self._held = 0
        self._since = self._loop.time()
        if self._paused:
            self._resume()
        if self._framing.chunked:
            self._state = "resting"
            self._loop.call_later(REST_S, self._rested)
        else:
            self._free()

    def _rested(self) -> None:
        """Once, and only if nothing came meanwhile: else two callers could be given one connection."""
        if self._state == "resting":
            self._free()

    def _free(self) -> None:
        self._state = "idle"
        self._on_free(self)

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        self._since = self._loop.time()  # we were silent, not the server
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
