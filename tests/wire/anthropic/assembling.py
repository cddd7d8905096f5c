"""What a client makes of a stream: as strict about the order of its events as the protocol's description."""

import json
from typing import Any

_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("tool_use", "partial_json"),
}
"""A delta's type: that of its block, and the member that holds its text."""


def told(stream: bytes) -> list[dict[str, Any]]:
    """The events, each under the name that it says itself."""
    events = []
    for block in stream.decode().removesuffix("\n\n").split("\n\n"):
        name, payload = block.split("\n")
        event = json.loads(payload.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events


def assemble(stream: bytes) -> "Assembled":
    """Raises AssertionError for an event that may not stand where it does."""
    made = Assembled()
    for event in told(stream):
        made.names.append(event["type"])
        assert made.error_event is None
        assert not made.ended
        getattr(made, event["type"])(event)
    assert made.block is None
    return made


class Assembled:
    """A method for each type of event."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.block: dict[str, Any] | None = None
        self.ended = False
        self.error_event: dict[str, Any] | None = None
        self.names: list[str] = []

    @property
    def last(self) -> int:
        return len(self.message["content"]) - 1

    def ping(self, event: dict[str, Any]) -> None:
        assert event == {"type": "ping"}

    def message_start(self, event: dict[str, Any]) -> None:
        assert not self.message
        self.message = event["message"]
        assert self.message["content"] == []

    def content_block_start(self, event: dict[str, Any]) -> None:
        assert self.block is None
        assert self.message["stop_reason"] is None
        assert event["index"] == self.last + 1
        self.block = {**event["content_block"], "partial_json": ""}
        self.message["content"].append(self.block)

    def content_block_delta(self, event: dict[str, Any]) -> None:
        assert self.block is not None
        of, member = _DELTAS[event["delta"]["type"]]
        assert (event["index"], self.block["type"]) == (self.last, of)
        self.block[member] += event["delta"][member]

    def content_block_stop(self, event: dict[str, Any]) -> None:
        assert self.block is not None
        assert event["index"] == self.last
        given = self.block.pop("partial_json")
        if self.block["type"] == "tool_use":
            self.block["input"] = json.loads(given or "{}")
        self.block = None

    def message_delta(self, event: dict[str, Any]) -> None:
        assert self.block is None
        self.message |= event["delta"]
        self.message["usage"] |= event["usage"]

    def message_stop(self, _event: dict[str, Any]) -> None:
        assert self.message["stop_reason"] is not None
        self.ended = True

    def error(self, event: dict[str, Any]) -> None:
        self.error_event = event
