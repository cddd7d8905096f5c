"""The HTTP front: a closed table of routes behind aiohttp's low-level server, hardened.

Every request gets an id of ours, is matched byte-exact, and ends in the route's answer or in an error of
`proxy.errors` in the route's own shape. What a handler does with a request is its own matter.
"""

import asyncio
import contextlib
import os
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, cast

import aiohttp
from aiohttp import http_parser, web

from proxy.errors import (
    ConfigInvalid,
    MethodNotAllowed,
    RateLimited,
    RequestInvalid,
    RouteUnknown,
    SluicegateError,
    Stopping,
)
from proxy.settings import Limits
from proxy.web.front_connection import LONG_HEAD, Connection, ConnectionServer
from proxy.web.front_lobby import ErrorBody, Lobby
from proxy.web.front_request import GateRequest, speak_our_version
from proxy.web.front_tls import Context, TlsListener
from proxy.wire import http_rules

Handler = Callable[[GateRequest, str], Awaitable[web.StreamResponse]]
"""Takes the request and its id. It may raise any SluicegateError until its answer has begun."""

Log = Callable[[str, dict[str, str | int]], None]
"""An event's name and its fields; none of them ever holds what a caller sent."""

OLDEST_AIOHTTP: Final = (3, 14, 4)  # below it concatenated compressed members are mis-read (CVE-2026-128131)
RETRY_AFTER_S: Final = 1  # an exchange usually ends within it, and a caller that waits no longer is no storm
CUT_S: Final = 2.0  # what a cancelled exchange may need to write its records, and its last words
BACKLOG: Final = 1024  # callers that connect in one burst, such as a restarted mesh
_SWEEP_S: Final = (0.02, 1.0)  # how often slow connections are looked for: least and most seconds
_POLL_S: Final = 0.02
_NAMED: Final = re.compile(r"/[A-Za-z0-9_.:/+=@%-]{1,1024}")  # `%`: clients may spell a slash as `%2F`


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is the raw request target, byte for byte. `query`: whether a query string may follow it.
    `named`: whether a name does, which the handler looks up byte for byte in a table of its own."""

    method: str
    path: str
    handler: Handler
    error_body: ErrorBody
    query: bool = False
    named: bool = False


class Front:
    """One listening socket and everybody who comes through it."""

    def __init__(
        self, routes: Sequence[Route], limits: Limits, default_error_body: ErrorBody, log: Log
    ) -> None:
        self._table: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._table.setdefault(route.path, {})[route.method] = route
        self._limits = limits
        self._log = log
        self._running = 0
        self._lobby: Lobby[Connection] = Lobby(limits, default_error_body, self._log_fault)
        self._listener: asyncio.Server | TlsListener | None = None
        self._server: ConnectionServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(
        self, address: str, *, reuse_port: bool = False, tls: Context | None = None
    ) -> tuple[str, int]:
        """Listen on `host:port` and return what was bound. Raises ConfigInvalid, also when that fails."""
        check_runtime()
        host, port = split_address(address)
        loop = asyncio.get_running_loop()
        self._server = ConnectionServer(self._serve, self._lobby)
        try:
            if tls is None:
                self._listener = await loop.create_server(
                    self._server, host, port, reuse_port=reuse_port or None, backlog=BACKLOG
                )
            else:
                self._listener = TlsListener(self._server, tls, self._lobby)
                await self._listener.listen(host, port, reuse_port=reuse_port, backlog=BACKLOG)
        except OSError as refused:
            # The numbers of resolvers are their own, and below zero.
            number = refused.errno or 0
            reason = os.strerror(number) if number > 0 else type(refused).__name__
            raise ConfigInvalid([f"listen: {address} cannot be bound: {reason}"]) from None
        self._sweep()
        bound = self._listener.sockets[0].getsockname()
        return bound[0], bound[1]

    async def drain(self, seconds: float) -> None:
        """Stop accepting, let running exchanges go on for so long, cancel the rest, close everything."""
        if self._listener is None:
            return
        self._lobby.draining = True
        self._listener.close()
        if not await self._emptied(seconds):
            self._lobby.cutting = True
            for connection in self._lobby.crowd.members:
                connection.cut()
            if not await self._emptied(CUT_S):
                for connection in self._lobby.crowd.members:
                    connection.abort()
                await self._emptied(CUT_S)
        if self._timer is not None:
            self._timer.cancel()
        await self._listener.wait_closed()

    # -- one request

    async def _serve(self, request: GateRequest) -> web.StreamResponse:
        route = None
        try:
            route = self._find(request)
            return await self._run(route, request)
        except SluicegateError as error:
            return self._refuse(request, route, error)
        except asyncio.CancelledError:
            if not self._lobby.cutting:
                raise
            _go_on()
            return self._refuse(request, route, Stopping())
        except Exception as fault:  # noqa: BLE001  whatever it is, it ends the request with a 500
            return self._fail(request, route, fault)

    def _find(self, request: GateRequest) -> Route:
        target = request.raw_path
        http_rules.check_head(request.version, target, request.headers)
        if cast(Connection, request.protocol).head_is_too_long(request):
            raise RequestInvalid(LONG_HEAD)
        methods = self._at(target) or self._with_query(target)
        route = methods.get(request.method)
        if route is None:
            raise MethodNotAllowed(f"This path takes {', '.join(sorted(methods))}.")
        if route.method == "POST":
            http_rules.check_json(request.headers)
        return route

    def _at(self, target: str) -> dict[str, Route] | None:
        """Those of this path, or of the one that a name follows here."""
        methods = self._table.get(target)
        if methods is None and _NAMED.fullmatch(target):
            for path, those in self._table.items():
                if target.startswith(path) and all(route.named for route in those.values()):
                    return those
        return methods

    def _with_query(self, target: str) -> dict[str, Route]:
        path, _, query = target.partition("?")
        methods = self._table.get(path)
        if methods is None:
            raise RouteUnknown("There is no such path here.")
        if query and not all(route.query for route in methods.values()):
            raise RequestInvalid("This path takes no query string.")
        return methods

    async def _run(self, route: Route, request: GateRequest) -> web.StreamResponse:
        if self._running >= self._limits.exchanges:
            raise RateLimited("Too many exchanges are running.")
        self._running += 1
        try:
            return await route.handler(request, request.request_id)
        finally:
            self._running -= 1

    def _fail(self, request: GateRequest, route: Route | None, fault: Exception) -> web.StreamResponse:
        """A fault of ours, not of a peer: fail closed, and tell the log where without telling what."""
        gone = request.transport is None or request.transport.is_closing()
        if gone and isinstance(fault, ConnectionError):
            raise fault  # the caller has gone, and its handler noticed while writing: nobody to answer
        self._log_fault("internal_error", fault, request.request_id)
        return self._refuse(request, route, SluicegateError("The proxy failed, and passed nothing on."))

    def _refuse(
        self, request: GateRequest, route: Route | None, error: SluicegateError
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            self._log("answer_cut", {"request_id": request.request_id, "code": error.code})
            raise ConnectionResetError("the answer had begun: cutting it is all that is left to say")
        error_body = self._shape(request, route)
        status = http_rules.answer_status(error)
        answer = web.Response(
            status=status, body=error_body(error, request.request_id), content_type="application/json"
        )
        if isinstance(error, MethodNotAllowed):
            answer.headers["allow"] = ", ".join(sorted(self._at(request.raw_path.partition("?")[0]) or ()))
        if status in {RateLimited.status, 503}:
            answer.headers["retry-after"] = str(RETRY_AFTER_S)
        if error.rules:
            answer.headers["x-sluicegate-decision"] = "block"
            answer.headers["x-sluicegate-rules"] = ", ".join(error.rules)
        if isinstance(error, RequestInvalid) or not request.content.is_eof():
            answer.force_close()
            speak_our_version(request)
        return answer

    def _shape(self, request: GateRequest, route: Route | None) -> ErrorBody:
        """That of the door, also when the request never came through it: its clients know no other."""
        if route is not None:
            return route.error_body
        there = self._at(request.raw_path.partition("?")[0]) or {}
        return next((one.error_body for one in there.values()), self._lobby.error_body)

    # -- the watch

    def _sweep(self) -> None:
        """One timer for all connections, instead of one for each request."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [member for member in self._lobby.crowd.members if member.overdue(now)]:
            connection.dismiss()
        if self._lobby.malformed:
            self._log("requests_malformed", {"count": self._lobby.malformed})
            self._lobby.malformed = 0
        if self._lobby.handshakes_failed:
            self._log("tls_handshakes_failed", {"count": self._lobby.handshakes_failed})
            self._lobby.handshakes_failed = 0
        least, most = _SWEEP_S
        pause = min(
            most, max(least, min(self._limits.header_s, self._limits.idle_s, self._limits.stall_s) / 10)
        )
        self._timer = loop.call_later(pause, self._sweep)

    async def _emptied(self, seconds: float) -> bool:
        """Whether all connections, and the exchanges that outlive theirs, ended within so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._lobby.crowd.members or (self._server and self._server.connections):
                    for connection in list(self._lobby.crowd.members):
                        connection.retire()
                    await asyncio.sleep(_POLL_S)
                return True
        return False

    def _log_fault(self, event: str, fault: BaseException | None, request_id: str = "") -> None:
        self._log(event, {"request_id": request_id, "error": type(fault).__name__, "at": place_of(fault)})


def _go_on() -> None:
    """The running task was cancelled by us, to be told so in words; now it may say them."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def split_address(address: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port`. Raises ConfigInvalid."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})", address)
    if match is None or int(match[3]) >= 2**16:
        raise ConfigInvalid(["listen: an address must be host:port"])
    return match[1] or match[2], int(match[3])


def place_of(fault: BaseException | None) -> str:
    """Where a fault was raised: the innermost place in our own code, then the innermost of all."""
    frames = traceback.extract_tb(fault.__traceback__) if fault is not None else []
    ours = [frame for frame in frames if "proxy" in PurePath(frame.filename).parts]
    places = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in (*ours[-1:], *frames[-1:])]
    return " ".join(dict.fromkeys(places))


def check_runtime(version: str = aiohttp.__version__, parser: type = http_parser.HttpRequestParser) -> None:
    """Raise ConfigInvalid on an HTTP parser that mis-reads: an aiohttp too old, or its pure-Python parser."""
    problems = []
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < OLDEST_AIOHTTP:
        problems.append(f"aiohttp {version} is older than {'.'.join(map(str, OLDEST_AIOHTTP))}")
    if parser is http_parser.HttpRequestParserPy:
        problems.append("aiohttp runs without its C extensions (AIOHTTP_NO_EXTENSIONS?)")
    if problems:
        raise ConfigInvalid(problems)
