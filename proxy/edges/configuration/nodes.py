"""Text of a YAML file → a small tree with line numbers. Knows nothing of settings.

PyYAML's composer is used and its constructor is not: no tag ever makes an object, and a scalar stays the text
that was written (`no` is "no"; what it means, the setting's type decides).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

MAX_BYTES = 1024 * 1024
"""A thousand upstreams fit. PyYAML takes about 1 s for as much, so more would be a start that hangs."""

MAX_NODES = 50_000
"""Nodes after aliases are followed: nine lines of nested aliases stand for a billion."""

MAX_DEPTH = 16
"""The deepest setting stands at 4; an alias to its own parent has no depth at all."""

_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
)


FLAG = 0
"""The line of what was given on the command line."""

NOWHERE = -1
"""The line of what nobody wrote: defaults."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar as written. `quoted`: it was meant to be text. `null`: nothing, `~` or `null`."""

    text: str = field(repr=False)
    line: int
    quoted: bool = False
    null: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple["Node", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping. A child's line is the line of its key."""

    entries: dict[str, "Node"]
    line: int


Node = Leaf | Items | Branch


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """`where` is a dotted path such as `limits.body_bytes`; `words` never quote a value."""

    line: int
    where: str
    words: str


class _Stop(Exception):
    """The file is not looked at any further."""


def parse(content: bytes) -> tuple[Branch, list[Problem]]:
    """The tree, and what is wrong with it as YAML. A file that cannot be read at all is an empty tree."""
    try:
        return _Builder().build(_compose(content))
    except _Stop as stop:
        return Branch({}, 1), [stop.args[0]]


def _compose(content: bytes) -> yaml.Node | None:
    if len(content) > MAX_BYTES:
        raise _Stop(Problem(1, "", f"the file is larger than {MAX_BYTES} bytes"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Stop(Problem(1, "", "the file is not UTF-8")) from None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        raise _Stop(Problem(line + 1, "", "this is not valid YAML" + _hint(text, line))) from None
    except (yaml.YAMLError, RecursionError):
        raise _Stop(Problem(1, "", "this is not valid YAML")) from None


def _hint(text: str, line: int) -> str:
    """In a flow mapping YAML itself takes the brace of `${NAME}` for its own."""
    near = text.splitlines()[line : line + 1]
    return '; within { } and [ ] write "${NAME}" in quotes' if any("${" in part for part in near) else ""


class _Builder:
    """Walks PyYAML's nodes once, counting them, because an alias makes a node a child of many."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._left = MAX_NODES

    def build(self, root: yaml.Node | None) -> tuple[Branch, list[Problem]]:
        if root is None:
            return Branch({}, 1), []
        tree = self._node(root, "", 1, 0)
        if isinstance(tree, Leaf) and tree.null:
            return Branch({}, 1), self._problems
        if not isinstance(tree, Branch):
            return Branch({}, 1), [
                Problem(1, "", "the file must hold `group:` with `key: value` lines under it")
            ]
        return tree, self._problems

    def _node(self, node: yaml.Node, where: str, line: int, depth: int) -> Node:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise _Stop(Problem(line, where, "too deep, or too much of it is repeated by aliases"))
        if node.tag not in _TAGS:
            self._problems.append(Problem(line, where, "tags and merge keys are not taken"))
        if isinstance(node, yaml.MappingNode):
            return Branch(dict(self._entries(node, where, depth)), line)
        if isinstance(node, yaml.SequenceNode):
            return Items(tuple(self._items(node, where, depth)), line)
        quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
        return Leaf(str(node.value), line, quoted, null=node.tag == "tag:yaml.org,2002:null")

    def _entries(self, node: yaml.MappingNode, where: str, depth: int) -> Iterator[tuple[str, Node]]:
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problems.append(Problem(line, where, "a key must be plain text"))
                continue
            path = f"{where}.{key.value}" if where else str(key.value)
            if key.value in seen:
                self._problems.append(Problem(line, path, "this key stands here twice"))
            seen.add(key.value)
            yield key.value, self._node(value, path, line, depth + 1)

    def _items(self, node: yaml.SequenceNode, where: str, depth: int) -> Iterator[Node]:
        for index, item in enumerate(node.value):
            yield self._node(item, f"{where}.{index}", item.start_mark.line + 1, depth + 1)
