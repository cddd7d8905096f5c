"""An upstream that behaves as a model with a tool: seven times it calls it with the pseudonyms that it knows,
and then it says all of them. It knows only what came through its socket.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proxy.redact.vault import PSEUDONYM
from tests.flows.echo_upstream import EchoUpstream, _chunk, _event, _sse

CALLS = 7
PIECE_CHARS = 3  # every pseudonym comes in many pieces
START = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class AgentUpstream(EchoUpstream):
    async def _stream(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        said = [message for message in asked["messages"] if message["role"] == "assistant"]
        known = list(dict.fromkeys(PSEUDONYM.findall(json.dumps(asked["messages"]))))
        writer.write(START)
        if len(said) < CALLS:
            for event in _call(len(said), known):
                _chunk(writer, event)
            _chunk(writer, _event({}, "tool_calls"))
        else:
            for piece in _pieces(f"Done: {'; '.join(known)}."):
                _chunk(writer, _event({"content": piece}))
            _chunk(writer, _event({}, "stop"))
        _chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


def _call(number: int, known: Sequence[str]) -> list[bytes]:
    """Some words, and a call with everything that is known so far."""
    words = [_event({"content": piece}) for piece in _pieces(f"Asking {known[-1]} now. ")]
    opened: dict[str, Any] = {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": "read_ledger", "arguments": ""},
    }
    arguments = json.dumps({"contact": known[-1], "all": "; ".join(known)})
    deltas = [opened, *({"function": {"arguments": piece}} for piece in _pieces(arguments))]
    return words + [_tool_event({"index": 0, **delta}) for delta in deltas]


def _tool_event(call: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    envelope = {"id": "agent-1", "object": "chat.completion.chunk", "created": 1, "model": "echo"}
    return _sse({**envelope, "choices": [choice]})


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
