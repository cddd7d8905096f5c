"""An upstream at the socket: keeps what it received, and answers with the last user's own words.

`mode` says what goes wrong: `die` closes in the middle of a stream, `hang` never answers, `error` answers 500
with words of its own, `endless` streams until the connection closes.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

SECRET_WORDS = "traceback of the model server with /secret/paths"


@dataclass
class EchoUpstream:
    url: str = ""
    mode: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    pause_s: float = 0.0

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Self]:
        upstream = cls()
        server = await asyncio.start_server(upstream._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        upstream.url = f"http://{host}:{port}"
        try:
            yield upstream
        finally:
            server.close()

    @property
    def chats(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def received(self) -> str:
        return b"".join(self.bodies).decode() + "".join(self.heads)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode("latin-1"), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = head.lower().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if head.startswith("GET"):
            models = {"object": "list", "data": [{"id": "echo", "object": "model"}]}
            _write(writer, "application/json", json.dumps(models).encode())
            return
        self.heads.append(head)
        self.bodies.append(body)
        asked = json.loads(body)
        if self.mode == "hang":
            await reader.read()
        elif self.mode == "error":
            _write(writer, "application/json", json.dumps({"error": SECRET_WORDS}).encode(), "500 Oops")
        elif asked.get("stream"):
            await self._stream(asked, writer)
        else:
            _write(writer, "application/json", json.dumps(_whole(asked)).encode())
        await writer.drain()

    async def _stream(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        text = _words(asked)
        while True:
            for letter in text:
                _chunk(writer, _event({"content": letter}))
                await writer.drain()
                await asyncio.sleep(self.pause_s)
            if self.mode != "endless":
                break
        if self.mode == "die":
            writer.close()
            raise ConnectionResetError
        _chunk(writer, _event({}, "stop"))
        usage = {"prompt_tokens": 3, "completion_tokens": len(text), "total_tokens": 3 + len(text)}
        _chunk(writer, _sse({**_envelope("chat.completion.chunk"), "choices": [], "usage": usage}))
        _chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


def _words(asked: dict[str, Any]) -> str:
    content = next(m["content"] for m in reversed(asked["messages"]) if m["role"] == "user")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _envelope(kind: str) -> dict[str, Any]:
    return {"id": "echo-1", "object": kind, "created": 1, "model": "echo"}


def _whole(asked: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": _words(asked)}
    return {
        **_envelope("chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _sse({**_envelope("chat.completion.chunk"), "choices": [choice]})


def _sse(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _chunk(writer: asyncio.StreamWriter, payload: bytes) -> None:
    writer.write(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")


def _write(writer: asyncio.StreamWriter, kind: str, body: bytes, status: str = "200 OK") -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
