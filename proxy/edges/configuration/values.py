"""A tree of text → frozen dataclasses, driven by nothing but their types. Finds every problem, not the first.

Known types: str, int, float, bool, Path, Literal, X | None, tuple[X, ...], dict[str, str] and dataclasses.
The type says how a scalar's text is read, so `name: no` is the text "no" and `workers: "2"` is not a number.
"""

import dataclasses
import difflib
import functools
import math
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from proxy.edges.configuration.nodes import FLAG, Branch, Items, Leaf, Node, Problem
from proxy.edges.configuration.substitute import Unset, refers, substitute

_WHOLE = re.compile(r"[+-]?[0-9](?:_?[0-9]){0,18}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

MAX_TEXT = 4096
"""Characters of one value: a path or a URL of the longest kind that systems take."""

WRONG = object()
"""In place of a value that could not be read; why stands among the problems."""


class _Unfit(ValueError):
    """What a scalar must be. Its words never quote the value, which may be a secret in the wrong place."""


class Reader:
    """Reads one document. `folder`: where its relative paths start. `lines`: of values, by dotted path."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}

    def read(self, kind: Any, node: Node, where: str = "") -> Any:
        """A value of this type, or WRONG."""
        self.lines[where] = node.line
        if dataclasses.is_dataclass(kind):
            return self._group(kind, node, where)
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            return self._optional(kind, node, where)
        if origin is tuple:
            return self._tuple(get_args(kind)[0], node, where)
        if origin is dict:
            return self._texts(node, where)
        return self._scalar(kind, node, where)

    def _group(self, kind: Any, node: Node, where: str) -> Any:
        if isinstance(node, Leaf) and node.null:  # a group whose every line is commented out
            node = Branch({}, node.line)
        if not isinstance(node, Branch):
            self._wrong(node, where, "must be a group of `key: value` lines")
            return _stand_in(kind)
        kinds = _fields(kind)
        values: dict[str, Any] = {}
        for key, child in node.entries.items():
            if key not in kinds:
                self._wrong(child, _join(where, key), "there is no such key" + _guess(key, kinds))
            else:
                values[key] = self.read(kinds[key], child, _join(where, key))
        for name in _required(kind):
            if name not in values:
                self._wrong(node, _join(where, name), "is needed")
        stand_in = _stand_in(kind)
        right = {name: value for name, value in values.items() if value is not WRONG}
        return dataclasses.replace(stand_in, **right)

    def _optional(self, kind: Any, node: Node, where: str) -> Any:
        inner = next(choice for choice in get_args(kind) if choice is not type(None))
        if isinstance(node, Leaf):
            if node.null:
                return None
            text = self._text(node, where)
            if text is WRONG or text == "":  # `${NAME:-}`: set it or leave it
                return WRONG if text is WRONG else None
        return self.read(inner, node, where)

    def _tuple(self, kind: Any, node: Node, where: str) -> Any:
        if isinstance(node, Leaf) and node.null:
            return ()
        if isinstance(node, Branch) and dataclasses.is_dataclass(kind):  # one group needs no dash
            node = Items((node,), node.line)
        if not isinstance(node, Items):
            return self._wrong(node, where, "must be a list")
        read = [self.read(kind, item, _join(where, str(index))) for index, item in enumerate(node.items)]
        return tuple(value for value in read if value is not WRONG)

    def _texts(self, node: Node, where: str) -> Any:
        if isinstance(node, Leaf) and node.null:
            return {}
        if not isinstance(node, Branch):
            return self._wrong(node, where, "must be `key: value` lines")
        read = {key: self.read(str, child, _join(where, key)) for key, child in node.entries.items()}
        return {key: value for key, value in read.items() if value is not WRONG}

    def _scalar(self, kind: Any, node: Node, where: str) -> Any:
        if not isinstance(node, Leaf) or node.null:
            return self._wrong(node, where, f"must be {_wanted(kind)}")
        text = self._text(node, where)
        if text is WRONG:
            return WRONG
        if kind in (int, float, bool) and node.quoted and not refers(node.text):
            return self._wrong(node, where, f"must be {_wanted(kind)}, without quotes")
        try:
            return self._value(kind, text, node)
        except _Unfit:
            return self._wrong(node, where, f"must be {_wanted(kind)}")

    def _value(self, kind: Any, text: str, node: Leaf) -> Any:
        if kind is Path:
            if not text:
                raise _Unfit
            # What the file names stands beside the file; what a flag names, beside the person who typed it.
            return Path(text) if node.line == FLAG else self._folder / text
        return _parsed(kind, text)

    def _text(self, leaf: Leaf, where: str) -> Any:
        try:
            text = substitute(leaf.text, self._environ) if leaf.line != FLAG else leaf.text
        except Unset as unset:
            return self._wrong(leaf, where, str(unset))
        if len(text) > MAX_TEXT or _CONTROL.search(text):
            return self._wrong(leaf, where, f"must be one line of at most {MAX_TEXT} characters")
        return text

    def _wrong(self, node: Node, where: str, words: str) -> object:
        self.problems.append(Problem(node.line, where, words))
        return WRONG


def _parsed(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if kind is bool:
        return _chosen({"true": True, "false": False}, text)
    if kind is int:
        return int(_matching(_WHOLE, text))
    if kind is float:
        return _finite(text)
    return _chosen({str(choice): choice for choice in get_args(kind)}, text)


def _chosen(choices: Mapping[str, Any], text: str) -> Any:
    if text not in choices:
        raise _Unfit
    return choices[text]


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise _Unfit
    return text


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _Unfit from None
    if not math.isfinite(number):
        raise _Unfit
    return number


def _wanted(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    return {
        str: "text",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        Path: "a path",
    }[kind]


@functools.cache
def _fields(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _stand_in(kind: Any) -> Any:
    """In place of what could not be read, so that the checks between settings still run and find theirs.

    Nobody gets such settings, because at least one problem is told. What has no default is text or a group.
    """
    if not dataclasses.is_dataclass(kind):
        return ""
    hints = get_type_hints(kind)
    return kind(**{name: _stand_in(hints[name]) for name in _required(kind)})  # type: ignore[operator]


def _required(kind: Any) -> Iterator[str]:
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            yield field.name


def _guess(key: str, kinds: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, kinds, n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(sorted(kinds))}"


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
