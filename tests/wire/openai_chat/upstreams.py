"""Answers as real servers send them, for the tests of this folder. llama.cpp's were recorded."""

import json
from collections.abc import Iterable
from typing import Any

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent
from proxy.wire.openai_chat.reader import ChatReader

ENVELOPE = {
    "created": 1795477440,
    "id": "chatcmpl-GPj10iUv",
    "model": "/models/w.gguf",
    "system_fingerprint": "b0-x",
}
TIMINGS = {"timings": {"cache_n": 31, "prompt_ms": 22.3}}
USAGE = {
    "completion_tokens": 3,
    "prompt_tokens": 32,
    "total_tokens": 35,
    "prompt_tokens_details": {"cached_tokens": 31},
}


def choice(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"finish_reason": reason, "index": index, "delta": delta}]}


def sse(*chunks: dict[str, Any] | str) -> bytes:
    """Chunks, and whatever else stands in a stream, as events."""
    payloads = [
        one if isinstance(one, str) else json.dumps({**one, **ENVELOPE}, ensure_ascii=False) for one in chunks
    ]
    return "".join(f"data: {payload}\n\n" for payload in payloads).encode()


LLAMA = sse(
    choice({"role": "assistant", "content": None}),
    choice({"content": "Zoë"}),
    choice({"content": ", 😀"}),
    choice({}, "length"),
    {"choices": [], "usage": USAGE, **TIMINGS},
    "[DONE]",
)

LLAMA_WHOLE = json.dumps(
    {
        "choices": [
            {"finish_reason": "length", "index": 0, "message": {"role": "assistant", "content": "Zoë, 😀"}}
        ],
        "object": "chat.completion",
        "usage": USAGE,
        **ENVELOPE,
        **TIMINGS,
    }
).encode()

TOOL = {"index": 0, "id": "call_9", "type": "function", "function": {"name": "find", "arguments": ""}}


def arguments(text: str, index: int = 0) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


TOOLS = sse(
    choice({"role": "assistant", "content": None, "tool_calls": [TOOL]}),
    choice(arguments('{"city"')),
    choice({"tool_calls": [{"index": 1, "id": "call_10", "function": {"name": "wait", "arguments": "{}"}}]}),
    choice(arguments(':"Köln"}')),
    choice({}, "tool_calls"),
    "[DONE]",
)

VLLM = sse(
    choice({"role": "assistant", "content": ""}),
    choice({"role": "assistant", "content": ""}, index=1),
    choice({"reasoning_content": "hm"}, index=1),
    choice({"reasoning": "hm", "reasoning_content": "hm"}),
    choice({"content": "A"}),
    choice({"content": "B"}, "stop", index=1),
    choice({"content": "C"}, "stop"),
    {"choices": [], "usage": {**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}},
    "[DONE]",
)

STREAMS = {"llama.cpp": LLAMA, "tools": TOOLS, "vLLM": VLLM}


def events(pieces: Iterable[bytes], *, stream: bool = True) -> list[AnswerEvent] | None:
    """None if it is refused."""
    reader = ChatReader(stream)
    try:
        return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()
    except UpstreamUnavailable:
        return None
