"""The laws of the house as functions from a source tree to its faults. `test_floors.py` asks them.

Only what the linter cannot say stands here; the rest (`global`, the clock, the environment, bare tasks of
`asyncio`, docstrings) is banned in pyproject.toml, with its reason beside it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The longest prefix wins. A room that is not named here has no floor, and that is a fault.
FLOORS = {
    "proxy.errors": 0,
    "proxy.verdict": 0,
    "proxy.exchange": 1,
    "proxy.settings": 1,
    "proxy.wire": 2,
    "proxy.redact": 2,
    "proxy.fingerprints": 2,
    "proxy.policy": 2,
    "proxy.soft": 2,
    "proxy.labels": 2,
    "proxy.record": 2,
    "proxy.engines": 2,
    "proxy.conductor": 3,
    "proxy.edges": 4,
    "proxy.web": 4,
    "proxy.app": 5,
    "proxy.workers": 5,
    "proxy.cli": 5,
    "proxy.commands": 5,
    "proxy.demo": 5,
    "proxy.__main__": 5,
}
ROOF = "proxy"  # the package itself: its version, and nothing that it could import
APART = [("proxy.edges", "proxy.web")]  # neighbours that do not know each other
PURE_UP_TO = 2
PROTOCOLS_ONLY = "proxy.engines"  # declares the doors: `async def` without a body to run


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Whatever waits, ticks, rolls dice, talks or touches the machine has no place in a pure room.
IMPURE_MODULES = _words("""
    asyncio concurrent threading multiprocessing subprocess signal select selectors socket ssl http urllib
    aiohttp uvloop time sched random secrets uuid logging warnings os sys io shutil tempfile glob mmap sqlite3
    wasmtime presidio_analyzer spacy opentelemetry prometheus_client yaml
""")
IMPURE_CALLS = _words("open input print breakpoint exec eval __import__")
# Of pathlib, whose type alone is harmless.
IMPURE_METHODS = _words("""
    read_text read_bytes write_text write_bytes unlink mkdir rmdir touch iterdir rglob exists is_file is_dir
    stat resolve expanduser cwd home utcnow
""")

FILE_LINES = 350
FUNCTION_LINES = 60


@dataclass(frozen=True, slots=True)
class Module:
    """One source file. `name` is dotted; a package has the name of its folder."""

    name: str
    where: str
    lines: int
    tree: ast.Module


def read(root: Path) -> list[Module]:
    """Every module of the package that stands in `root`."""
    paths = sorted((root / "proxy").rglob("*.py"))
    return [_module(path, path.relative_to(root)) for path in paths]


def _module(path: Path, relative: Path) -> Module:
    parts = [part for part in relative.with_suffix("").parts if part != "__init__"]
    text = path.read_text("utf-8")
    return Module(".".join(parts), str(relative), text.count("\n"), ast.parse(text, str(relative)))


def floor(name: str) -> int | None:
    """The floor of a module, or None if its room has none."""
    while name:
        if name in FLOORS:
            return FLOORS[name]
        name = name.rpartition(".")[0]
    return None


def homeless(module: Module) -> Iterator[str]:
    if module.name != ROOF and floor(module.name) is None:
        yield f"{module.where}: has no floor; give its room one in tests/floors.py"


def upward(module: Module, known: frozenset[str]) -> Iterator[str]:
    """Imports of a higher floor, and of a neighbour that is none of this room's business."""
    here = 5 if (found := floor(module.name)) is None else found
    for line, target in _imports(module.tree, known):
        if module.name == ROOF:
            yield f"{module.where}:{line}: the package itself imports nothing of the house, not {target}"
            continue
        there = floor(target)
        if target != ROOF and there is None:
            yield f"{module.where}:{line}: imports {target}, which has no floor"
        elif there is not None and there > here:
            yield f"{module.where}:{line}: floor {here} imports {target} of floor {there}; imports point down"
        elif _apart(module.name, target):
            yield f"{module.where}:{line}: {module.name} imports {target}; these two do not know each other"


def _apart(one: str, other: str) -> bool:
    return any(
        (_in(one, left) and _in(other, right)) or (_in(one, right) and _in(other, left))
        for left, right in APART
    )


def _in(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def _imports(tree: ast.AST, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Modules of the house that are imported in the tree, by statement or by `import_module("…")`."""
    for node in ast.walk(tree):
        for target in _targets(node, known):
            if _in(target, ROOF):
                yield getattr(node, "lineno", 0), target


def _targets(node: ast.AST, known: frozenset[str]) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), level=0, names=names):
            # `from proxy import policy` names a module, `from proxy.policy import base` something in one.
            whole = [f"{module}.{name.name}" for name in names]
            return [name if name in known else module for name in whole]
        case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if _last(function) in (
            "import_module",
            "__import__",
        ):
            return [module]
        case _:
            return []


def _last(function: ast.expr) -> str:
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def impure(module: Module) -> Iterator[str]:
    """What waits, ticks, rolls dice, talks or touches the machine, on a floor where nothing may."""
    level = floor(module.name)
    if level is None or level > PURE_UP_TO:
        return
    for node in ast.walk(module.tree):
        if says := _impurity(node, declares=module.name == PROTOCOLS_ONLY):
            yield f"{module.where}:{getattr(node, 'lineno', 0)}: {says} on floor {level}, which is pure"


def _impurity(node: ast.AST, *, declares: bool) -> str:
    match node:
        case ast.Import(names=names):
            foreign = [name.name for name in names if name.name.partition(".")[0] in IMPURE_MODULES]
            return f"imports {foreign[0]}" if foreign else ""
        case ast.ImportFrom(module=str(source)) if source.partition(".")[0] in IMPURE_MODULES:
            return f"imports {source}"
        case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
            return f"calls {name}()"
        case ast.Attribute(attr=name) if name in IMPURE_METHODS:
            return f"uses .{name}"
        case ast.AsyncFunctionDef(name=name) if not (declares and _only_declares(node)):
            return f"has async def {name}"
        case ast.Await() | ast.AsyncFor() | ast.AsyncWith():
            return "waits"
        case _:
            return ""


def _only_declares(function: ast.AsyncFunctionDef) -> bool:
    """A docstring or an ellipsis, and nothing that runs."""
    return all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in function.body)


def bare_tasks(module: Module) -> Iterator[str]:
    """`loop.create_task(…)`, which the linter does not see: tasks belong to a TaskGroup."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="create_task", value=owner)) if "loop" in ast.unparse(
                owner
            ):
                yield f"{module.where}:{node.lineno}: a task of the loop's own; use a TaskGroup"


def too_long(module: Module) -> Iterator[str]:
    if module.lines > FILE_LINES:
        yield f"{module.where}: {module.lines} lines; the most is {FILE_LINES}, make two rooms of it"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{module.where}:{node.lineno}: {node.name} has {lines} lines; the most is {FUNCTION_LINES}"
