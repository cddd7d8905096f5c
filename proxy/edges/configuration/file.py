"""`sluicegate.yaml`, flags and the environment → `Settings`, or every problem at once with file and line.

The only module that is handed the environment. Checks no file's content: the parts that use a file do that,
and `sluicegate check-config` asks them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from proxy.edges.configuration.checks import check
from proxy.edges.configuration.nodes import FLAG, NOWHERE, Branch, Items, Leaf, Node, Problem, parse
from proxy.edges.configuration.ranges import outside
from proxy.edges.configuration.values import Reader
from proxy.errors import ConfigInvalid
from proxy.settings import Settings

DEFAULT = Path("sluicegate.yaml")

Document = TypeVar("Document")
Checks = Callable[[Document], Iterable[Problem]]


def load(
    path: Path | None,
    *,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str],
    serving: bool = False,
) -> Settings:
    """Settings from a file, or from `./sluicegate.yaml` if it is there, or the defaults.

    `overrides`: dotted keys (`listen.address`, `upstreams.0.url`) that win over the file. `serving`: the
    proxy is to run on them, so that having no upstream is a problem. Raises ConfigInvalid.
    """
    chosen = path or (DEFAULT if DEFAULT.exists() else None)
    tree, problems = _tree(chosen)
    for key, value in (overrides or {}).items():
        tree = _with(tree, key.split("."), value)
    reader = Reader(environ, chosen.parent if chosen else Path())
    settings: Settings = reader.read(Settings, tree)  # never WRONG: each of its groups has a default
    checked = _placed(_checked(settings, environ, serving=serving), reader)
    found = [*problems, *reader.problems, *checked]
    if found:
        raise ConfigInvalid(_told(found, str(chosen or "defaults")))
    return settings


def read_document(kind: type[Document], path: Path, checks: Checks[Document]) -> Document:
    """Another YAML file of ours, such as the keys file, without `${NAME}` in it. Raises ConfigInvalid."""
    tree, problems = _tree(path)
    reader = Reader({}, path.parent)
    document: Document = reader.read(kind, tree)
    found = [*problems, *reader.problems, *_placed(checks(document), reader)]
    if found:
        raise ConfigInvalid(_told(found, str(path)))
    return document


def _told(problems: Iterable[Problem], name: str) -> Sequence[str]:
    """One line each, in the order of the file."""
    return [_line(problem, name) for problem in sorted(set(problems))]


def _checked(settings: Settings, environ: Mapping[str, str], *, serving: bool) -> Iterator[Problem]:
    yield from outside(settings)
    yield from check(settings, environ)
    if serving and not settings.upstreams:
        yield Problem(NOWHERE, "upstreams", "one is needed: add it, or give --upstream URL")


def _placed(problems: Iterable[Problem], reader: Reader) -> Iterator[Problem]:
    """With their lines, and without what only says again that a value could not be read."""
    wrong = {problem.where for problem in reader.problems}
    for problem in problems:
        if not any(_about_the_same(problem.where, seen) for seen in wrong):
            yield Problem(_written(problem.where, reader.lines), problem.where, problem.words)


def _about_the_same(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _written(where: str, lines: Mapping[str, int]) -> int:
    """The line of the value, or of the group that it is missing from."""
    while where and where not in lines:
        where = where.rpartition(".")[0]
    return lines.get(where, NOWHERE)


def _tree(path: Path | None) -> tuple[Branch, list[Problem]]:
    if path is None:
        return Branch({}, NOWHERE), []
    try:
        content = path.read_bytes()
    except OSError as error:
        return Branch({}, NOWHERE), [Problem(NOWHERE, "", error.strerror or "cannot be read")]
    return parse(content)


def _with(node: Node | None, steps: Sequence[str], value: str) -> Any:
    """The tree with a flag's value in it. Text that stands where a group belongs makes way."""
    if not steps:
        return Leaf(value, FLAG)
    step, rest = steps[0], steps[1:]
    line = node.line if node else FLAG
    if step.isdigit():
        items = list(node.items) if isinstance(node, Items) else []
        first = items[0] if items else Branch({"name": Leaf("default", FLAG)}, FLAG)
        return Items((_with(first, rest, value), *items[1:]), line)
    entries = node.entries if isinstance(node, Branch) else {}
    return Branch({**entries, step: _with(entries.get(step), rest, value)}, line)


def _line(problem: Problem, name: str) -> str:
    place = {FLAG: "command line", NOWHERE: name}.get(problem.line, f"{name}:{problem.line}")
    return ": ".join(part for part in (place, problem.where, problem.words) if part)
