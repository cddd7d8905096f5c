"""An upstream at the socket that speaks responses and chat: it says the last words back, and where there are
tools it calls one with them, or with `arguments`, besides."""

import json
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from typing import Any

from tests.flows.echo_upstream import EchoUpstream
from tests.wire.openai_responses.upstreams import USAGE, added, delta, done, message, response, sse


@dataclass
class ResponsesUpstream(EchoUpstream):
    arguments: str = ""

    async def _answer(self, head: str, reader: StreamReader, writer: StreamWriter) -> None:
        lines = head.lower().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if head.startswith("GET"):
            return _write(
                writer, "application/json", b'{"object":"list","data":[{"id":"echo","object":"model"}]}'
            )
        self.heads.append(head)
        self.bodies.append(body)
        asked = json.loads(body)
        native = head.startswith("POST /v1/responses ")
        text = _last_words(asked["input"] if native else asked["messages"])
        arguments = self.arguments or json.dumps({"note": text})
        call = {"name": "get_weather", "arguments": arguments} if asked.get("tools") else None
        parts = _native(text, call) if native else _chat(text, call)
        if asked.get("stream"):
            return _write(writer, "text/event-stream", parts[0])
        return _write(writer, "application/json", json.dumps(parts[1]).encode())


def _last_words(items: Any) -> str:
    if isinstance(items, str):
        return items
    content = next(one["content"] for one in reversed(items) if one.get("role") == "user")
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _native(text: str, call: dict[str, str] | None) -> tuple[bytes, dict[str, Any]]:
    items = [message(text, "msg_1")]
    if call is not None:
        items.append({"type": "function_call", "id": "fc_1", "call_id": "call_1", **call})
    told = [
        {"type": "response.created", "response": response(status="in_progress")},
        added(0, {**items[0], "content": []}),
        *(delta("output_text", 0, "msg_1", letter, content_index=0) for letter in text),
        done(0, items[0]),
    ]
    if call is not None:
        told += [
            added(1, {**items[1], "arguments": ""}),
            *(delta("function_call_arguments", 1, "fc_1", letter) for letter in call["arguments"]),
            done(1, items[1]),
        ]
    whole = response(*items, usage=USAGE)
    return sse(*told, {"type": "response.completed", "response": whole}), whole


def _chat(text: str, call: dict[str, str] | None) -> tuple[bytes, dict[str, Any]]:
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if call is not None:
        said["tool_calls"] = [{"index": 0, "id": "call_1", "type": "function", "function": call}]
    envelope = {"id": "chatcmpl-1", "created": 1795487522, "model": "echo"}
    usage = {"prompt_tokens": 32, "completion_tokens": 8}
    ends: dict[str, Any] = {"index": 0, "finish_reason": "tool_calls" if call else "stop"}
    chunks: list[dict[str, Any]] = [
        *({"choices": [{"index": 0, "delta": {"content": letter}}]} for letter in text),
        {"choices": [{**ends, "delta": {**said, "content": None}}]},
        {"choices": [], "usage": usage},
    ]
    stream = b"".join(b"data: " + json.dumps({**envelope, **chunk}).encode() + b"\n\n" for chunk in chunks)
    return stream + b"data: [DONE]\n\n", {**envelope, "choices": [{**ends, "message": said}], "usage": usage}


def _write(writer: StreamWriter, kind: str, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
