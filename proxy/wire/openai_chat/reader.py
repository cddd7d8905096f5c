"""The answer of an OpenAI-compatible chat server, streamed or whole, as events. Bytes in, events out.

The server is not trusted with its shape: what is not of the known types is no answer, what is not known is
left out and counted. What the events become for the caller is `openai_writer.py`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Json, Lane, LaneKind, ToolOpen
from proxy.wire import answers
from proxy.wire.answers import malformed
from proxy.wire.fields import CHOICES
from proxy.wire.openai_chat.messages import TOOL_CALLS
from proxy.wire.sse import SseReader


class ChatReader:
    """`feed` what comes, `finish` when the upstream has closed the answer. Raises UpstreamUnavailable.

    `dropped` counts, by name, fields that are not known here and that had something in them.
    """

    def __init__(self, stream: bool) -> None:  # the one thing there is to say
        self.dropped: Counter[str] = Counter()
        self._sse = SseReader() if stream else None
        self._whole = answers.Body()
        self._headed = False
        self._ended = False
        self._bare = False  # neither index nor finish reason: its [DONE] ends the one choice that it has
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._calls: dict[Lane, ToolOpen] = {}

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        if self._sse is None:
            self._whole.hold(piece)
            return []
        if self._ended:
            return []
        events: list[AnswerEvent] = []
        for payload in self._sse.feed(piece):
            if payload == "[DONE]":
                self._end(events)
                break
            self._read(payload, "delta", events)
        return events

    def finish(self) -> list[AnswerEvent]:
        """Nothing more comes: an answer that has not said that it is whole was cut off."""
        if self._sse is None:
            events: list[AnswerEvent] = []
            self._read(self._whole.take(), "message", events)
            self._end(events)
            return events
        if not self._ended:
            raise UpstreamUnavailable("The model server's stream was cut off.")
        return []

    def _end(self, events: list[AnswerEvent]) -> None:
        if self._bare and not self._finished:
            self._finished.add(0)
            events.append(Finish(0, "stop"))
        if not self._open or self._open != self._finished:
            raise UpstreamUnavailable("The model server ended its answer before it was whole.")
        self._ended = True
        events.append(End())

    def _read(self, payload: str | bytes, member: str, events: list[AnswerEvent]) -> None:
        """One chunk of a stream, or the whole answer: they differ in what the text's object is called."""
        chunk = answers.members(answers.parsed(payload))
        self._count(chunk, _CHUNK)
        if not self._headed:
            self._headed = True
            events.append(answers.head(chunk))
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise malformed("choices")
        for choice in choices:
            self._read_choice(choice, member, events)
        usage = chunk.get("usage")
        if usage is not None:
            events.append(answers.usage(usage))

    def _read_choice(self, choice: Json, member: str, events: list[AnswerEvent]) -> None:
        if not isinstance(choice, dict):
            raise malformed("a choice")
        bare = member == "delta" and _is_bare(choice)
        self._bare |= bare
        index = 0 if bare else answers.index(choice.get("index"), CHOICES)
        self._open.add(index)
        if choice.keys() - _CHOICE:
            self._count(choice, _CHOICE)
        message = choice.get(member)
        before = len(events)
        if message is not None:
            if not isinstance(message, dict):
                raise malformed(member)
            self._read_message(message, index, whole=member == "message", events=events)
        if index in self._finished and len(events) > before:
            raise malformed("text after the end of a choice")
        reason = choice.get("finish_reason")
        if reason is not None and index not in self._finished:
            self._finished.add(index)
            stop = choice.get("stop_reason") or choice.get("matched_stop")  # vLLM; SGLang
            events.append(Finish(index, _finish_reason(reason), answers.stop_string(stop)))

    def _read_message(
        self, message: dict[str, Json], index: int, *, whole: bool, events: list[AnswerEvent]
    ) -> None:
        if message.keys() - _MESSAGE:
            self._count(message, _MESSAGE)
        if message.get("reasoning") and message.get("reasoning") == message.get("reasoning_content"):
            message["reasoning"] = None  # vLLM sends it under both names for a while
        for name, kind in _LANES:
            text = message.get(name)
            if text is None or text == "":
                continue
            if not isinstance(text, str):
                raise malformed(name)
            events.append(Delta(Lane(index, kind), text))
        calls = message.get("tool_calls")
        if calls is None:
            return
        if not isinstance(calls, list):
            raise malformed("tool_calls")
        for position, call in enumerate(calls):
            events.extend(self._read_call(call, index, position if whole else None))

    def _read_call(self, call: Json, choice: int, position: int | None) -> Iterator[AnswerEvent]:
        """In a stream the first piece of a call has its id and name, and each piece its index."""
        if not isinstance(call, dict):
            raise malformed("a tool call")
        number = call.get("index") if position is None else position
        lane = Lane(choice, "tool", answers.index(number, TOOL_CALLS))
        function = call.get("function")
        if function is None:
            function = {}
        if not isinstance(function, dict) or call.get("type") not in (None, "", "function"):
            raise malformed("a tool call")
        opened = self._calls.get(lane)
        if opened is None:
            opened = self._calls[lane] = ToolOpen(
                lane,
                answers.printable(call.get("id"), "the id of a tool call"),
                answers.printable(function.get("name"), "the name of a tool call"),
            )
            yield opened
        elif function.get("name") not in (None, "", opened.name) or call.get("id") not in (
            None,
            "",
            opened.call_id,
        ):
            raise malformed("a tool call that changes its name")
        arguments = function.get("arguments")
        if arguments is None or arguments == "":
            return
        if not isinstance(arguments, str):
            raise malformed("arguments")
        yield Delta(lane, arguments)

    def _count(self, members: Mapping[str, Json], known: frozenset[str]) -> None:
        answers.count_unknown(self.dropped, members, known)


def _is_bare(choice: Mapping[str, Json]) -> bool:
    """A piece of text and nothing else: the least that a choice can be, and all that some servers send."""
    delta = choice.get("delta")
    return choice.keys() == {"delta"} and isinstance(delta, dict) and "content" in delta


def _finish_reason(reason: Json) -> str:
    """A closed list: this is no place for words of the server's own."""
    told = _FINISHES.get(reason) if isinstance(reason, str) else None
    if told is None:
        raise UpstreamUnavailable("The model server gave up on its answer.")
    return told


_LANES: Final[tuple[tuple[str, LaneKind], ...]] = (
    ("reasoning_content", "reasoning"),
    ("reasoning", "reasoning"),
    ("content", "content"),
    ("refusal", "refusal"),
)

_CHUNK: Final = frozenset(
    {
        *("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"),
        *("timings", "__verbose"),  # llama.cpp
        *("kv_transfer_params", "metadata"),  # vLLM, SGLang
        "prompt_filter_results",
    }
)
_CHOICE: Final = frozenset(
    {
        *("index", "delta", "message", "finish_reason", "content_filter_results"),
        *("stop_reason", "matched_stop"),  # vLLM, SGLang: which stop string it was
    }
)
_MESSAGE: Final = frozenset({"role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls"})

_FINISHES: Final[Mapping[str, str]] = {
    "stop": "stop",
    "eos_token": "stop",  # TGI
    "stop_sequence": "stop",  # TGI
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
"""What servers say, and what the caller reads. Not here: `abort` and `error`, which are no answers."""
