"""An answer's events as an OpenAI chat answer: chunks of a stream, or one body.

Everything the caller reads is written here anew; of the upstream's bytes nothing is passed on. The model's
name is the one that the caller used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from proxy.errors import Denied, SluicegateError
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Head, Lane, ToolOpen, Usage
from proxy.wire import sse
from proxy.wire.openai_errors import error_body

FINGERPRINT: Final = "sluicegate"
"""Some clients want one. A server's own is not passed on: it is a place for words that nobody read."""

_MEMBERS: Final = {"content": "content", "reasoning": "reasoning_content", "refusal": "refusal"}
"""The member of a message that carries a lane. Of reasoning's two names in the field this is the older."""


class ChatWriter:
    """`write` each event. A stream's bytes come as they can; a whole answer's with `End`.

    An `Exchange` tells the model, whether it is a stream, and whether the caller wants the usage in it.
    """

    def __init__(self, exchange: Exchange) -> None:
        options = exchange.body.get("stream_options") or {}
        self._framing: _Stream | _Whole = (
            _Stream(exchange, include_usage=options.get("include_usage", False))
            if exchange.stream
            else _Whole(exchange)
        )

    def write(self, event: AnswerEvent) -> bytes:
        return self._framing.write(event)

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        """The end of a stream that may not go on: an error event, which the official clients raise, and no
        `[DONE]`. Where a rule stopped it, every choice still open ends with `content_filter` first."""
        return self._framing.error(error, request_id)


class _Stream:
    """Chunks. What stands around a chunk's delta is written once."""

    def __init__(self, exchange: Exchange, *, include_usage: bool) -> None:
        self._exchange = exchange
        self._include_usage = include_usage
        self._usage: Usage | None = None
        self._head = _prefix(exchange, Head(0))
        self._tail = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"
        self._open: dict[int, bool] = {}

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text):
                return self._role(lane.choice) + self._chunk(lane.choice, _delta(lane, text), b"null")
            case ToolOpen(lane):
                return self._role(lane.choice) + self._chunk(lane.choice, _opened(event), b"null")
            case Finish(choice, reason):
                return self._role(choice) + self._finish(choice, reason)
            case Head():
                self._head = _prefix(self._exchange, event)
            case Usage():
                self._usage = event
            case End():
                return self._last() + sse.DONE
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        filtered = b""
        if isinstance(error, Denied):
            going = [choice for choice, is_open in self._open.items() if is_open]
            filtered = b"".join(self._finish(choice, "content_filter") for choice in going)
        return filtered + sse.event(error_body(error, request_id))

    def _role(self, choice: int) -> bytes:
        """Before anything else of a choice, as OpenAI does."""
        if choice in self._open:
            return b""
        self._open[choice] = True
        return self._chunk(choice, b'"role":"assistant","content":""', b"null")

    def _finish(self, choice: int, reason: str) -> bytes:
        self._open[choice] = False
        return self._chunk(choice, b"", orjson.dumps(reason))

    def _chunk(self, choice: int, delta: bytes, finish: bytes) -> bytes:
        return b'%b,"choices":[{"index":%d,"delta":{%b},"logprobs":null,"finish_reason":%b%b' % (
            self._head, choice, delta, finish, self._tail,
        )  # fmt: skip

    def _last(self) -> bytes:
        if not self._include_usage or self._usage is None:
            return b""
        return b'%b,"choices":[],"usage":%b}\n\n' % (self._head, orjson.dumps(_usage(self._usage)))


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    arguments: list[str] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class _Choice:
    texts: dict[str, list[str]] = field(default_factory=dict, repr=False)
    calls: dict[int, _Call] = field(default_factory=dict, repr=False)
    finish: str | None = None


class _Whole:
    """One body, when all is said."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._head = Head(0)
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text) if lane.kind == "tool":
                self._choice(lane.choice).calls[lane.index].arguments.append(text)
            case Delta(lane, text):
                self._choice(lane.choice).texts.setdefault(_MEMBERS[lane.kind], []).append(text)
            case ToolOpen(lane, call_id, name):
                self._choice(lane.choice).calls[lane.index] = _Call(call_id, name)
            case Finish(choice, reason):
                self._choice(choice).finish = reason
            case Head():
                self._head = event
            case Usage():
                self._usage = event
            case End():
                return self._body()
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return error_body(error, request_id)

    def _choice(self, index: int) -> _Choice:
        return self._choices.setdefault(index, _Choice())

    def _body(self) -> bytes:
        body = _envelope(self._exchange, self._head, "completion")
        body["choices"] = [_choice(index, self._choices[index]) for index in sorted(self._choices)]
        if self._usage is not None:
            body["usage"] = _usage(self._usage)
        return orjson.dumps(body)


def _delta(lane: Lane, text: str) -> bytes:
    if lane.kind != "tool":
        return b'"%b":%b' % (_MEMBERS[lane.kind].encode(), orjson.dumps(text))
    return b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (lane.index, orjson.dumps(text))


def _opened(call: ToolOpen) -> bytes:
    opened = {
        "index": call.lane.index,
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    return b'"tool_calls":[%b]' % orjson.dumps(opened)


def _prefix(exchange: Exchange, head: Head) -> bytes:
    """Every chunk of an answer up to its choices."""
    return b"data: " + orjson.dumps(_envelope(exchange, head, "chunk"))[:-1]


def _envelope(exchange: Exchange, head: Head, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{exchange.id}",
        "object": "chat.completion.chunk" if kind == "chunk" else "chat.completion",
        "created": head.created,
        "model": exchange.model,
        "system_fingerprint": FINGERPRINT,
    }


def _choice(index: int, choice: _Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if choice.calls else "", "refusal": None}
    message |= {name: "".join(pieces) for name, pieces in choice.texts.items()}
    if choice.calls:
        message["tool_calls"] = _calls([choice.calls[number] for number in sorted(choice.calls)])
    return {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish}


def _calls(calls: Sequence[_Call]) -> list[dict[str, Any]]:
    return [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": "".join(call.arguments)},
        }
        for call in calls
    ]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
