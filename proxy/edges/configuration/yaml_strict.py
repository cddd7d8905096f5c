"""YAML that has one meaning only: what every parser of every YAML version reads in the same way.

Refused with a line: duplicate keys, anchors, tags, several documents, and plain words
such as `no`, `0x10`, `1_000` or `2026-01-01`, which one parser takes for text and another one does not.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from proxy.exchange import Json

Places = dict[tuple[str | int, ...], int]
"""The line, from 1 on, of each value by its path."""

# Deeper documents than this are no lists that people keep; the composer is recursive.
MAX_DEPTH = 32

# Both engines keep whole numbers exactly only up to here.
MAX_INTEGER = 2**53 - 1

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_ .,;()'/+*@$?!%&=-]*")
_AMBIGUOUS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"])
_CONSTANTS = {"true": True, "false": False, "null": None}


class YamlProblem(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"{line}: {reason}")
        self.line = line
        self.reason = reason


def read_yaml(text: bytes) -> tuple[Json, Places]:
    """The document and where each of its values stands. Raises YamlProblem; never quotes a value."""
    try:
        source = text.decode()
        _refuse_forms(yaml.parse(source, Loader=yaml.SafeLoader))
        node = yaml.compose(source, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise YamlProblem(text.count(b"\n", 0, error.start) + 1, "not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlProblem(mark.line + 1 if mark else 1, error.problem or "not YAML") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlProblem(1, "not YAML") from error
    if node is None:
        raise YamlProblem(1, "empty")
    places: Places = {}
    return _value(node, (), places), places


def _refuse_forms(events: Iterable[yaml.Event]) -> None:
    """Before anything is built of them, for the parser takes quadratic time on what is nested deeply."""
    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlProblem(line, "nested too deeply")
        if getattr(event, "anchor", None) is not None:
            raise YamlProblem(line, "anchors and references are not used here")
        if getattr(event, "tag", None) is not None:
            raise YamlProblem(line, "tags are not used here")


def _value(node: yaml.Node, path: tuple[str | int, ...], places: Places) -> Json:
    line = node.start_mark.line + 1
    places[path] = line
    read: dict[type, Callable[[Any, tuple[str | int, ...], Places], Json]] = {
        yaml.MappingNode: _mapping,
        yaml.SequenceNode: _sequence,
        yaml.ScalarNode: _scalar,
    }
    return read[type(node)](node, path, places)


def _mapping(node: yaml.MappingNode, path: tuple[str | int, ...], places: Places) -> Json:
    found: dict[str, Json] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = _scalar(key_node, path, places) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise YamlProblem(line, "a key must be text: put it into quotes")
        if key in found:
            raise YamlProblem(line, f"the key {key} is there twice")
        found[key] = _value(value_node, (*path, key), places)
    return found


def _sequence(node: yaml.SequenceNode, path: tuple[str | int, ...], places: Places) -> Json:
    return [_value(item, (*path, index), places) for index, item in enumerate(node.value)]


def _scalar(node: yaml.ScalarNode, _path: tuple[str | int, ...], _places: Places) -> Json:
    text: str = node.value
    if node.style is not None:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _NUMBER.fullmatch(text):
        return _number(text, node.start_mark.line + 1)
    if not _WORD.fullmatch(text) or text.lower() in _AMBIGUOUS:
        raise YamlProblem(node.start_mark.line + 1, "not read alike by every parser: put it into quotes")
    return text


def _number(text: str, line: int) -> int | float:
    if "." in text:
        return float(text)
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise YamlProblem(line, "a whole number may have at most 53 bits")
    return number
