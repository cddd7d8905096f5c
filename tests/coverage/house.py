"""The real doors, conductor and upstream client between two sockets; only the engines are scripted."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from proxy.conductor import Conductor, Doors, House
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.exchange import Identity, Subject
from proxy.settings import Limits, Upstream
from proxy.verdict import Decision
from proxy.web import doors
from proxy.web.front import Front
from proxy.wire.openai_errors import error_body
from proxy.wire.registers import DIALECTS, WIRES
from tests.coverage.examples import ANSWERS
from tests.fakes import (
    MAIL,
    LetterTokens,
    MailRecogniser,
    MemoryJournal,
    ScriptedPolicies,
    StandingClock,
    Tally,
    WordJudge,
    allow,
)

BOTH_WAYS: Decision = allow(redact_prompt=(MAIL,), redact_answer=(MAIL,))


@dataclass
class Socket:
    """An upstream at a socket: it answers with the examples of its wires, with what it is given for a form of
    them, or with what `fitting` makes of a request (its target and body)."""

    url: str = ""
    received: list[bytes] = field(default_factory=list)
    said: dict[str, bytes] = field(default_factory=dict)
    fitting: Callable[[str, dict[str, Any]], bytes] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = head.split(b" ", 2)[1].decode()
        lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
        length = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
        body = await reader.readexactly(length)
        if head.startswith(b"GET"):
            status, kind, answer = "404 Not Found", "application/json", b"{}"
        else:
            self.received.append(head + body)
            kind, answer = self._of(target, body)
            if self.fitting is not None:
                answer = self.fitting(target, json.loads(body))
            status = "200 OK"
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
            + answer
        )
        await writer.drain()

    def _of(self, target: str, body: bytes) -> tuple[str, bytes]:
        for wire in WIRES.values():
            streams = bool(json.loads(body).get("stream")) or target == wire.stream_path
            if target in (wire.path, wire.stream_path) and wire.name in ANSWERS:
                form = "stream" if streams else "whole"
                kind = wire.stream_type if streams else "application/json"
                return kind, self.said.get(form, ANSWERS[wire.name].get(form, b"{}"))
        return "application/json", b"{}"


class Anyone:
    async def identify(self, *_credentials: object) -> Identity:
        return Identity(Subject("anna", "acme", ("finance",)), "tests", "api_key")


@dataclass(frozen=True)
class Gate:
    address: tuple[str, int]
    upstream: Socket


@asynccontextmanager
async def gate(*wires: str, decision: Decision = BOTH_WAYS) -> AsyncIterator[Gate]:
    """A proxy whose only upstream serves the model `m` and speaks these wires; all of them by default."""
    upstream = Socket()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    upstream.url = f"http://{host}:{port}"
    speaks = wires or tuple(WIRES)
    upstreams = Upstreams((Upstream("test", upstream.url, {"m": "weights"}, speaks=speaks),), Limits())
    engines = Doors(
        policy=ScriptedPolicies(admission=decision),
        recogniser=MailRecogniser(),
        judge=WordJudge(),
        tokens=LetterTokens(),
        upstream=upstreams,
        journal=MemoryJournal(),
        clock=StandingClock(),
        meter=Tally(),
    )
    conductor = Conductor(House(engines, b"k" * 32, "[withheld]", 200))
    entrance = doors.Doors(conductor, Anyone(), Limits(), StandingClock(), lambda _dialect: "m")
    front = Front(entrance.routes(DIALECTS), Limits(), error_body, lambda _event, _fields: None)
    try:
        yield Gate(await front.start("127.0.0.1:0"), upstream)
    finally:
        await front.drain(0)
        await upstreams.close()
        server.close()
        await server.wait_closed()


async def post(address: tuple[str, int], target: str, body: bytes) -> tuple[int, bytes]:
    """Status and everything that follows the head, as it came over the socket."""
    reader, writer = await asyncio.open_connection(*address)
    head = (
        f"POST {target} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    raw = await reader.read()
    writer.close()
    head_bytes, _, rest = raw.partition(b"\r\n\r\n")
    return int(head_bytes.split(b" ", 2)[1]), rest
