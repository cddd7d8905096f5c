"""Trees of JSON: the texts that stand in them, the same tree with other texts, and the bytes of a tree.

Nothing is changed in place: what changes is copied along its path, the rest is shared. What a dialect's
tree may hold is that dialect's file; which texts must change is decided elsewhere.

A path's step is a key or an index. In an object, a number names the key that stands at this position:
keys are text too, and a path must not be a second place for it to leak from.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from proxy.errors import ContentUnscannable, RequestInvalid
from proxy.exchange import Document, Exchange, Json, Path, Segment
from proxy.wire import strict_json

EMBEDDED_DEPTH: Final = 64
"""As deep as a body itself may be (`settings.Limits.json_depth`)."""

TELLING_DIGITS: Final = 6
"""Shorter numbers are amounts and counts; from here on they may be a phone's, an account's or a person's."""

_OF_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS


@dataclass(frozen=True, slots=True)
class Embedded:
    """JSON inside a string, such as a tool call's arguments. `text` is the string that spells `value`."""

    value: Json = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text in a tree. `key`: it is the key of an object. `number`: it is the JSON of a number."""

    text: str = field(repr=False)
    path: Path
    key: bool = False
    number: bool = False


def dump(value: Json | Exchange) -> bytes:
    """Compact JSON of a tree, or of an exchange's body; what is embedded becomes a string again."""
    if isinstance(value, Exchange):
        value = value.body
    return orjson.dumps(value, default=_spell, option=_OPTIONS)


def embedded(text: str) -> Json | None:
    """The value that the text spells, or None if it is not strict JSON (or spells null)."""
    try:
        return strict_json.loads(text.encode(), depth=EMBEDDED_DEPTH)
    except (RequestInvalid, UnicodeEncodeError):
        return None


def leaves(value: Json, path: Path = ()) -> list[Leaf]:
    """Every text in a tree, in the order in which it is written: keys, strings, and telling numbers."""
    return list(walk(value, path))


def walk(value: Json, path: Path = ()) -> Iterator[Leaf]:
    """`leaves`, one by one, for a reader that has a bound of its own."""
    if isinstance(value, str):
        yield Leaf(value, path)
    elif isinstance(value, dict):
        for position, (key, inner) in enumerate(value.items()):
            yield Leaf(key, (*path, position), key=True)
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))
    elif isinstance(value, int | float):
        text = orjson.dumps(value).decode()
        if sum(map(str.isdigit, text)) >= TELLING_DIGITS:
            yield Leaf(text, path, number=True)


def with_leaves(value: Json, changes: Mapping[Path, str]) -> Json:
    """The tree with other texts at these paths. A changed number becomes a string, a changed key is renamed.

    Raises ContentUnscannable when two keys of one object would become the same.
    """
    branches: dict[str | int, Any] = {}
    for path, text in changes.items():
        branch = branches
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
        if not path:
            return text
        branch[path[-1]] = text
    return _changed(value, branches) if branches else value


def with_value(tree: Json, place: Path, value: Json) -> Json:
    """The tree with another value at this place. An object that is missing on the way is made."""
    if not place:
        return value
    step, *rest = place
    copy: Json = list(tree) if isinstance(tree, list) else dict(tree or {})
    inner: Json = copy.get(step) if isinstance(copy, dict) else copy[step]
    copy[step] = with_value(inner, tuple(rest), value)
    return copy


def with_texts(exchange: Exchange, changes: Mapping[int, str]) -> Exchange:
    """The exchange with other texts in these segments, both in them and in the body.

    A fenced document's place in a changed text is no longer known, so it is left out: find it again.
    """
    if not changes:
        return exchange
    segments = list(exchange.segments)
    by_path: dict[Path, str] = {}
    for index, text in changes.items():
        if segments[index].key:
            raise ValueError("the key of an object can be scanned, not replaced")
        segments[index] = replace(segments[index], text=text)
        by_path[segments[index].path] = text
    kept = tuple(
        one for one in exchange.documents if one.source == "field" or changes.keys().isdisjoint(one.segments)
    )
    return replace(
        exchange, body=with_leaves(exchange.body, by_path), segments=tuple(segments), documents=kept
    )


def without_items(exchange: Exchange, place: Path, gone: Collection[str | int]) -> Exchange:
    """The exchange without these items of the list at `place`, their segments and their documents.

    What follows moves up: in paths, and in the documents' segment numbers.
    """
    items: Json = exchange.body
    for step in place:
        items = items[step]
    moved: dict[int, int] = {}
    segments: list[Segment] = []
    for index, segment in enumerate(exchange.segments):
        path = _moved(segment.path, place, gone)
        if path is not None:
            moved[index] = len(segments)
            segments.append(segment if path is segment.path else replace(segment, path=path))
    return replace(
        exchange,
        body=with_value(exchange.body, place, [item for i, item in enumerate(items) if i not in gone]),
        segments=tuple(segments),
        documents=tuple(_renumbered(exchange.documents, moved)),
        entries=tuple(
            one if to is one.place else replace(one, place=to)
            for one in exchange.entries
            if (to := _moved(one.place, place, gone)) is not None
        ),
    )


def strip_tools(exchange: Exchange, names: Collection[str]) -> Exchange:
    """The exchange without these tools. Raises RequestInvalid when the caller insists on one of them."""
    gone = {index for index, name in enumerate(exchange.tools) if name in names}
    if not gone:
        return exchange
    if exchange.insisted in names:
        raise RequestInvalid("tool_choice names a tool that is not available to you.", param="tool_choice")
    left = tuple(name for name in exchange.tools if name not in names)
    stripped = replace(without_items(exchange, ("tools",), gone), tools=left)
    if left:
        return stripped
    # Servers refuse a choice among no tools, and an empty list.
    body = {key: value for key, value in stripped.body.items() if key not in _OF_TOOLS}
    parameters = {key: value for key, value in exchange.parameters.items() if key not in _OF_TOOLS}
    return replace(stripped, body=body, parameters=parameters)


def cap_tokens(exchange: Exchange, most: int) -> Exchange:
    """The exchange with every bound on the answer's tokens lowered to `most`, and one set if there was none.

    A bound below zero means none at all (Ollama). An exchange that has no bounds has no text to bound.
    """
    body: Json = exchange.body
    parameters = dict(exchange.parameters)
    for place in exchange.token_bounds:
        asked = value_at(body, place)
        if asked is not None or place == exchange.token_bounds[0]:
            capped = most if asked is None or asked < 0 else min(asked, most)
            body = with_value(body, place, capped)
            if place[-1] in parameters:
                parameters[str(place[-1])] = capped
    if exchange.token_bounds:
        parameters["max_tokens"] = min(parameters.get("max_tokens", most), most)
    return replace(exchange, body=body, parameters=parameters)


def value_at(tree: Json, place: Path) -> Json | None:
    """What stands there, or None."""
    for step in place:
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def _moved(path: Path, place: Path, gone: Collection[str | int]) -> Path | None:
    depth = len(place)
    if path[:depth] != place or len(path) == depth:
        return path
    index = path[depth]
    if not isinstance(index, int) or index in gone:
        return None
    before = sum(1 for one in gone if isinstance(one, int) and one < index)
    return (*place, index - before, *path[depth + 1 :]) if before else path


def _renumbered(documents: Sequence[Document], moved: Mapping[int, int]) -> Iterator[Document]:
    for document in documents:
        if all(index in moved for index in document.segments):
            yield replace(document, segments=tuple(moved[index] for index in document.segments))


def _spell(value: object) -> str:
    if isinstance(value, Embedded):
        return value.text
    raise TypeError(f"{type(value).__name__} is not JSON")


def _changed(value: Json, branches: Mapping[str | int, Any]) -> Json:
    """`branches` is the tree of the changed paths; its leaves are the new texts."""
    if isinstance(value, Embedded):
        inner = _changed(value.value, branches)
        return Embedded(inner, dump(inner).decode())
    copy: Json = list(value) if isinstance(value, list) else dict(value)
    renamed: dict[str, str] = {}
    for step, branch in branches.items():
        if isinstance(copy, dict) and isinstance(step, int):
            renamed[list(value)[step]] = branch
        else:
            copy[step] = branch if isinstance(branch, str) else _changed(copy[step], branch)
    return _renamed(copy, renamed) if renamed else copy


def _renamed(members: Mapping[str, Json], renamed: Mapping[str, str]) -> dict[str, Json]:
    result = {renamed.get(key, key): inner for key, inner in members.items()}
    if len(result) != len(members):
        raise ContentUnscannable("Two keys of one JSON object would become the same.")
    return result
