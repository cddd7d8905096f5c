"""Writes the tables of docs/configuration.md from proxy/settings.py: `python -m docs.reference`.

A setting's words are the comment on its own line, a group's are its docstring; so what an operator reads and
what a programmer reads cannot drift apart.
"""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from proxy import settings
from proxy.edges.configuration.ranges import range_of

PAGE = Path(__file__).with_name("configuration.md")
BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def page(text: str) -> str:
    """The page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def reference() -> str:
    return "\n".join(_group(settings.Settings, "", _comments()))


def _group(kind: Any, where: str, comments: dict[str, dict[str, str]]) -> Iterator[str]:
    """One table a group, then the groups in it."""
    hints = get_type_hints(kind)
    inner: list[tuple[Any, str]] = []
    rows: list[str] = []
    for field in dataclasses.fields(kind):
        path = f"{where}.{field.name}" if where else field.name
        group = _group_of(hints[field.name])
        if group is not None:
            many = get_origin(hints[field.name]) is tuple
            inner.append((group, f"{path}.*" if many else path))
        else:
            words = comments[kind.__name__].get(field.name, "")
            rows.append(f"| `{path}` | {_words(hints[field.name], path)} | {_default(field)} | {words} |")
    if where:
        yield f"### {where.replace('.*', '[]')}\n\n{inspect.getdoc(kind)}\n"
    if rows:
        yield "| setting | takes | default | about |\n|---|---|---|---|"
        yield "\n".join(rows) + "\n"
    for group, path in inner:
        yield from _group(group, path, comments)


def _group_of(hint: Any) -> Any:
    """The group that a setting holds: one, a list of them, or one that may be missing."""
    choices = (hint, *get_args(hint))
    return next((choice for choice in choices if dataclasses.is_dataclass(choice)), None)


def _words(hint: Any, path: str) -> str:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _words(get_args(hint)[0], path)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(hint))
    if origin is tuple:
        return "a list of text"
    if origin is dict:
        return "`name: text` lines"
    if hint in (int, float):
        bounds = range_of(path.replace("*", "0"), whole=hint is int)
        return f"{'a whole number' if hint is int else 'a number'}, {bounds.low:g} to {_large(bounds.high)}"
    names: dict[Any, str] = {str: "text", bool: "`true` or `false`", Path: "a path"}
    return names[hint]


def _large(number: float) -> str:
    power = int(number).bit_length() - 1
    return f"2^{power}" if power >= 20 and number == 2**power else f"{number:.0f}"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "none"
    if field.default is dataclasses.MISSING:
        return "**needed**"
    value = field.default
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _comments() -> dict[str, dict[str, str]]:
    """Class → field → the comment behind it, or on the lines above it."""
    source = Path(settings.__file__).read_text("utf-8")
    lines = source.splitlines()
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            fields = [statement for statement in node.body if isinstance(statement, ast.AnnAssign)]
            found[node.name] = {ast.unparse(field.target): _comment(lines, field) for field in fields}
    return found


def _comment(lines: list[str], field: ast.AnnAssign) -> str:
    behind = re.search(r"\s# (.+)$", lines[(field.end_lineno or field.lineno) - 1])
    if behind:
        return behind[1].replace("|", "\\|")
    above = []
    place = field.lineno - 2
    while lines[place].strip().startswith("# "):
        above.insert(0, lines[place].strip()[2:])
        place -= 1
    return " ".join(above).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
