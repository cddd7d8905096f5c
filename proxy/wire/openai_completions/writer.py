"""An answer's events as an OpenAI text completion: chunks of a stream, or one body.

Everything the caller reads is written here anew; the model's name is the one that the caller used.
"""

from typing import Any

import orjson

from proxy.errors import Denied, SluicegateError
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Head, Usage
from proxy.wire import sse
from proxy.wire.openai_chat.writer import FINGERPRINT
from proxy.wire.openai_errors import error_body


class CompletionWriter:
    """`write` each event. A stream's bytes come as they can; a whole answer's with `End`."""

    def __init__(self, exchange: Exchange) -> None:
        self._framing: _Stream | _Whole = _Stream(exchange) if exchange.stream else _Whole(exchange)

    def write(self, event: AnswerEvent) -> bytes:
        return self._framing.write(event)

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        """An error event and no `[DONE]`, as in a chat; after a rule's stop every open text is filtered."""
        return self._framing.error(error, request_id)


class _Stream:
    """Chunks. What stands around a text is written once."""

    def __init__(self, exchange: Exchange) -> None:
        options = exchange.body.get("stream_options") or {}
        self._exchange = exchange
        self._include_usage: bool = options.get("include_usage", False)
        self._usage: Usage | None = None
        self._prefix = _prefix(exchange, Head(0))
        self._tail = b'}],"usage":null}\n\n' if self._include_usage else b"}]}\n\n"
        self._open: dict[int, bool] = {}

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text):
                self._open[lane.choice] = True
                return self._chunk(lane.choice, orjson.dumps(text), b"null")
            case Finish(choice, reason):
                return self._finish(choice, reason)
            case Head():
                self._prefix = _prefix(self._exchange, event)
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

    def _finish(self, choice: int, reason: str) -> bytes:
        self._open[choice] = False
        return self._chunk(choice, b'""', orjson.dumps(reason))

    def _chunk(self, choice: int, text: bytes, finish: bytes) -> bytes:
        return b'%b,"choices":[{"text":%b,"index":%d,"logprobs":null,"finish_reason":%b%b' % (
            self._prefix, text, choice, finish, self._tail,
        )  # fmt: skip

    def _last(self) -> bytes:
        if not self._include_usage or self._usage is None:
            return b""
        return b'%b,"choices":[],"usage":%b}\n\n' % (self._prefix, orjson.dumps(usage(self._usage)))


class _Whole:
    """One body, when all is said."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._head = Head(0)
        self._texts: dict[int, list[str]] = {}
        self._finishes: dict[int, str] = {}
        self._usage: Usage | None = None

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text):
                self._texts.setdefault(lane.choice, []).append(text)
            case Finish(choice, reason):
                self._finishes[choice] = reason
            case Head():
                self._head = event
            case Usage():
                self._usage = event
            case End():
                return self._body()
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return error_body(error, request_id)

    def _body(self) -> bytes:
        body = _envelope(self._exchange, self._head)
        body["choices"] = [
            {
                "text": "".join(self._texts.get(index, ())),
                "index": index,
                "logprobs": None,
                "finish_reason": reason,
            }
            for index, reason in sorted(self._finishes.items())
        ]
        if self._usage is not None:
            body["usage"] = usage(self._usage)
        return orjson.dumps(body)


def _prefix(exchange: Exchange, head: Head) -> bytes:
    """Every chunk of an answer up to its choices."""
    return b"data: " + orjson.dumps(_envelope(exchange, head))[:-1]


def _envelope(exchange: Exchange, head: Head) -> dict[str, Any]:
    return {
        "id": f"cmpl-{exchange.id}",
        "object": "text_completion",
        "created": head.created,
        "model": exchange.model,
        "system_fingerprint": FINGERPRINT,
    }


def usage(told: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": told.prompt,
        "completion_tokens": told.completion,
        "total_tokens": told.prompt + told.completion,
        "prompt_tokens_details": {"cached_tokens": told.cached},
        "completion_tokens_details": {"reasoning_tokens": told.reasoning},
    }
