"""Answers as real servers send them, for the tests of this folder. llama.cpp's were recorded; the others are
made by the servers' documentation and by the official client's types."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent
from proxy.wire.openai_responses.reader import ResponsesReader

USAGE = {
    "input_tokens": 32,
    "output_tokens": 8,
    "total_tokens": 40,
    "input_tokens_details": {"cached_tokens": 31},
    "output_tokens_details": {"reasoning_tokens": 2},
}


def response(*output: dict[str, Any], status: str = "completed", **members: Any) -> dict[str, Any]:
    return {
        "id": "resp_9",
        "object": "response",
        "created_at": 1795487522,
        "status": status,
        "model": "/models/w.gguf",
        "output": list(output),
        **members,
    }


def sse(*events: dict[str, Any] | str) -> bytes:
    """Events by their types, and whatever else stands in a stream."""
    told = []
    for one in events:
        payload = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        name = "" if isinstance(one, str) else f"event: {one['type']}\n"
        told.append(f"{name}data: {payload}\n\n")
    return "".join(told).encode()


def message(text: str, item_id: str = "msg_Xc") -> dict[str, Any]:
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {"type": "message", "status": "completed", "id": item_id, "content": [part], "role": "assistant"}


_BEGINNING = {"id": "resp_bx", "object": "response", "status": "in_progress"}
_TIMINGS = {"cache_n": 31, "prompt_n": 1, "prompt_ms": 21.575, "predicted_n": 8}

LLAMA = sse(
    {"type": "response.created", "response": _BEGINNING},
    {"type": "response.in_progress", "response": _BEGINNING},
    {
        "type": "response.output_item.added",
        "item": {
            "content": [],
            "id": "msg_Xc",
            "role": "assistant",
            "status": "in_progress",
            "type": "message",
        },
    },
    {
        "type": "response.content_part.added",
        "item_id": "msg_Xc",
        "part": {"type": "output_text", "text": ""},
    },
    {"type": "response.output_text.delta", "item_id": "msg_Xc", "delta": "Zoë"},
    {"type": "response.output_text.delta", "item_id": "msg_Xc", "delta": ", 😀"},
    {"type": "response.output_text.done", "item_id": "msg_Xc", "text": "Zoë, 😀"},
    {"type": "response.content_part.done", "item_id": "msg_Xc", "part": message("Zoë, 😀")["content"][0]},
    {"type": "response.output_item.done", "item": message("Zoë, 😀")},
    {
        "type": "response.completed",
        "response": {**_BEGINNING, **response(message("Zoë, 😀")), "id": "resp_bx", "usage": USAGE},
        "timings": _TIMINGS,
    },
)
"""Recorded; it tells neither places nor numbers, and the time at its end alone."""

LLAMA_WHOLE = json.dumps(
    {**response(message("Zoë, 😀")), "id": "resp_bx", "completed_at": 1795487523, "usage": USAGE}
).encode()

_CALL = {
    "arguments": "",
    "call_id": "fc_x1",
    "name": "find",
    "type": "function_call",
    "status": "in_progress",
}

LLAMA_CALL = sse(
    {"type": "response.created", "response": _BEGINNING},
    {"type": "response.output_item.added", "item": _CALL},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_x1", "delta": '{"city":'},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_x1", "delta": '"Köln"}'},
    {"type": "response.function_call_arguments.done", "item_id": "fc_x1", "arguments": '{"city":"Köln"}'},
    {
        "type": "response.output_item.done",
        "item": {**_CALL, "arguments": '{"city":"Köln"}', "status": "completed"},
    },
    {"type": "response.completed", "response": response(usage=USAGE)},
)


def added(place: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def done(place: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def delta(kind: str, place: int, item_id: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"response.{kind}.delta",
        "output_index": place,
        "item_id": item_id,
        "delta": text,
        **more,
    }


def call(place: int, arguments: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{place}",
        "call_id": f"call_{place}",
        "name": "find",
        "arguments": arguments,
    }


_THOUGHT = {
    "type": "reasoning",
    "id": "rs",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "hm"}],
}

VLLM = sse(
    {"type": "response.created", "response": response(status="in_progress"), "sequence_number": 0},
    {"type": "response.in_progress", "response": response(status="in_progress"), "sequence_number": 1},
    added(0, {**_THOUGHT, "content": None, "status": "in_progress"}),
    delta("reasoning_text", 0, "rs", "hm", content_index=0),
    done(0, _THOUGHT),
    added(1, {**message("", "m1"), "content": []}),
    delta("output_text", 1, "m1", "Let me ", content_index=0, logprobs=[]),
    delta("output_text", 1, "m1", "look.", content_index=0, logprobs=[]),
    done(1, message("Let me look.", "m1")),
    added(2, call(2, '{"a"')),  # said in the item, and once more as a delta
    delta("function_call_arguments", 2, "fc_2", '{"a"'),
    delta("function_call_arguments", 2, "fc_2", ":1}"),
    done(2, call(2, '{"a":1}')),
    added(3, call(3, "")),
    delta("function_call_arguments", 3, "fc_3", "{}"),
    done(3, call(3, "{}")),
    {"type": "response.completed", "response": response(_THOUGHT, message("other ids"), usage=USAGE)},
    "[DONE]",
)

_SUMMARY = {
    "type": "reasoning",
    "id": "rs",
    "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
    "encrypted_content": "one two",
}

OLLAMA = sse(
    {"type": "response.created", "response": response(status="in_progress"), "sequence_number": 0},
    added(0, {**_SUMMARY, "summary": []}),
    delta("reasoning_summary_text", 0, "rs", "one", summary_index=0),
    delta("reasoning_summary_text", 0, "rs", "two", summary_index=1),
    done(0, _SUMMARY),
    added(1, {**message("", "m1"), "content": []}),
    delta("output_text", 1, "m1", "A", content_index=0),
    delta("refusal", 1, "m1", "B", content_index=1),
    done(
        1, {**message("A", "m1"), "content": [*message("A")["content"], {"type": "refusal", "refusal": "B"}]}
    ),
    {
        "type": "response.incomplete",
        "response": response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    },
)

STREAMS = {"llama.cpp": LLAMA, "llama.cpp's call": LLAMA_CALL, "vLLM": VLLM, "Ollama": OLLAMA}


def events(pieces: Iterable[bytes], *, stream: bool = True) -> Sequence[AnswerEvent] | None:
    """None if it is refused."""
    reader = ResponsesReader(stream)
    try:
        return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()
    except UpstreamUnavailable:
        return None
