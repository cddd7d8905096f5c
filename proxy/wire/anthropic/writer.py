"""An answer's events as Anthropic's messages: events of a stream, or one body; and a count of tokens.

Everything the caller reads is written here anew; of the upstream's bytes nothing is passed on. Blocks stand
one after the other, so where lanes take turns each turn is a block of its own. Tool calls come last and
whole: their input is decided about whole anyway.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from proxy.errors import Denied, SluicegateError, UpstreamUnavailable
from proxy.exchange import (
    AnswerEvent,
    Delta,
    End,
    Exchange,
    Finish,
    Lane,
    LaneKind,
    Tokens,
    ToolOpen,
    Usage,
)
from proxy.wire import tree
from proxy.wire.anthropic.errors import error_body

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
"""Anthropic's own way to keep a stream warm; its clients skip it."""


class MessageWriter:
    """`write` each event. A stream's bytes come as they can; a whole answer's with `End`."""

    def __init__(self, exchange: Exchange) -> None:
        self._framing: _Stream | _Whole = _Stream(exchange) if exchange.stream else _Whole(exchange)

    def write(self, event: AnswerEvent) -> bytes:
        return self._framing.write(event)

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        """The end of a stream that may not go on: an `error` event, which the official clients raise, and no
        `message_stop`. The open block is closed first; where a rule stopped it, the reason is `refusal`."""
        return self._framing.error(error, request_id)


class CountWriter:
    def __init__(self, _exchange: Exchange) -> None:
        self._count = 0

    def write(self, event: AnswerEvent) -> bytes:
        if isinstance(event, Tokens):
            self._count = event.count
        return orjson.dumps({"input_tokens": self._count}) if isinstance(event, End) else b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return error_body(error, request_id)


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    input: list[str] = field(default_factory=list, repr=False)


class _Told:
    """What of an answer both framings keep until its end."""

    def __init__(self, exchange: Exchange) -> None:
        self._stops = exchange.body.get("stop_sequences", ())
        self.calls: dict[int, _Call] = {}
        self.usage: Usage | None = None
        self._finish: Finish | None = None
        self.refused = False

    def take(self, event: AnswerEvent) -> None:
        match event:
            case Delta(lane, text) if lane.kind == "tool":
                self.calls[lane.index].input.append(text)
            case ToolOpen(lane, call_id, name):
                self.calls[lane.index] = _Call(call_id, name)
            case Finish():
                self._finish = event
            case Usage():
                self.usage = event

    def in_order(self) -> Iterator[_Call]:
        return (self.calls[index] for index in sorted(self.calls))

    def stop(self) -> dict[str, Any]:
        """Why it ended. The string that ended it is only repeated if it is one of the caller's own."""
        finish = self._finish or Finish(0, "stop")
        if finish.stop is not None and finish.stop in self._stops:
            return {"stop_reason": "stop_sequence", "stop_sequence": finish.stop}
        reason = _REASONS[finish.reason]
        if reason == "end_turn" and self.refused:
            reason = "refusal"
        if reason == "end_turn" and self.calls:
            reason = "tool_use"  # servers of OpenAI's dialect say `stop` when a call was demanded
        return {"stop_reason": reason, "stop_sequence": None}


class _Stream:
    """Events. What stands around a block's deltas is written once."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._told = _Told(exchange)
        self._begun = False
        self._blocks = 0
        self._lane: Lane | None = None
        self._around = (b"", b"")

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text) if lane.kind != "tool":
                turn = b"" if lane == self._lane else self._turn(lane)
                before, after = self._around
                return turn + before + orjson.dumps(text) + after
            case End():
                return self._last()
            case _:
                self._told.take(event)
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        ended = self._close()
        if self._begun and isinstance(error, Denied):
            ended += self._stopped({"stop_reason": "refusal", "stop_sequence": None})
        return ended + b"event: error\ndata: " + error_body(error, request_id) + b"\n\n"

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = _envelope(self._exchange)
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": _usage(None)}
        return _event({"type": "message_start", "message": message})

    def _turn(self, lane: Lane) -> bytes:
        """Another lane speaks: the open block ends, and one of this lane's kind begins."""
        kind = _KINDS[lane.kind]
        self._told.refused |= lane.kind == "refusal"
        out = self._begin() + self._close() + self._open(dict(_EMPTY[kind]))
        self._lane = lane
        return out

    def _open(self, block: Mapping[str, Any]) -> bytes:
        delta, member = _DELTAS[block["type"]]
        start = {"type": "content_block_start", "index": self._blocks, "content_block": block}
        before = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,' % self._blocks
        self._around = (before + b'"delta":{"type":"%b","%b":' % (delta, member), b"}}\n\n")
        self._blocks += 1
        return _event(start)

    def _close(self) -> bytes:
        if self._lane is None:
            return b""
        self._lane = None
        return _event({"type": "content_block_stop", "index": self._blocks - 1})

    def _call(self, call: _Call) -> bytes:
        opened = self._open({"type": "tool_use", "id": call.call_id, "name": call.name, "input": {}})
        before, after = self._around
        given = before + orjson.dumps("".join(call.input)) + after
        return opened + given + _event({"type": "content_block_stop", "index": self._blocks - 1})

    def _last(self) -> bytes:
        out = self._begin() + self._close() + b"".join(map(self._call, self._told.in_order()))
        return out + self._stopped(self._told.stop()) + _event({"type": "message_stop"})

    def _stopped(self, stop: Mapping[str, Any]) -> bytes:
        """Usage is told here once more, because at the beginning nobody knows it."""
        return _event({"type": "message_delta", "delta": stop, "usage": _usage(self._told.usage)})


class _Whole:
    """One body, when all is said."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._told = _Told(exchange)
        self._texts: dict[LaneKind, list[str]] = {"reasoning": [], "content": [], "refusal": []}

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text) if lane.kind != "tool":
                self._texts[lane.kind].append(text)
            case End():
                return self._body()
            case _:
                self._told.take(event)
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return error_body(error, request_id)

    def _body(self) -> bytes:
        self._told.refused = bool(self._texts["refusal"])
        body = _envelope(self._exchange) | {"content": list(self._blocks())}
        return orjson.dumps({**body, **self._told.stop(), "usage": _usage(self._told.usage)})

    def _blocks(self) -> Iterator[dict[str, Any]]:
        for lane, pieces in self._texts.items():
            if pieces:
                kind = _KINDS[lane]
                yield {**_EMPTY[kind], kind: "".join(pieces)}
        for call in self._told.in_order():
            yield {"type": "tool_use", "id": call.call_id, "name": call.name, "input": _input(call)}


def _envelope(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": f"msg_{exchange.id}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model,
    }


def _input(call: _Call) -> dict[str, Any]:
    """In a body that is not streamed the input is an object, so what is none cannot be told. A stream passes
    it on as text, and its readers know arguments that were cut off at the bound of tokens."""
    given = tree.embedded("".join(call.input) or "{}")
    if not isinstance(given, dict):
        raise UpstreamUnavailable("The model called a tool with arguments that are not a JSON object.")
    return given


def _usage(usage: Usage | None) -> dict[str, int]:
    """Anthropic tells tokens from a cache apart from those that were read."""
    told = usage or Usage(0, 0)
    return {
        "input_tokens": max(told.prompt - told.cached, 0),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": told.cached,
        "output_tokens": told.completion,
    }


def _event(event: Mapping[str, Any]) -> bytes:
    """An event says its type twice: the official clients look at the first, others at the second."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))


_KINDS: Final[Mapping[str, str]] = {"reasoning": "thinking", "content": "text", "refusal": "text"}
"""The block that carries a lane. A refusal is told in text; that it is one, the reason to stop tells."""

_EMPTY: Final[Mapping[str, Mapping[str, str]]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "text": (b"text_delta", b"text"),
    "thinking": (b"thinking_delta", b"thinking"),
    "tool_use": (b"input_json_delta", b"partial_json"),
}
_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
