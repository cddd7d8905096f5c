"""A front on an ephemeral port with a few plain handlers, and a caller who speaks raw bytes."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from proxy.errors import SluicegateError
from proxy.settings import Limits
from proxy.web.body import read_body
from proxy.web.front import Front, Handler, Route
from proxy.web.front_tls import Context

QUICK = Limits(header_s=0.3, idle_s=0.6, stall_s=0.6, body_grace_s=0.3)


def error_body(error: SluicegateError, request_id: str) -> bytes:
    return json.dumps({"code": error.code, "reason": error.reason, "id": request_id}).encode()


def door_error_body(error: SluicegateError, request_id: str) -> bytes:
    return json.dumps({"door": error.code, "id": request_id}).encode()


@dataclass
class House:
    """A front that is up. `bodies` is what its echo route read, `log` what it logged."""

    host: str
    port: int
    front: Front
    limits: Limits
    bodies: list[bytes] = field(default_factory=list)
    log: list[tuple[str, dict[str, str | int]]] = field(default_factory=list)

    def events(self, name: str) -> list[dict[str, str | int]]:
        return [fields for event, fields in self.log if event == name]


@asynccontextmanager
async def house(
    *more: Route, limits: Limits | None = None, tls: Context | None = None, **changed: Any
) -> AsyncIterator[House]:
    """POST /echo reads a body, GET /hello does not; `more` are a test's own routes."""
    limits = replace(limits or Limits(), **changed)
    bodies: list[bytes] = []
    log: list[tuple[str, dict[str, str | int]]] = []

    async def echo(request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
        body = await read_body(request, limits)
        bodies.append(body)
        return web.Response(body=b"got %d" % len(body), content_type="text/plain")

    async def hello(_request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
        return web.Response(body=b"hello", content_type="text/plain")

    routes = [Route("POST", "/echo", echo, door_error_body), Route("GET", "/hello", hello, door_error_body)]
    front = Front([*routes, *more], limits, error_body, lambda event, fields: log.append((event, fields)))
    host, port = await front.start("127.0.0.1:0", tls=tls)
    try:
        yield House(host, port, front, limits, bodies, log)
    finally:
        await front.drain(0.05)


def get(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, door_error_body)


async def talk(there: House, raw: bytes, *, seconds: float = 5.0, tls: ssl.SSLContext | None = None) -> bytes:
    """Send bytes as they are and read until the front closes, or says nothing more for a moment."""
    secured: dict[str, Any] = {"ssl": tls, "server_hostname": "localhost"} if tls else {}
    reader, writer = await asyncio.open_connection(there.host, there.port, **secured)
    try:
        writer.write(raw)
        return await heard(reader, seconds)
    finally:
        writer.close()


async def heard(reader: asyncio.StreamReader, seconds: float = 5.0, pause: float = 0.15) -> bytes:
    """Everything until the end, or until `pause` seconds after the last byte."""
    answer = b""
    async with asyncio.timeout(seconds):
        while True:
            try:
                async with asyncio.timeout(pause if answer else seconds):
                    piece = await reader.read(65536)
            except TimeoutError:
                if answer:
                    return answer
                raise
            except ConnectionResetError:
                return answer
            if not piece:
                return answer
            answer += piece


def request(
    target: str = "/echo", body: bytes = b"{}", headers: bytes = b"", *, method: str = "POST"
) -> bytes:
    """A well-formed request; `headers` are whole lines that come first."""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n".encode()
        + headers
        + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def header_of(answer: bytes, name: str) -> str | None:
    for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.decode().lower() == name:
            return value.strip().decode()
    return None


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])
