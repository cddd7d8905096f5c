"""An answer's events as Ollama's clients read them: lines of a stream, or one body.

Durations are 0: those that an upstream measured are not the caller's, and there are no others. A tool call
is written when it is whole, because its arguments are an object.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import unpack
from typing import Final, Literal

import orjson

from proxy.errors import Denied, SluicegateError, UpstreamUnavailable, told
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Head, Json, ToolOpen, Usage, Vector
from proxy.wire.ndjson import line, unbroken

CHAT_COMMENT: Final = (
    b'{"model":"","created_at":"1970-01-01T00:00:00Z",'
    b'"message":{"role":"assistant","content":""},"done":false}\n'
)
GENERATE_COMMENT: Final = b'{"model":"","created_at":"1970-01-01T00:00:00Z","response":"","done":false}\n'
"""A piece of an answer with nothing in it keeps a stream warm: there are no comments in JSON."""

_LATEST: Final = 253_402_300_799  # the last second of the year 9999, beyond which there is no RFC 3339

_REASONS: Final[Mapping[str, str]] = {"tool_calls": "stop"}
"""Ollama has no word of its own for it."""

_DURATIONS: Final = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


class TextWriter:
    """Of chat and generate. `write` each event: a stream's lines as they come, a whole answer with `End`."""

    def __init__(self, exchange: Exchange, kind: Literal["chat", "generate"]) -> None:
        self._model = exchange.model
        self._stream = exchange.stream
        self._spelling = _SPELLINGS[kind]
        self._envelope: dict[str, Json] = {}
        self._prefix = b""
        self._begin(0)
        self._texts: dict[str, list[str]] = {"content": [], "reasoning": []}
        self._opened: ToolOpen | None = None
        self._calls: list[Json] = []
        self._finish = "stop"
        self._usage = Usage(0, 0)

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text) if lane.kind == "tool":
                return self._call(text)
            case Delta(lane, text):
                return self._text("reasoning" if lane.kind == "reasoning" else "content", text)
            case ToolOpen():
                self._opened = event
            case Head(created):
                self._begin(created)
            case Finish(_, reason):
                self._finish = _REASONS.get(reason, reason)
            case Usage():
                self._usage = event
            case End():
                return self._last()
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        """A last line, which the official clients raise. Where a rule stopped the answer, it says so, too."""
        told = _error(error, request_id)
        if isinstance(error, Denied):
            told |= {"done": True, "done_reason": "content_filter"}
        return line(told)

    def _begin(self, created: int) -> None:
        self._envelope = {"model": self._model, "created_at": _rfc3339(created)}
        self._prefix = orjson.dumps(self._envelope)[:-1]

    def _text(self, lane: str, text: str) -> bytes:
        if not self._stream:
            self._texts[lane].append(text)
            return b""
        return b'%b,%b,"done":false}\n' % (self._prefix, self._spelling.piece(lane, text))

    def _call(self, arguments: str) -> bytes:
        opened, self._opened = self._opened, None
        if opened is None:
            raise UpstreamUnavailable("The model server sent arguments of a tool call that it never opened.")
        function = {"index": len(self._calls), "name": opened.name, "arguments": _object(arguments)}
        call = {"id": opened.call_id, "function": function}
        self._calls.append(call)
        if not self._stream:
            return b""
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        return line({**self._envelope, "message": message, "done": False})

    def _last(self) -> bytes:
        texts = {lane: "".join(pieces) for lane, pieces in self._texts.items()}
        last = {
            **self._envelope,
            **self._spelling.whole(texts, [] if self._stream else self._calls),
            "done": True,
            "done_reason": self._finish,
            **dict.fromkeys(_DURATIONS, 0),
            "prompt_eval_count": self._usage.prompt,
            "eval_count": self._usage.completion,
        }
        return line(last) if self._stream else orjson.dumps(last)


@dataclass(frozen=True, slots=True)
class _Spelling:
    """`message`: whether texts stand inside a message, as in a chat, or in the answer itself."""

    message: bool
    content: str

    def piece(self, lane: str, text: str) -> bytes:
        """Of a stream, and written for every few letters of it."""
        said = unbroken(orjson.dumps(text))
        if self.message:
            if lane == "content":
                return b'"message":{"role":"assistant","content":%b}' % said
            return b'"message":{"role":"assistant","content":"","thinking":%b}' % said
        return b'"response":%b' % said if lane == "content" else b'"response":"","thinking":%b' % said

    def whole(self, texts: Mapping[str, str], calls: list[Json]) -> dict[str, Json]:
        members: dict[str, Json] = {self.content: texts["content"]}
        if texts["reasoning"]:
            members["thinking"] = texts["reasoning"]
        if not self.message:
            return members
        return {"message": {"role": "assistant", **members, **({"tool_calls": calls} if calls else {})}}


_SPELLINGS: Final = {
    "chat": _Spelling(message=True, content="content"),
    "generate": _Spelling(message=False, content="response"),
}


class VectorWriter:
    """Of embed, or of the older call, which has one vector and tells nothing else."""

    def __init__(self, exchange: Exchange) -> None:
        self._model = exchange.model
        self._older = exchange.dialect == "ollama_embeddings"
        self._vectors: dict[int, tuple[float, ...]] = {}
        self._usage = Usage(0, 0)

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Vector(index, values):
                self._vectors[index] = _floats(values) if isinstance(values, str) else values
            case Usage():
                self._usage = event
            case End():
                return orjson.dumps(self._body())
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return error_body(error, request_id)

    def _body(self) -> dict[str, Json]:
        vectors = [self._vectors[index] for index in sorted(self._vectors)]
        if self._older:
            return {"embedding": vectors[0]}
        return {
            "model": self._model,
            "embeddings": vectors,
            "total_duration": 0,
            "load_duration": 0,
            "prompt_eval_count": self._usage.prompt,
        }


def error_body(error: SluicegateError, request_id: str) -> bytes:
    """Nothing in it comes from the request or from an upstream."""
    return orjson.dumps(_error(error, request_id))


def _error(error: SluicegateError, request_id: str) -> dict[str, Json]:
    return {
        "error": told(error),  # all that Ollama's clients show
        "code": error.code,
        "param": error.param,
        "rules": error.rules,
        "request_id": request_id,
    }


def _object(arguments: str) -> dict[str, Json]:
    """No arguments at all are an empty object. Raises UpstreamUnavailable for what is none."""
    try:
        value = orjson.loads(arguments) if arguments.strip() else {}
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise UpstreamUnavailable("The model server sent tool arguments that are not a JSON object.")
    return value


def _floats(text: str) -> tuple[float, ...]:
    """From the base64 of 32-bit numbers, the lowest byte first, as OpenAI has them."""
    raw = b64decode(text)
    if not raw or len(raw) % 4:
        raise UpstreamUnavailable("The model server sent an embedding that is not made of 32-bit numbers.")
    return unpack(f"<{len(raw) // 4}f", raw)


def _rfc3339(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds if seconds <= _LATEST else 0, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
