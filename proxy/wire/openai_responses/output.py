"""What a response consists of on its way out: its items, one a lane, and the object around them.

The object repeats what was asked for, as OpenAI's does; what is not kept here, such as metadata, it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.exchange import Exchange, Head, Json, Lane, LaneKind, ToolOpen, Usage


@dataclass(frozen=True, slots=True)
class Shape:
    """How a lane is written. `part` and `member`: its part's type, and the member of it that holds the text;
    `events`: what the events about its text are called. A call has no part."""

    kind: str
    prefix: str
    part: str
    member: str
    events: str


SHAPES: Final[Mapping[LaneKind, Shape]] = {
    "content": Shape("message", "msg", "output_text", "text", "response.output_text"),
    "refusal": Shape("message", "msg", "refusal", "refusal", "response.refusal"),
    "reasoning": Shape("reasoning", "rs", "reasoning_text", "text", "response.reasoning_text"),
    "tool": Shape("function_call", "fc", "", "arguments", "response.function_call_arguments"),
}


@dataclass(slots=True)
class OutputItem:
    """`place`: its index among the items. `call`: how it was opened, if it is a call."""

    shape: Shape
    place: int
    id: str
    call: ToolOpen | None = None
    pieces: list[str] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def part(self, text: str) -> dict[str, Json]:
        part: dict[str, Json] = {"type": self.shape.part, self.shape.member: text}
        if self.shape.part == "output_text":
            part |= {"annotations": [], "logprobs": []}
        return part

    def json(self, status: str, text: str | None) -> dict[str, Json]:
        """With this text; None: it has only begun."""
        item: dict[str, Json] = {"id": self.id, "type": self.shape.kind, "status": status}
        if self.call is not None:
            return {**item, "call_id": self.call.call_id, "name": self.call.name, "arguments": text or ""}
        if self.shape.kind == "message":
            item["role"] = "assistant"
        else:
            item["summary"] = []
        return {**item, "content": [] if text is None else [self.part(text)]}


class Output:
    """The items, in the order in which they began."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._items: dict[Lane, OutputItem] = {}
        self._usage: Usage | None = None
        self._head = Head(0)

    @property
    def items(self) -> list[OutputItem]:
        return list(self._items.values())

    @property
    def texts(self) -> int:
        """How many of the items are texts, and no refusals."""
        return sum(lane.kind == "content" for lane in self._items)

    def item(self, lane: Lane, call: ToolOpen | None = None) -> tuple[OutputItem, bool]:
        """The lane's item, and whether it begins with this."""
        known = self._items.get(lane)
        if known is not None:
            return known, False
        shape, place = SHAPES[lane.kind], len(self._items)
        item = OutputItem(shape, place, f"{shape.prefix}_{self._exchange.id}_{place}", call)
        self._items[lane] = item
        return item, True

    def note(self, event: Head | Usage) -> None:
        if isinstance(event, Head):
            self._head = event
        else:
            self._usage = event

    def begun(self) -> dict[str, Any]:
        return {**self._envelope("in_progress"), "output": [], "usage": None}

    def whole(self, status: str, reason: str | None = None) -> dict[str, Any]:
        """`reason`: why it is incomplete."""
        ended = "completed" if status == "completed" else "incomplete"
        details = None if reason is None else {"reason": reason}
        return {
            **self._envelope(status),
            "incomplete_details": details,
            "output": [item.json(ended, item.text) for item in self._items.values()],
            "usage": None if self._usage is None else _usage(self._usage),
        }

    def failed(self, message: str) -> dict[str, Any]:
        """The one code of OpenAI's closed list that fits; ours stands in the error that follows."""
        return {**self.whole("failed"), "error": {"code": "server_error", "message": message}}

    def _envelope(self, status: str) -> dict[str, Any]:
        body = self._exchange.body
        text = body.get("text") or {}
        return {
            "id": f"resp_{self._exchange.id}",
            "object": "response",
            "created_at": self._head.created,
            "status": status,
            "model": self._exchange.model,
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "metadata": {},
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **body.get("reasoning", {})},
            "store": False,
            "temperature": body.get("temperature"),
            "text": {"format": {"type": "text"}, **text},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": [{"parameters": None, "strict": None, **tool} for tool in body.get("tools", ())],
            "top_p": body.get("top_p"),
            "truncation": "disabled",
        }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
