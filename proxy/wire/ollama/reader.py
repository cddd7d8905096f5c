"""An Ollama's answer, streamed or whole, as events. Bytes in, events out.

The server is not trusted with its shape. A stream is whole when a line says `done`; embeddings come whole.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Json, Lane, ToolOpen, Usage, Vector
from proxy.wire import answers, tree
from proxy.wire.answers import malformed
from proxy.wire.ndjson import NdjsonReader
from proxy.wire.ollama.fields import INPUTS
from proxy.wire.ollama.messages import TOOL_CALLS

DIMENSIONS: Final = 65_536
"""Numbers in one vector: several times the widest model's."""


class TextReader:
    """Of chat and generate: they differ in what the text's member is called. Raises UpstreamUnavailable."""

    def __init__(self, stream: bool) -> None:
        self.dropped: Counter[str] = Counter()
        self._lines = NdjsonReader() if stream else None
        self._body = answers.Body()
        self._headed = False
        self._ended = False
        self._calls = 0

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        if self._lines is None:
            self._body.hold(piece)
            return []
        events: list[AnswerEvent] = []
        if self._ended:
            return events
        for line in self._lines.feed(piece):
            if self._read(line, events):
                break
        return events

    def finish(self) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []
        if self._lines is None:
            self._read(self._body.take(), events)
        if not self._ended:
            raise UpstreamUnavailable("The model server's stream was cut off.")
        return events

    def _read(self, payload: bytes, events: list[AnswerEvent]) -> bool:
        """Whether this was the last line."""
        chunk = answers.members(answers.parsed(payload))
        answers.count_unknown(self.dropped, chunk, _CHUNK)
        if not self._headed:
            self._headed = True
            events.append(Head(_created(chunk.get("created_at"))))
        self._read_message(chunk.get("message"), events)
        _read_text(chunk, (("thinking", _REASONING), ("response", _CONTENT)), events)
        done = chunk.get("done")
        if not isinstance(done, bool):
            raise malformed("done")
        if done:
            self._ended = True
            events += [Finish(0, self._reason(chunk.get("done_reason"))), _usage(chunk), End()]
        return done

    def _read_message(self, message: Json, events: list[AnswerEvent]) -> None:
        if message is None:
            return
        if not isinstance(message, dict):
            raise malformed("message")
        answers.count_unknown(self.dropped, message, _MESSAGE)
        _read_text(message, (("thinking", _REASONING), ("content", _CONTENT)), events)
        calls = message.get("tool_calls")
        if calls is not None:
            for call in answers.objects(calls, "tool_calls"):
                self._read_call(call, events)

    def _read_call(self, call: Mapping[str, Json], events: list[AnswerEvent]) -> None:
        """Calls come whole. Their index is not trusted: it starts anew in every line of some versions."""
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
            raise malformed("a tool call")
        lane = Lane(0, "tool", answers.index(self._calls, TOOL_CALLS))
        self._calls += 1
        name = answers.printable(function.get("name"), "the name of a tool call")
        events.append(ToolOpen(lane, answers.printable_or(call.get("id")) or f"call_{self._calls}", name))
        events.append(Delta(lane, tree.dump(function["arguments"]).decode()))

    def _reason(self, reason: Json) -> str:
        """A closed list: `load` and `unload` are no answers. Old servers say nothing."""
        told = "stop" if reason in (None, "") else reason
        if told not in ("stop", "length"):
            raise UpstreamUnavailable("The model server gave up on its answer.")
        return "tool_calls" if self._calls and told == "stop" else str(told)


class VectorReader:
    """Of embed: one body. Raises UpstreamUnavailable."""

    def __init__(self, _stream: bool) -> None:
        self.dropped: Counter[str] = Counter()
        self._body = answers.Body()

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        self._body.hold(piece)
        return []

    def finish(self) -> list[AnswerEvent]:
        body = answers.members(answers.parsed(self._body.take()))
        answers.count_unknown(self.dropped, body, _VECTORS)
        vectors = body.get("embeddings")
        if not isinstance(vectors, list) or not 1 <= len(vectors) <= INPUTS:
            raise malformed("embeddings")
        read = [Vector(index, _numbers(vector)) for index, vector in enumerate(vectors)]
        return [*read, Usage(answers.tokens(body, "prompt_eval_count"), 0), End()]


def _read_text(
    members: Mapping[str, Json], lanes: tuple[tuple[str, Lane], ...], events: list[AnswerEvent]
) -> None:
    for name, lane in lanes:
        text = members.get(name)
        if text is None or text == "":
            continue
        if not isinstance(text, str):
            raise malformed(name)
        events.append(Delta(lane, text))


def _usage(chunk: Mapping[str, Json]) -> Usage:
    return Usage(answers.tokens(chunk, "prompt_eval_count"), answers.tokens(chunk, "eval_count"))


def _numbers(vector: Json) -> tuple[float, ...]:
    if not isinstance(vector, list) or not 1 <= len(vector) <= DIMENSIONS:
        raise malformed("embeddings")
    if not all(type(one) in (int, float) for one in vector):  # orjson reads no infinite ones
        raise malformed("embeddings")
    return tuple(vector)


def _created(text: Json) -> int:
    """Unix seconds of an RFC 3339 time; 0 for what is none."""
    try:
        seconds = int(datetime.fromisoformat(text).timestamp()) if isinstance(text, str) else 0
    except (ValueError, OverflowError, OSError):
        return 0
    return max(seconds, 0)


_CONTENT: Final = Lane(0, "content")
_REASONING: Final = Lane(0, "reasoning")

_MEASURED: Final = (
    *("model", "created_at", "remote_model", "remote_host", "total_duration", "load_duration"),
    *("prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"),
)
_CHUNK: Final = frozenset({*_MEASURED, "message", "response", "thinking", "done", "done_reason", "context"})
"""`context`, the conversation as token ids, is known and not passed on."""

_MESSAGE: Final = frozenset({"role", "content", "thinking", "tool_calls"})
_VECTORS: Final = frozenset({*_MEASURED, "embeddings"})
