"""A request while it is read: what will be forwarded, and every text that was met on the way.

Belongs to no dialect. Whoever puts a text into `body` must add it here too; the tests count.
"""

from typing import Final, Literal

from proxy.errors import RequestInvalid, RequestTooLarge
from proxy.exchange import Json, Path, Segment, Unscannable
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


class Draft:
    """Mutable, and gone when the exchange is made."""

    __slots__ = ("body", "limits", "parameters", "segments", "tools", "unscannable")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.body: dict[str, Json] = {}
        self.segments: list[Segment] = []
        self.unscannable: list[Unscannable] = []
        self.tools: list[str] = []
        self.parameters: dict[str, Json] = {}

    def text(self, text: str, role: str, source: Source, path: Path, *, key: bool = False) -> None:
        if len(self.segments) >= SEGMENTS:
            raise RequestTooLarge(f"The request holds more than {SEGMENTS} texts.")
        self.segments.append(Segment(text, role, source, path, key))

    def leaves(self, value: Json, role: str, source: Source, path: Path) -> None:
        """Every text in a tree that no schema closes."""
        for leaf in tree.walk(value, path):
            self.text(leaf.text, role, source, leaf.path, key=leaf.key)

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
