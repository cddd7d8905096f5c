"""Where something stands in a JSON tree, and the same tree with a canary there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Leaf:
    """`place`: the path with every index as `[]`, such as `messages[].content`. `inner`: JSON in a string."""

    path: Path
    value: Any
    inner: bool = False

    @property
    def place(self) -> str:
        return place(self.path)


def place(path: Path) -> str:
    told = ""
    for step in path:
        told += "[]" if isinstance(step, int) else f".{step}" if told else step
    return told or "(body)"


def leaves(value: Any, path: Path = ()) -> Iterator[Leaf]:
    """Everything that is not null and holds nothing."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif value is not None:
        yield Leaf(path, value, inner=is_object(value))


def objects(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where every object stands, the outermost first."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from objects(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objects(inner, (*path, index))


def is_object(value: Any) -> bool:
    """Whether it is a string that spells a JSON object."""
    try:
        return isinstance(value, str) and isinstance(json.loads(value), dict)
    except ValueError:
        return False


def at(value: Any, path: Path) -> Any:
    """What stands there; None if nothing does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def planted(value: Any, path: Path, new: Any) -> Any:
    """A deep copy with something else at this path."""
    copy = json.loads(json.dumps(value))
    if not path:
        return new
    target = at(copy, path[:-1])
    target[path[-1]] = new
    return copy


def with_canary(example: Any, leaf: Leaf, canary: str | int) -> Any:
    return planted(example, leaf.path, json.dumps({"note": canary}) if leaf.inner else canary)
