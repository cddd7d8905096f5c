"""One caller's TCP connection: aiohttp's request handler without its habits that a proxy cannot afford.

Here are the watch over slow and idle callers, the bound on a whole head, the cap on connections, and error
answers that quote nothing. Which request goes to which handler is `front.py`. The parts of aiohttp that are
overridden or read and are not public are pinned by tests/web/test_front_connection.py.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from proxy.errors import RateLimited, RequestInvalid, RequestTimeout, SluicegateError
from proxy.web.front_lobby import Lobby, peer_of
from proxy.web.front_request import GateRequest, speak_our_version
from proxy.wire.http_rules import REQUEST_ID

LONG_HEAD: Final = "The request's head is too long."

LINGER_S: Final = 2.0
"""After an early refusal the rest of the body is read and dropped for this long: closing on a caller that
still writes resets the connection, and the caller never sees why it was refused."""

READ_BUFFER: Final = 64 * 1024
"""aiohttp holds up to twice this of an unread body; its default of 256 KiB times all connections is 2 GiB."""


class Posture(Enum):
    """What a connection is doing, as far as waiting for it is concerned."""

    HEAD = "has begun to send a head, or has never sent one"
    IDLE = "waits for the next request"
    BUSY = "an exchange is running; its own limits apply"
    STALLED = "does not read what we send"
    LEAVING = "was closed by us, but not everything has been taken yet"


class Connection(RequestHandler):
    """`overdue` is asked about once a second by the front; nothing here sets a timer for a request."""

    __slots__ = (
        "_arriving",
        "_head_bytes",
        "_lobby",
        "_long_head",
        "_peer",
        "_posture",
        "_resumed",
        "_since",
        "_socket",
    )

    def __init__(
        self, server: web.Server, lobby: "Lobby[Connection]", loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's way to say none, though its types do not
            max_line_size=lobby.limits.header_bytes,
            max_field_size=lobby.limits.header_bytes,
            max_headers=lobby.limits.headers,
            keepalive_timeout=lobby.limits.idle_s
            + lobby.limits.header_s,  # a second net: the watch is quicker
            lingering_time=LINGER_S,
            read_bufsize=READ_BUFFER,
            auto_decompress=False,
        )
        self._lobby = lobby
        self._peer = ""
        self._socket: asyncio.Transport | None = None
        self._head_bytes = 0
        self._long_head = False
        self._arriving: StreamReader = EMPTY_PAYLOAD
        self._resumed = 0
        self._posture = (Posture.HEAD, 0)
        self._since = loop.time()

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        self._peer = peer_of(transport.get_extra_info("peername"))
        if self._lobby.crowd.admit(self, self._peer):
            super().connection_made(transport)
            return
        self._manager = None  # aiohttp then takes this connection for one that is already lost
        self._force_close = True
        self._say_and_close(RateLimited("Too many connections are open."), 503)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lobby.crowd.leave(self, self._peer)
        super().connection_lost(exc)
        self._socket = None

    def data_received(self, data: bytes) -> None:
        """Also called by aiohttp itself, with nothing, to go on with what the parser has kept."""
        requests = self._request_count
        arriving = self._arriving
        if arriving.is_eof():
            self._head_bytes += len(data)
        super().data_received(data)
        if self._request_count != requests:
            self._request_arrived(arriving)
        elif self._head_bytes > self._lobby.head_bound and not self._force_close:
            self._refuse_long_head()

    def resume_writing(self) -> None:
        self._resumed += 1
        super().resume_writing()

    # -- what aiohttp calls

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  both quote the head: neither is shown or logged
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """A head that the parser refused."""
        if status != RequestInvalid.status or request.writer.output_size > 0:
            raise ConnectionResetError("the answer was cut")
        self._lobby.malformed += 1
        refusal = RequestInvalid("The request is not well-formed HTTP/1.1.")
        body = self._lobby.error_body(refusal, cast(GateRequest, request).request_id)
        speak_our_version(request)
        answer = web.Response(status=status, body=body, content_type="application/json")
        answer.force_close()
        return answer

    def log_exception(self, *_args: Any, **kw: Any) -> None:
        """aiohttp would print the message and the traceback, and both may quote content."""
        fault = kw.get("exc_info")
        if isinstance(fault, RequestPayloadError):  # in the rest of a body that was refused already
            self._lobby.malformed += 1
        else:
            self._lobby.fault("connection_fault", fault)

    # -- what the front calls

    def head_is_too_long(self, request: GateRequest) -> bool:
        """Counted only if so much has come at once that it may be."""
        return self._long_head and request.head_bytes() > self._lobby.head_bound

    def overdue(self, now: float) -> bool:
        """Whether it has been in one posture for longer than that posture may last. `now`: loop time."""
        posture = self._look()
        mark = (posture, self._request_count + self._resumed)
        if mark != self._posture:
            self._posture, self._since = mark, now
        allowed = self._allowance(posture)
        return allowed is not None and now - self._since >= allowed

    def dismiss(self) -> None:
        """End a connection that is overdue: with a word after half a head, hard if nobody listens."""
        if self._posture[0] is Posture.HEAD and self._head_bytes:
            self._say_and_close(RequestTimeout("The request's head came too slowly."), RequestTimeout.status)
        elif self._posture[0] is Posture.IDLE or self._posture[0] is Posture.HEAD:
            self.force_close()
        else:
            self.abort()

    def retire(self) -> None:
        """While draining: close it if nothing is running on it."""
        if self._look() in {Posture.IDLE, Posture.HEAD}:
            self.force_close()

    def cut(self) -> None:
        """Cancel the exchange that runs on it; the exchange's own last words still get out."""
        if self._task_handler is not None:
            self._task_handler.cancel()

    def abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    # -- the parts

    def _look(self) -> Posture:
        if self._socket is None or self.transport is None or self._socket.is_closing():
            return Posture.LEAVING
        if self.writing_paused:
            return Posture.STALLED
        if self._waiter is None or self._waiter.done():
            return Posture.BUSY
        return Posture.HEAD if self._head_bytes or not self._request_count else Posture.IDLE

    def _allowance(self, posture: Posture) -> float | None:
        """Seconds. Leaving is as short as a head: by then everything has been said."""
        limits = self._lobby.limits
        match posture:
            case Posture.BUSY:
                return None
            case Posture.STALLED:
                return limits.stall_s
            case Posture.IDLE:
                return limits.idle_s
            case _:
                return limits.header_s

    def _refuse_long_head(self) -> None:
        """In the middle of an answer there is no place for a word."""
        self._lobby.malformed += 1
        if self._look() is Posture.HEAD:
            self._say_and_close(RequestInvalid(LONG_HEAD), RequestInvalid.status)
        else:
            self.abort()

    def _request_arrived(self, previous: StreamReader) -> None:
        """Remember the newest request's body. If the parser gave up inside a body, tell the body's reader:
        aiohttp puts the error behind the request instead, and the reader would wait for ever."""
        self._long_head |= self._head_bytes > self._lobby.head_bound
        self._head_bytes = 0
        message, self._arriving = self._messages[-1]
        if isinstance(message, _ErrInfo) and not previous.is_eof():
            previous.set_exception(RequestPayloadError())

    def _say_and_close(self, refusal: SluicegateError, status: int) -> None:
        """An answer outside of any exchange: there is no whole request to answer."""
        if self._socket is None:
            return
        request_id = self._lobby.ids.new()
        body = self._lobby.error_body(refusal, request_id)
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n{REQUEST_ID}: {request_id}\r\n\r\n"
        )
        self._socket.write(head.encode("ascii") + body)
        self._socket.close()
        self.force_close()


_PHRASES: Final = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


class ConnectionServer(web.Server):
    """aiohttp's server, making our connections and our requests."""

    def __init__(self, handler: Callable[..., Any], lobby: Lobby[Connection]) -> None:
        # With cancellation, a caller that goes away ends its exchange at once, also when nothing is written.
        super().__init__(handler, request_factory=self._request, handler_cancellation=True)
        self._lobby = lobby

    def __call__(self) -> Connection:
        return Connection(self, self._lobby, self._loop)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> GateRequest:
        request = GateRequest(message, payload, protocol, writer, task, self._loop)
        request.lobby = self._lobby
        request.request_id = self._lobby.ids.new()
        return request
