"""The items of a response on their way in: which lane each text belongs to, and how much of it has come.

An item is known by its id, its call's id or its place: llama.cpp tells no places, and no id of a call. Every
part of an item has a lane of its own, so that no two texts of an answer run into each other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, Json, Lane, LaneKind, ToolOpen
from proxy.wire import answers
from proxy.wire.answers import malformed

MOST_LANES: Final = 256
"""Of one answer and kind: models call a handful of tools at once, and each lane has a guard of its own."""


@dataclass(slots=True)
class _Part:
    lane: Lane
    pieces: list[str] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class _Item:
    """`parts`: by their type and their index. `call`: how a function's call was opened."""

    kind: str
    closed: bool = False
    parts: dict[tuple[str, int], _Part] = field(default_factory=dict)
    call: ToolOpen | None = None


class Lanes:
    """Takes the members of an event, and adds what is new to `events`. Raises UpstreamUnavailable."""

    def __init__(self, dropped: Counter[str]) -> None:
        self._dropped = dropped
        self._items: list[_Item] = []
        self._known: dict[str | int, _Item] = {}
        self._numbers: Counter[LaneKind] = Counter()

    @property
    def begun(self) -> bool:
        return bool(self._items)

    @property
    def calls(self) -> bool:
        return self._numbers["tool"] > 0

    def check_closed(self) -> None:
        """In a whole answer every item has ended."""
        if not all(item.closed for item in self._items):
            raise malformed("an item that does not end")

    def open(self, event: Mapping[str, Json], events: list[AnswerEvent]) -> None:
        """Texts that the item brings along are not read yet: vLLM says them once more as deltas."""
        told = _told(event)
        if told["type"] not in _MEMBERS:
            return
        if any(name in self._known for name in _names(told)):
            raise malformed("an item that begins twice")
        self._new(event, told, events)

    def close(self, event: Mapping[str, Json], events: list[AnswerEvent]) -> None:
        """The item as a whole, with what its deltas did not bring."""
        told = _told(event)
        if told["type"] not in _MEMBERS:
            answers.count_unknown(self._dropped, {told["type"]: True}, frozenset())
            return
        answers.count_unknown(self._dropped, told, _MEMBERS[told["type"]])
        item = self._find(event, told) or self._new(event, told, events)
        if item.closed or item.kind != told["type"]:
            raise malformed("an item that ends twice")
        item.closed = True
        texts = dict(self._texts(told))
        for key in (*texts, *(item.parts.keys() - texts.keys())):
            self._agree(item, key, texts.get(key, ""), events)
        if item.call is not None and _opened(told, item.call.lane) != item.call:
            raise malformed("a tool call that changes its name")

    def delta(self, event: Mapping[str, Json], part: str, events: list[AnswerEvent]) -> None:
        """More text for a part of this type."""
        kind, index = _PARTS[part]
        item = self._find(event, {"id": event.get("item_id")})
        if item is None or item.closed or item.kind != kind:
            raise malformed("text of an item that is not open")
        text = event.get("delta")
        if not isinstance(text, str):
            raise malformed("delta")
        self._say(item, (part, answers.index(event.get(index, 0), MOST_LANES)), text, events)

    def _find(self, event: Mapping[str, Json], told: Mapping[str, Json]) -> _Item | None:
        """By a name that is known; else what stands open at the place."""
        for name in _names(told):
            if name in self._known:
                return self._known[name]
        place = event.get("output_index")
        there = self._known.get(place) if type(place) is int else None
        return None if there is None or there.closed else there

    def _new(self, event: Mapping[str, Json], told: dict[str, Json], events: list[AnswerEvent]) -> _Item:
        item = _Item(told["type"])
        self._items.append(item)
        self._known.update(dict.fromkeys(_names(told), item))
        if type(event.get("output_index")) is int:
            self._known[event["output_index"]] = item
        if item.kind == "function_call":
            item.call = _opened(told, self._lane("tool"))
            item.parts["arguments", 0] = _Part(item.call.lane)
            events.append(item.call)
        return item

    def _lane(self, kind: LaneKind) -> Lane:
        number = self._numbers[kind]
        if number >= MOST_LANES:
            raise UpstreamUnavailable("The model server's answer has too many parts.")
        self._numbers[kind] += 1
        return Lane(0, kind, number)

    def _say(self, item: _Item, key: tuple[str, int], text: str, events: list[AnswerEvent]) -> None:
        if not text:
            return
        if key not in item.parts:
            item.parts[key] = _Part(self._lane(_LANES[key[0]]))
        part = item.parts[key]
        part.pieces.append(text)
        events.append(Delta(part.lane, text))

    def _agree(self, item: _Item, key: tuple[str, int], text: str, events: list[AnswerEvent]) -> None:
        said = "".join(item.parts[key].pieces) if key in item.parts else ""
        if not text.startswith(said):
            raise malformed("a text that is not what its pieces were")
        self._say(item, key, text[len(said) :], events)

    def _texts(self, told: Mapping[str, Json]) -> Iterator[tuple[tuple[str, int], str]]:
        if told["type"] == "function_call":
            yield ("arguments", 0), _text(told.get("arguments"))
            return
        for member in ("summary", "content"):
            parts = told.get(member)
            for index, part in enumerate(answers.objects([] if parts is None else parts, member)):
                kind = part.get("type")
                if not isinstance(kind, str) or _PARTS.get(kind, ("",))[0] != told["type"]:
                    raise malformed("a part of an item")
                member_of_text = "refusal" if kind == "refusal" else "text"
                answers.count_unknown(self._dropped, part, frozenset({"type", member_of_text}))
                yield (kind, index), _text(part.get(member_of_text))


def _told(event: Mapping[str, Json]) -> dict[str, Json]:
    told = event.get("item")
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise malformed("an item")
    return told


def _names(told: Mapping[str, Json]) -> list[str]:
    return [name for name in (told.get("id"), told.get("call_id")) if isinstance(name, str) and name]


def _opened(told: Mapping[str, Json], lane: Lane) -> ToolOpen:
    what = "the id or name of a tool call"
    return ToolOpen(
        lane, answers.printable(told.get("call_id"), what), answers.printable(told.get("name"), what)
    )


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise malformed("a text")
    return value


_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "output_text": ("message", "content_index"),
    "refusal": ("message", "content_index"),
    "reasoning_text": ("reasoning", "content_index"),
    "summary_text": ("reasoning", "summary_index"),
    "arguments": ("function_call", ""),
}
"""A part's type: the type of the item that it is of, and what its index is called."""

_LANES: Final[Mapping[str, LaneKind]] = {
    "output_text": "content",
    "refusal": "refusal",
    "reasoning_text": "reasoning",
    "summary_text": "reasoning",
    "arguments": "tool",
}

_ALL: Final = frozenset({"type", "id", "status"})
_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "message": _ALL | {"role", "content", "phase"},
    "reasoning": _ALL | {"summary", "content"},
    "function_call": _ALL | {"call_id", "name", "arguments"},
}
"""An item's type, and the members that are known."""
