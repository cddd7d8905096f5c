"""A request while it is read: what will be forwarded, and every text that was met on the way.

Belongs to no dialect. Whoever puts a text into `body` must add it here too; the tests count.
"""

import re
from typing import Final, Literal

from proxy.errors import RequestInvalid, RequestTooLarge
from proxy.exchange import Call, Entry, Exchange, Json, Operation, Path, Segment, Unscannable
from proxy.settings import Limits
from proxy.wire import strict_json, tree
from proxy.wire.tree import Embedded

Source = Literal["message", "tool_call", "tool_result", "tool_definition", "document", "parameter", "name"]

SEGMENTS: Final = 16_384
"""Reading one takes about 2 µs of the loop, and scanning one about a hundred elsewhere."""


def where(path: Path) -> str:
    """A path as callers see it, such as `messages/2/content`."""
    return "/".join(map(str, path))


def invalid(path: Path, problem: str) -> RequestInvalid:
    """`problem` goes on after the name of the place: `must be a string`."""
    place = where(path)
    return RequestInvalid(f"{place} {problem}.", param=place)


FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def unknown(path: Path, name: str) -> RequestInvalid:
    """A field that no schema knows. Its name is only repeated when it looks like one."""
    if FIELD_NAME.fullmatch(name) is None:
        return invalid(path or ("body",), "holds a field that is not known here")
    return invalid((*path, name), "is not a field that is known here")


class Draft:
    """Mutable, and gone when the exchange is made."""

    __slots__ = (
        *("answers", "body", "calls", "dropped", "entries", "insisted", "limits"),
        *("parameters", "segments", "tools", "unscannable"),
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.body: dict[str, Json] = {}
        self.segments: list[Segment] = []
        self.unscannable: list[Unscannable] = []
        self.tools: list[str] = []
        self.insisted: str | None = None
        self.calls: list[Call] = []
        self.entries: list[Entry] = []
        self.parameters: dict[str, Json] = {}
        self.answers = 1
        self.dropped: list[str] = []

    def exchange(
        self,
        exchange_id: str,
        dialect: str,
        *,
        operation: Operation = "chat",
        stream: bool = False,
        token_bounds: tuple[Path, ...] = (),
    ) -> Exchange:
        """All of it as the value that the stages take. The body names the model; it may be set by us."""
        return Exchange(
            id=exchange_id,
            dialect=dialect,
            model=self.body["model"],
            stream=stream,
            body=self.body,
            segments=tuple(self.segments),
            unscannable=tuple(self.unscannable),
            tools=tuple(self.tools),
            parameters=self.parameters,
            operation=operation,
            insisted=self.insisted,
            calls=tuple(self.calls),
            entries=tuple(self.entries),
            token_bounds=token_bounds,
            answers=self.answers,
            dropped=tuple(self.dropped),
        )

    def text(self, text: str, role: str, source: Source, path: Path, *, key: bool = False) -> None:
        if len(self.segments) >= SEGMENTS:
            raise RequestTooLarge(f"The request holds more than {SEGMENTS} texts.")
        self.segments.append(Segment(text, role, source, path, key))

    def leaves(self, value: Json, role: str, source: Source, path: Path) -> None:
        """Every text in a tree that no schema closes."""
        for leaf in tree.walk(value, path):
            self.text(leaf.text, role, source, leaf.path, key=leaf.key)

    def unknown(self, path: Path, name: str) -> None:
        """A member that no schema knows: refused by name, or left out and counted if the operator wants."""
        if self.limits.unknown_fields != "drop":
            raise unknown(path, name)
        self.dropped.append(where((*path, name)) if FIELD_NAME.fullmatch(name) else "?")

    def call(self, name: str, arguments: Json) -> None:
        """A tool call in the history, with its arguments as a JSON value or as `arguments` gave them."""
        parsed = arguments.value if isinstance(arguments, Embedded) else arguments
        self.calls.append(Call(name, parsed if isinstance(parsed, dict) else None))

    def arguments(self, text: str, path: Path) -> Embedded | str:
        """The arguments of a tool call: JSON inside a string, read as such so that no escape hides a word.

        What is no JSON is one text. With a backslash in it, a forgiving parser might still read words that
        are not to be seen in it, so that is refused.
        """
        value = tree.embedded(text)
        if isinstance(value, dict | list):
            self.leaves(value, "assistant", "tool_call", path)
            return Embedded(value, text)
        if "\\" in text:
            raise invalid(path, "must be a JSON object without doubled keys or integers above 2^53")
        self.text(text, "assistant", "tool_call", path)
        return text


def bounded_tree(value: Json, path: Path, *, size: int, depth: int) -> dict[str, Json]:
    """An object of at most `size` bytes as JSON. Raises RequestInvalid."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    if strict_json.deeper(value, depth):
        raise invalid(path, f"is nested more than {depth} levels deep")
    if len(tree.dump(value)) > size:
        raise invalid(path, f"is larger than {size} bytes")
    return value
