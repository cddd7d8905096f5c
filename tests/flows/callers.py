"""Callers at the program's door who speak bytes, and what the program wrote down about them."""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

from tests.flows.program import Program

CHAT, OLLAMA = "/v1/chat/completions", "/api/chat"


@dataclass
class Caller:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def at(cls, url: str) -> "Caller":
        host, _, port = url.removeprefix("http://").rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    @classmethod
    async def deaf(cls, url: str) -> "Caller":
        """One with no room for an answer, that reads nothing."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
        caller = cls(*await asyncio.open_connection(sock=narrow, limit=1024))
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as a write transport
        return caller

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def rest(self, seconds: float = 20.0) -> bytes:
        """Until the other side closes."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read()
        finally:
            self.writer.close()

    def leave(self, *, hard: bool = False) -> None:
        """With FIN, or hard with RST."""
        with contextlib.suppress(OSError):
            if hard:
                linger = struct.pack("ii", 1, 0)
                self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort() if hard else self.writer.close()


def request(program: Program, words: str, *lines: str, path: str = CHAT, stream: bool = True) -> bytes:
    body = json.dumps(
        {"model": "smollm2", "stream": stream, "messages": [{"role": "user", "content": words}]}
    ).encode()
    return head(program, len(body), *lines, path=path) + body


def head(program: Program, length: int, *lines: str, path: str = CHAT) -> bytes:
    first = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Authorization: Bearer {program.keys['finance']}",
        f"Content-Length: {length}",
        *lines,
    ]
    return "\r\n".join([*first, "", ""]).encode()


def unchunked(answer: bytes) -> tuple[bytes, bool]:
    """The body of a chunked answer, and whether it was ended as it should be."""
    rest, body = answer.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return body, rest == b"\r\n"
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body, False


def decisions(program: Program) -> list[dict[str, Any]]:
    """The decision log, as far as it has been delivered to its files."""
    folder = program.folder / "state" / "decisions"
    return [
        json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]


async def figure(program: Program, name: str) -> float:
    """A gauge, or the sum of a counter over its labels."""
    lines = (await program.get("/metrics")).body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
