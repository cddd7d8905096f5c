"""The answer of a server that speaks OpenAI's responses, streamed or whole, as events. Bytes in, events out.

The text is what the deltas brought. The closing events repeat it: what they have beyond the deltas is read as
one more delta, and where they say something else the answer is refused, for nobody knows which of the two it
is. The whole response that ends a stream is not read for text: its items stand in the stream already.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, End, Finish, Head, Json, Usage
from proxy.wire import answers
from proxy.wire.answers import malformed
from proxy.wire.openai_responses.lanes import Lanes
from proxy.wire.sse import SseReader
from proxy.wire.strict_json import LARGEST_INTEGER


class ResponsesReader:
    """`feed` what comes, `finish` when the upstream has closed the answer. Raises UpstreamUnavailable.

    `dropped` counts, by name, fields that are not known here and that had something in them.
    """

    def __init__(self, stream: bool) -> None:  # the one thing there is to say
        self.dropped: Counter[str] = Counter()
        self._sse = SseReader() if stream else None
        self._whole = answers.Body()
        self._lanes = Lanes(self.dropped)
        self._head: Head | None = None
        self._ended = False

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        if self._sse is None:
            self._whole.hold(piece)
            return []
        events: list[AnswerEvent] = []
        for payload in self._sse.feed(piece):
            if self._ended:  # some servers say `[DONE]` besides
                break
            self._read(payload, events)
        return events

    def finish(self) -> list[AnswerEvent]:
        """Nothing more comes: an answer that has not said that it is whole was cut off."""
        events: list[AnswerEvent] = []
        if self._sse is None:
            response = answers.members(answers.parsed(self._whole.take()))
            self._begin(response, events)
            for place, item in enumerate(answers.objects(response.get("output"), "output")):
                self._lanes.close({"item": item, "output_index": place}, events)
            self._end(response, events)
        elif not self._ended:
            raise UpstreamUnavailable("The model server's stream was cut off.")
        return events

    def _read(self, payload: str, events: list[AnswerEvent]) -> None:
        event = answers.members(answers.parsed(payload))
        kind = event.get("type")
        if not isinstance(kind, str):
            raise malformed("an event without its type")
        if kind in _FAILURES:
            raise UpstreamUnavailable("The model server gave up on its answer.")
        if kind in _ENDS:
            self._read_end(event, events)
        elif kind in _BEGINNINGS:
            self._begin(_response(event), events)
        elif kind in _OF_ITEMS:
            answers.count_unknown(self.dropped, event, _EVENT)
            self._read_item(kind, event, events)
        elif kind not in _SILENT:
            answers.count_unknown(self.dropped, {kind: True}, frozenset())

    def _read_item(self, kind: str, event: Mapping[str, Json], events: list[AnswerEvent]) -> None:
        match _OF_ITEMS[kind]:
            case "added":
                self._lanes.open(event, events)
            case "done":
                self._lanes.close(event, events)
            case part:
                self._lanes.delta(event, part, events)

    def _read_end(self, event: Mapping[str, Json], events: list[AnswerEvent]) -> None:
        response = _response(event)
        self._begin(response, events)
        if response.get("output") and not self._lanes.begun:
            raise malformed("an answer that was not streamed")
        self._end(response, events)

    def _begin(self, response: Mapping[str, Json], events: list[AnswerEvent]) -> None:
        """The head, and once more if only a later event knows when the answer was made."""
        created = _created(response.get("created_at"))
        if self._head is None or (created and not self._head.created):
            self._head = Head(created)
            events.append(self._head)

    def _end(self, response: dict[str, Json], events: list[AnswerEvent]) -> None:
        if answers.members(response).get("object") != "response":
            raise malformed("a response")
        answers.count_unknown(self.dropped, response, _RESPONSE)
        if response.get("status") == "completed":
            self._lanes.check_closed()
        events.append(Finish(0, self._reason(response)))
        if response.get("usage") is not None:
            events.append(_usage(response["usage"]))
        events.append(End())
        self._ended = True

    def _reason(self, response: Mapping[str, Json]) -> str:
        """A closed list: this is no place for words of the server's own."""
        if response.get("status") == "completed":
            return "tool_calls" if self._lanes.calls else "stop"
        details = response.get("incomplete_details")
        told = details.get("reason") if isinstance(details, dict) else None
        reason = _REASONS.get(told) if isinstance(told, str) else None
        if response.get("status") != "incomplete" or reason is None:
            raise UpstreamUnavailable("The model server gave up on its answer.")
        return reason


def _response(event: Mapping[str, Json]) -> dict[str, Json]:
    response = event.get("response")
    if not isinstance(response, dict):
        raise malformed("response")
    return response


def _created(value: Json) -> int:
    """Unix seconds, which some servers tell with a fraction; 0: not told."""
    known = type(value) in (int, float) and 0 <= value < LARGEST_INTEGER
    return int(value) if known else 0


def _usage(usage: Json) -> Usage:
    if not isinstance(usage, dict):
        raise malformed("usage")
    return Usage(
        prompt=answers.tokens(usage, "input_tokens"),
        completion=answers.tokens(usage, "output_tokens"),
        cached=answers.tokens(_details(usage, "input_tokens_details"), "cached_tokens"),
        reasoning=answers.tokens(_details(usage, "output_tokens_details"), "reasoning_tokens"),
    )


def _details(usage: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    details = usage.get(name)
    if details is not None and not isinstance(details, dict):
        raise malformed("usage")
    return details or {}


_BEGINNINGS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_FAILURES: Final = frozenset({"error", "response.failed", "response.cancelled"})

_OF_ITEMS: Final[Mapping[str, str]] = {
    "response.output_item.added": "added",
    "response.output_item.done": "done",
    "response.output_text.delta": "output_text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_text",
    "response.reasoning_summary_text.delta": "summary_text",
    "response.function_call_arguments.delta": "arguments",
}
"""What begins and ends an item, and the type of the part that a delta is of."""

_SILENT: Final = frozenset(
    {
        *("response.content_part.added", "response.content_part.done"),
        *("response.output_text.done", "response.refusal.done", "response.reasoning_text.done"),
        *("response.reasoning_summary_part.added", "response.reasoning_summary_part.done"),
        *("response.reasoning_summary_text.done", "response.reasoning_part.added"),
        *("response.reasoning_part.done", "response.function_call_arguments.done"),  # the former: vLLM
    }
)
"""What they tell stands in deltas and in `response.output_item.done`, too."""

_EVENT: Final = frozenset(
    {
        *("type", "sequence_number", "item", "item_id", "output_index", "content_index", "summary_index"),
        *("delta", "obfuscation"),
    }
)
_RESPONSE: Final = frozenset(
    {
        *("id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "output"),
        *("usage", "model", "output_text", "text", "tools", "tool_choice", "parallel_tool_calls"),
        *("instructions", "metadata", "temperature", "top_p", "top_logprobs", "max_output_tokens"),
        *("max_tool_calls", "truncation", "reasoning", "service_tier", "store", "background", "user"),
        *("previous_response_id", "prompt", "conversation", "prompt_cache_key", "safety_identifier"),
        *("presence_penalty", "frequency_penalty", "top_k", "min_p", "kv_transfer_params"),
    }
)

_REASONS: Final[Mapping[str, str]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
