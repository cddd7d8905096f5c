"""A model server that does exactly what its script says, byte for byte, and a reader of a toy dialect."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from proxy.edges.upstreams.upstreams import Answer, Upstreams
from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Lane
from proxy.settings import Limits, Upstream
from proxy.wire.dialect import UpstreamRequest, Wire

LANE = Lane(0, "content")
MODELS = {"small": "org/small-1", "large": "org/large-2"}

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedUpstream:
    """`requests` are the raw heads and bodies; `gone` is set when a connection was closed by the proxy;
    `open` are the connections of this moment."""

    port: int = 0
    tls: bool = False
    connections: int = 0
    open: int = 0
    requests: list[bytes] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def scripted(
    *answers: bytes | Script, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[ScriptedUpstream]:
    """The n-th request gets the n-th answer, and the last one from then on. Bytes are sent as they are."""
    upstream = ScriptedUpstream(tls=tls is not None)
    served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.connections += 1
        upstream.open += 1
        task = asyncio.current_task()
        assert task is not None
        served[task] = writer
        try:
            while True:
                upstream.requests.append(await _request(reader))
                answer = answers[min(len(upstream.requests), len(answers)) - 1]
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, RuntimeError):  # uvloop's, when it is closed
            upstream.gone.set()
        finally:
            upstream.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls, backlog=1024)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for writer in served.values():
            writer.transport.abort()
        if served:
            await asyncio.wait(served, timeout=2)
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(length[0].split(b":")[1])) if length else b"")


async def until_gone(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing more, and end when the proxy closes the connection."""
    await reader.readexactly(1)


def then(first: bytes, *more: bytes, pause: float = 0.05, hang: bool = False) -> Script:
    """Pieces with pauses between them; after them either the end of the connection or silence."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for piece in more:
            await writer.drain()
            await asyncio.sleep(pause)
            writer.write(piece)
        await writer.drain()
        if hang:
            await until_gone(reader, writer)
        writer.close()

    return script


def answer(
    body: bytes, *, status: str = "200 OK", media_type: str = "application/json", more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


LAST = b"0\r\n\r\n"


class ToyReader:
    """Every piece is a delta; a `.` ends the answer, and an answer without one is cut."""

    def __init__(self, stream: bool) -> None:
        self.stream = stream
        self.dropped: Counter[str] = Counter()
        self._whole = ""

    def feed(self, piece: bytes) -> Sequence[AnswerEvent]:
        text = piece.decode()
        if not self.stream:
            self._whole += text
            return []
        if "." in text:
            return [Delta(LANE, text.partition(".")[0]), End()]
        return [Delta(LANE, text)]

    def finish(self) -> Sequence[AnswerEvent]:
        if self.stream or not self._whole.endswith("."):
            raise UpstreamUnavailable("cut")
        return [Delta(LANE, self._whole[:-1]), End()]


class SilentReader:
    """Never says that the answer is whole."""

    def __init__(self, _stream: bool) -> None:
        self.dropped = Counter({"surprise": 2})

    def feed(self, _piece: bytes) -> Sequence[AnswerEvent]:
        return []

    def finish(self) -> Sequence[AnswerEvent]:
        return []


TOY = Wire("toy", "/v1/toy", ToyReader, stream_path="/v1/toys", headers={"x-toy": "1"})
SILENT = Wire("silent", "/v1/silent", SilentReader)
WIRES = {wire.name: wire for wire in (TOY, SILENT)}


def upstream(url: str, name: str = "one", **more: Any) -> Upstream:
    """One that speaks the toy dialect."""
    return Upstream(name, url, **{"models": MODELS, "speaks": ("toy",), **more})


@asynccontextmanager
async def doors(*upstreams: Upstream, limits: Limits | None = None) -> AsyncIterator[Upstreams]:
    door = await asyncio.to_thread(Upstreams, upstreams, limits or Limits(), WIRES)  # reads key files
    try:
        yield door
    finally:
        await door.close()


@asynccontextmanager
async def door(url: str, *, limits: Limits | None = None, **more: Any) -> AsyncIterator[Upstreams]:
    async with doors(upstream(url, **more), limits=limits) as one:
        yield one


async def opened(
    upstreams: Upstreams,
    *,
    model: str = "small",
    stream: bool = False,
    body: bytes = b"{}",
    wire: str = "toy",
) -> Answer:
    return await upstreams.open(upstreams.routes(model)[0], UpstreamRequest(wire, body, stream))


async def text_of(answer: Answer) -> str:
    """The text of a whole answer."""
    text, ended = "", False
    try:
        async for events in answer.events():
            text += "".join(event.text for event in events if isinstance(event, Delta))
            ended = any(isinstance(event, End) for event in events)
    finally:
        await answer.close()
    assert ended
    return text


async def asked(upstreams: Upstreams, **more: Any) -> str:
    return await text_of(await opened(upstreams, **more))


def headers_of(request: bytes) -> Mapping[str, str]:
    """By lower-case name."""
    _, *lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
