"""An upstream that believes nothing: it reads its socket strictly, counts, and does what the prompt says.

The last user's words tell it what to do: `hang` never answers, `endless` streams until the connection closes,
anything else is echoed word by word, each many times if it is to be `loud`. `pause_s` lies between two words.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

HEADERS = {
    "host",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    "user-agent",
    "authorization",
    "connection",
}
LINE = re.compile(r"POST /v1/chat/completions HTTP/1\.1|GET /v1/models HTTP/1\.1")
LOUD = 300
MODELS = json.dumps({"object": "list", "data": [{"id": "echo", "object": "model"}]}).encode()


@dataclass
class CountingUpstream:
    """`faults`: what was not one well-formed request after the other. `asked`: the last user's words of each.
    `streams`: answers that are being given now; `words`: of all streams; `connections`: open ones."""

    url: str = ""
    pause_s: float = 0.0
    usage: bool = True
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    streams: int = 0
    words: int = 0
    connections: int = 0
    heads: Counter[str] = field(default_factory=Counter)

    @classmethod
    @asynccontextmanager
    async def listening(cls, **how: Any) -> AsyncIterator[Self]:
        upstream = cls(**how)
        server = await asyncio.start_server(upstream._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        upstream.url = f"http://{host}:{port}"
        try:
            yield upstream
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if not await self._answer(head.decode("latin-1"), reader, writer):
                    break
        except asyncio.IncompleteReadError as short:
            if short.partial:
                self.faults.append("half a request")
        except ConnectionError:
            pass
        finally:
            self.connections -= 1
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
        if not LINE.fullmatch(line):
            self.faults.append("another request line")
            return False
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        if len(headers) != len(rest) or not set(headers) <= HEADERS:
            self.faults.append(f"headers {sorted(set(headers) - HEADERS)}")
        if line.startswith("GET"):
            _whole(writer, MODELS)
            return True
        self.heads.update(headers)
        body = await reader.readexactly(int(headers["content-length"]))
        self.raw.append(head.encode("latin-1") + body)
        asked = json.loads(body)
        words = asked["messages"][-1]["content"]
        self.asked.append(words)
        self.streams += 1
        try:
            return await self._say(words, bool(asked.get("stream")), reader, writer)
        finally:
            self.streams -= 1

    async def _say(
        self, words: str, stream: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if "hang" in words:
            if await reader.read(1):
                self.faults.append("more bytes behind a request that was not answered yet")
            return False
        if not stream:
            await asyncio.sleep(self.pause_s)
            _whole(writer, _document("chat.completion", message={"role": "assistant", "content": words}))
            return True
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        said = words.split(" ")
        loud = LOUD if "loud" in words else 1
        while True:
            for word in said:
                _chunk(writer, _document("chat.completion.chunk", delta={"content": (word + ". ") * loud}))
                await writer.drain()
                self.words += 1
                await asyncio.sleep(self.pause_s)
            if "endless" not in words:
                break
        _chunk(writer, _document("chat.completion.chunk", delta={}, finish_reason="stop"))
        if self.usage:
            usage = {"prompt_tokens": 3, "completion_tokens": len(said), "total_tokens": 3 + len(said)}
            _chunk(
                writer,
                json.dumps({**_envelope("chat.completion.chunk"), "choices": [], "usage": usage}).encode(),
            )
        _chunk(writer, b"[DONE]")
        writer.write(b"0\r\n\r\n")
        return True


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": "count-1", "object": kind, "created": 1, "model": "echo"}


def _document(kind: str, *, finish_reason: str | None = None, **choice: Any) -> bytes:
    if kind == "chat.completion":
        finish_reason = "stop"
    choices = [{"index": 0, "finish_reason": finish_reason, **choice}]
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    extra = {"usage": usage} if kind == "chat.completion" else {}
    return json.dumps({**_envelope(kind), "choices": choices, **extra}).encode()


def _chunk(writer: asyncio.StreamWriter, payload: bytes) -> None:
    event = b"data: " + payload + b"\n\n"
    writer.write(b"%x\r\n%s\r\n" % (len(event), event))


def _whole(writer: asyncio.StreamWriter, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
