"""An upstream at the socket that speaks Anthropic's messages besides chat: it says the last words back, and
where there are tools it calls one with them, or with `arguments`, besides."""

import json
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from typing import Any

from tests.flows.responses_upstream import ResponsesUpstream
from tests.wire.anthropic.upstreams import (
    END,
    ENVELOPE,
    START,
    TEXT,
    closed,
    delta,
    opened,
    sse,
    stopped,
    words,
)

USAGE: Any = {"input_tokens": 1, "cache_read_input_tokens": 31, "output_tokens": 8}


@dataclass
class AnthropicUpstream(ResponsesUpstream):
    async def _answer(self, head: str, reader: StreamReader, writer: StreamWriter) -> None:
        if not head.startswith("POST /v1/messages"):
            return await super()._answer(head, reader, writer)
        lines = head.lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        body = await reader.readexactly(length)
        self.heads.append(head)
        self.bodies.append(body)
        asked = json.loads(body)
        if head.startswith("POST /v1/messages/count_tokens "):
            return _write(writer, "application/json", b'{"input_tokens":32}')
        text = _last_words(asked["messages"])
        arguments = self.arguments or json.dumps({"note": text})
        call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather"} if asked.get("tools") else None
        if asked.get("stream"):
            return _write(writer, "text/event-stream", _stream(text, call, arguments))
        return _write(writer, "application/json", _whole(text, call, arguments))


def _last_words(messages: list[Any]) -> str:
    content = next(one["content"] for one in reversed(messages) if one["role"] == "user")
    if isinstance(content, str):
        return content
    return "".join(block.get("text") or block["content"] for block in content)


def _stream(text: str, call: dict[str, str] | None, arguments: str) -> bytes:
    told = [START, TEXT, *(words(0, letter) for letter in text), closed(0)]
    if call is not None:
        pieces = [delta(1, type="input_json_delta", partial_json=letter) for letter in arguments]
        told += [opened(1, **call, input={}), *pieces, closed(1)]
    return sse(*told, stopped("tool_use" if call else "end_turn", **USAGE), END)


def _whole(text: str, call: dict[str, str] | None, arguments: str) -> bytes:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if call is not None:
        content.append({**call, "input": json.loads(arguments)})
    reason = "tool_use" if call else "end_turn"
    return json.dumps({**ENVELOPE, "content": content, "stop_reason": reason, "usage": USAGE}).encode()


def _write(writer: StreamWriter, kind: str, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
