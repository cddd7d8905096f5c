"""The answer of a server that speaks Anthropic's messages, streamed or whole, as events.

Blocks of one kind become one lane, tool calls one each. Bytes in, events out.
Signatures are left out: no guard can read them. What the events become for the caller is `writer.py`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Json, Lane, LaneKind, Tokens, ToolOpen, Usage
from proxy.wire import answers, tree
from proxy.wire.answers import malformed
from proxy.wire.anthropic.blocks import MOST_BLOCKS
from proxy.wire.openai_chat.messages import TOOL_CALLS
from proxy.wire.sse import SseReader

Members = dict[str, Json]


class CountReader:
    """The answer to a question for the count of tokens. Raises UpstreamUnavailable."""

    def __init__(self, _stream: bool) -> None:  # there is none
        self.dropped: Counter[str] = Counter()
        self._whole = answers.Body()

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        self._whole.hold(piece)
        return []

    def finish(self) -> list[AnswerEvent]:
        counted = answers.members(answers.parsed(self._whole.take()))
        answers.count_unknown(self.dropped, counted, _COUNTED)
        if counted.get("input_tokens") is None:
            raise malformed("input_tokens")
        return [Tokens(answers.tokens(counted, "input_tokens")), End()]


class MessageReader:
    """`feed` what comes, `finish` when the upstream has closed the answer. Raises UpstreamUnavailable.

    `dropped` counts, by name, fields that are not known here and that had something in them.
    """

    def __init__(self, stream: bool) -> None:  # the one thing there is to say
        self.dropped: Counter[str] = Counter()
        self._sse = SseReader() if stream else None
        self._whole = answers.Body()
        self._message = _Message(self.dropped)

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        if self._sse is None:
            self._whole.hold(piece)
            return []
        events: list[AnswerEvent] = []
        for payload in self._sse.feed(piece):
            if self._message.ended:
                break  # vLLM ends as OpenAI does, too
            events.extend(self._message.event(answers.members(answers.parsed(payload))))
        return events

    def finish(self) -> list[AnswerEvent]:
        """Nothing more comes: an answer that has not said that it is whole was cut off."""
        if self._sse is None:
            return list(self._message.whole(answers.members(answers.parsed(self._whole.take()))))
        if not self._message.ended:
            raise UpstreamUnavailable("The model server's stream was cut off.")
        return []


@dataclass(slots=True)
class _Block:
    """A block that is open. Without a lane it is of a kind that is not known here, and is left out."""

    kind: str
    lane: Lane | None
    spoken: bool = False

    def given(self, block: Members) -> Iterator[AnswerEvent]:
        """What already stands in a block when it opens: all of it, in an answer that is not streamed."""
        if self.kind != "tool_use":
            yield from self.text(block.get(self.kind))
        elif block.get("input"):
            if not isinstance(block["input"], dict):
                raise malformed("input")
            yield from self.text(tree.dump(block["input"]).decode())

    def text(self, text: Json) -> Iterator[AnswerEvent]:
        if text is None or text == "":
            return
        if not isinstance(text, str):
            raise malformed("the text of a block")
        if self.lane is not None:
            self.spoken = True
            yield Delta(self.lane, text)

    def closed(self) -> Iterator[AnswerEvent]:
        """No arguments at all are an empty object here."""
        if self.kind == "tool_use" and not self.spoken:
            yield from self.text("{}")


class _Message:
    """One message while it comes: a head, blocks one after the other, a reason to stop, an end."""

    def __init__(self, dropped: Counter[str]) -> None:
        self.ended = False
        self._dropped = dropped
        self._usage: Members = {}
        self._begun = False
        self._stopped = False
        self._blocks = 0
        self._block: _Block | None = None
        self._calls = 0

    def event(self, event: Members) -> Iterator[AnswerEvent]:
        kind = event.get("type")
        read = self._EVENTS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise malformed("an event of an unknown type")
        if not self._begun and kind not in ("message_start", "ping"):
            raise malformed("an event before its beginning")
        answers.count_unknown(self._dropped, event, _EVENT)
        return read(self, event)

    def whole(self, message: Members) -> Iterator[AnswerEvent]:
        if message.get("type") != "message":
            raise malformed("message")
        yield from self._head(message)
        for index, block in enumerate(answers.objects(message.get("content"), "content")):
            yield from self._open({"index": index, "content_block": block})
            yield from self._close({"index": index})
        yield from self._finish(message)
        yield from self._end({})

    def _start(self, event: Members) -> Iterator[AnswerEvent]:
        message = event.get("message")
        if self._begun or not isinstance(message, dict) or message.get("content"):
            raise malformed("message_start")
        yield from self._head(message)

    def _head(self, message: Members) -> Iterator[AnswerEvent]:
        self._begun = True
        answers.count_unknown(self._dropped, message, _MESSAGE)
        self._take_usage(message)
        yield answers.head(message)

    def _open(self, event: Members) -> Iterator[AnswerEvent]:
        block = event.get("content_block")
        if self._block is not None or self._stopped or not isinstance(block, dict):
            raise malformed("a block inside another")
        if answers.index(event.get("index"), MOST_BLOCKS) != self._blocks:
            raise malformed("index")
        self._blocks += 1
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            self._block = _Block("", None)
            self._dropped["content_block"] += 1
            return
        answers.count_unknown(self._dropped, block, _KINDS[kind])
        if kind == "tool_use":
            opened = self._call(block)
            yield opened
            self._block = _Block(kind, opened.lane)
        else:
            self._block = _Block(kind, Lane(0, _LANES[kind]))
        yield from self._block.given(block)

    def _call(self, block: Members) -> ToolOpen:
        lane = Lane(0, "tool", answers.index(self._calls, TOOL_CALLS))
        self._calls += 1
        call_id, name = (
            answers.printable(block.get(member), "the id or name of a tool call") for member in ("id", "name")
        )
        return ToolOpen(lane, call_id, name)

    def _delta(self, event: Members) -> Iterator[AnswerEvent]:
        delta = event.get("delta")
        if self._block is None or event.get("index") != self._blocks - 1 or not isinstance(delta, dict):
            raise malformed("a delta outside its block")
        kind = delta.get("type")
        if self._block.lane is None or kind == "signature_delta":
            return
        if not isinstance(kind, str) or kind not in _DELTAS:
            self._dropped["delta"] += 1
            return
        of, member = _DELTAS[kind]
        if of != self._block.kind:
            raise malformed("a delta of another type than its block")
        answers.count_unknown(self._dropped, delta, frozenset({"type", member}))
        yield from self._block.text(delta.get(member))

    def _close(self, event: Members) -> Iterator[AnswerEvent]:
        if self._block is None or event.get("index") != self._blocks - 1:
            raise malformed("the end of a block that is not open")
        yield from self._block.closed()
        self._block = None

    def _stop(self, event: Members) -> Iterator[AnswerEvent]:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            raise malformed("message_delta")
        answers.count_unknown(self._dropped, delta, _STOP)
        return self._finish({**delta, "usage": event.get("usage")})

    def _finish(self, message: Members) -> Iterator[AnswerEvent]:
        if self._block is not None:
            raise malformed("a block that does not end")
        self._take_usage(message)
        reason = message.get("stop_reason")
        if reason is not None and not self._stopped:
            self._stopped = True
            yield Finish(0, _reason(reason), answers.stop_string(message.get("stop_sequence")))

    def _end(self, _event: Members) -> Iterator[AnswerEvent]:
        if not self._stopped or self._block is not None:
            raise UpstreamUnavailable("The model server ended its answer before it was whole.")
        self.ended = True
        yield _usage(self._usage)
        yield End()

    def _ping(self, _event: Members) -> Iterator[AnswerEvent]:
        return iter(())

    def _take_usage(self, message: Members) -> None:
        """Told at the beginning and, as totals, at the end; what the end leaves out still counts."""
        usage = message.get("usage")
        if usage is None:
            return
        if not isinstance(usage, dict):
            raise malformed("usage")
        self._usage |= {name: count for name, count in usage.items() if count is not None}

    _EVENTS: Final = {
        "message_start": _start,
        "content_block_start": _open,
        "content_block_delta": _delta,
        "content_block_stop": _close,
        "message_delta": _stop,
        "message_stop": _end,
        "ping": _ping,
    }


def _reason(reason: Json) -> str:
    """A closed list: this is no place for words of the server's own."""
    told = _REASONS.get(reason) if isinstance(reason, str) else None
    if told is None:
        raise UpstreamUnavailable("The model server gave up on its answer.")
    return told


def _usage(counts: Members) -> Usage:
    """Anthropic tells tokens from a cache apart from those that were read."""
    cached = answers.tokens(counts, "cache_read_input_tokens")
    fresh = answers.tokens(counts, "input_tokens") + answers.tokens(counts, "cache_creation_input_tokens")
    return Usage(prompt=fresh + cached, completion=answers.tokens(counts, "output_tokens"), cached=cached)


_COUNTED: Final = frozenset({"input_tokens"})
_EVENT: Final = frozenset({"type", "message", "index", "content_block", "delta", "usage"})
_STOP: Final = frozenset({"stop_reason", "stop_sequence"})
_MESSAGE: Final = frozenset(
    {"id", "type", "role", "content", "model", "stop_reason", "stop_sequence", "usage", "created"}
)
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "tool_use": frozenset({"type", "id", "name", "input"}),
}
"""Blocks that are known, and their members."""

_LANES: Final[Mapping[str, LaneKind]] = {"text": "content", "thinking": "reasoning"}
_DELTAS: Final[Mapping[str, tuple[str, str]]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("tool_use", "partial_json"),
}
"""A delta's type: the block it belongs to, and the member that holds its text."""

_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""What servers say, and what the others call it. Not here: `pause_turn`, which is no end."""
