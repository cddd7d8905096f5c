"""Answers as real servers send them, for the tests of this folder. llama.cpp's were recorded."""

import json
from collections.abc import Iterable
from typing import Any

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent
from proxy.wire.anthropic.reader import MessageReader

ENVELOPE = {"id": "chatcmpl-K7L7G2lM", "type": "message", "role": "assistant", "model": "/models/w.gguf"}
EMPTY: dict[str, Any] = {**ENVELOPE, "content": [], "stop_reason": None, "stop_sequence": None}
USAGE = {"cache_read_input_tokens": 31, "input_tokens": 1, "output_tokens": 3}


def sse(*events: dict[str, Any] | str) -> bytes:
    """Events, and whatever else stands in a stream."""
    told = []
    for one in events:
        named = f"event: {one['type']}\n" if isinstance(one, dict) and "type" in one else ""
        payload = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        told.append(f"{named}data: {payload}\n\n")
    return "".join(told).encode()


START: dict[str, Any] = {
    "type": "message_start",
    "message": {**EMPTY, "usage": {**USAGE, "output_tokens": 0}},
}
END = {"type": "message_stop"}


def opened(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **told: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": told}


def words(index: int, said: str) -> dict[str, Any]:
    return delta(index, type="text_delta", text=said)


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def stopped(reason: str | None = "end_turn", sequence: str | None = None, **usage: Any) -> dict[str, Any]:
    told = {"stop_reason": reason, "stop_sequence": sequence}
    return {"type": "message_delta", "delta": told, "usage": {"output_tokens": 3, **usage}}


TEXT = opened(0, type="text", text="")

LLAMA = sse(START, TEXT, words(0, "Zoë"), words(0, ", 😀"), closed(0), stopped("max_tokens"), END)

LLAMA_WHOLE = json.dumps(
    {
        **ENVELOPE,
        "content": [{"type": "text", "text": "Zoë, 😀"}],
        "stop_reason": "max_tokens",
        "stop_sequence": None,
        "usage": USAGE,
    }
).encode()

TOOL = {"type": "tool_use", "id": "call_9", "name": "find", "input": {}}

TOOLS = sse(
    START,
    {"type": "ping"},
    opened(0, type="thinking", thinking="", signature=""),
    delta(0, type="thinking_delta", thinking="hm"),
    delta(0, type="signature_delta", signature="EqQBCgIYAhIM"),
    closed(0),
    opened(1, type="text", text=""),
    words(1, "Let me look."),
    closed(1),
    opened(2, **TOOL),
    delta(2, type="input_json_delta", partial_json=""),
    delta(2, type="input_json_delta", partial_json='{"city"'),
    delta(2, type="input_json_delta", partial_json=':"Köln"}'),
    closed(2),
    opened(3, **{**TOOL, "id": "call_10", "name": "wait"}),
    closed(3),
    stopped("tool_use", input_tokens=2, output_tokens=9),
    END,
)

VLLM = sse(START, TEXT, words(0, "A"), closed(0), stopped("stop_sequence", "END"), END, "[DONE]")

STREAMS = {"llama.cpp": LLAMA, "tools": TOOLS, "vLLM": VLLM}


def events(pieces: Iterable[bytes], *, stream: bool = True) -> list[AnswerEvent] | None:
    """None if it is refused."""
    reader = MessageReader(stream)
    try:
        return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()
    except UpstreamUnavailable:
        return None
