"""The house stands on its floors, and each law is shown to find what it forbids."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import floors
from tests.floors import Module

ROOT = Path(__file__).parents[1]

# Tasks that outlive the call that starts them have an owner who awaits them in its own close().
TASKS_WITH_AN_OWNER = {
    "proxy/edges/presidio/pool.py": "one a worker process, from start() to close()",
    "proxy/web/front_tls.py": "one a listener, from listen() to close(); each handshake is in its group",
    "proxy/web/stream.py": "a comment on its way, from a silence to rest()",
}

Law = Callable[[Module], Iterator[str]]


@pytest.fixture(scope="module")
def house() -> list[Module]:
    return floors.read(ROOT)


def names(modules: list[Module]) -> frozenset[str]:
    return frozenset(module.name for module in modules)


def faults(law: Law, modules: list[Module]) -> str:
    return "\n".join(fault for module in modules for fault in law(module))


def upward(modules: list[Module]) -> str:
    known = names(modules)
    return faults(lambda module: floors.upward(module, known), modules)


def test_every_room_has_a_floor(house: list[Module]) -> None:
    assert not faults(floors.homeless, house)


def test_imports_point_down_and_neighbours_stay_apart(house: list[Module]) -> None:
    assert not upward(house)


def test_the_lower_floors_are_pure(house: list[Module]) -> None:
    assert not faults(floors.impure, house)


def test_tasks_have_an_owner(house: list[Module]) -> None:
    assert not faults(
        floors.bare_tasks, [module for module in house if module.where not in TASKS_WITH_AN_OWNER]
    )


def test_files_and_functions_are_short(house: list[Module]) -> None:
    assert not faults(floors.too_long, house)


def test_the_list_of_owners_names_only_files_that_need_it(house: list[Module]) -> None:
    needing = {module.where for module in house if list(floors.bare_tasks(module))}
    assert set(TASKS_WITH_AN_OWNER) == needing


# The test of the test: each law on a planted tree.


def planted(root: Path, **files: str) -> list[Module]:
    """A tree with `a__b="…"` as proxy/a/b.py, and `init` as the package itself."""
    for name, text in {"errors": "", "edges__opa": "", "web__front": "", **files}.items():
        file = "__init__" if name == "init" else name.replace("__", "/")
        path = root / "proxy" / f"{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return floors.read(root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("errors", "from proxy.settings import Settings"),
        ("errors", "from proxy import settings"),
        ("wire__sse", "import proxy.conductor.house"),
        ("wire__sse", "def late():\n    from proxy.edges.rego.opa import Opa"),
        ("conductor__asking", "from proxy.web import front"),
        ("conductor__asking", "import importlib\nimportlib.import_module('proxy.edges.rego.opa')"),
        ("edges__opa", "from proxy.web.front import Front"),
        ("web__front", "from proxy.edges.rego import opa"),
        ("edges__journal", "from proxy.app import build"),
        ("policy", "if True:\n    try:\n        from proxy.app import build\n    except ImportError: ..."),
        ("edges__opa", "from proxy.attic import chest"),
    ],
)
def test_an_import_that_points_up_or_across_is_found(tmp_path: Path, name: str, text: str) -> None:
    modules = planted(tmp_path, **{"settings": "", "app": "", "conductor__house": "", name: text})
    assert name.replace("__", "/") in upward(modules)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("edges__opa", "from proxy.errors import EngineUnavailable"),
        ("edges__opa", "from proxy.edges.records.journal import Journal"),
        ("web__front", "from proxy import __version__"),
        ("engines", "from proxy.redact.spans import Span"),
        ("app", "import proxy.web.front, proxy.edges.rego.opa"),
    ],
)
def test_an_import_that_points_down_is_no_fault(tmp_path: Path, name: str, text: str) -> None:
    assert not upward(planted(tmp_path, init="__version__ = '1'", **{name: text}))


def test_the_package_itself_imports_nothing(tmp_path: Path) -> None:
    assert "__init__" in upward(planted(tmp_path, init="from proxy.errors import Refused"))


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "import os.path",
        "def late():\n    import random",
        "from time import monotonic",
        "from concurrent.futures import Future",
        "async def wait(): ...",
        "def read():\n    return open('a')",
        "from pathlib import Path\nPath('a').read_text()",
        "from pathlib import Path\nread = Path('a').read_bytes",
        "print('hello')",
    ],
)
def test_an_impurity_on_a_pure_floor_is_found(tmp_path: Path, text: str) -> None:
    modules = planted(tmp_path, wire__sse=text, edges__fine=text)
    said = faults(floors.impure, modules)
    assert "wire/sse.py" in said
    assert "edges/fine.py" not in said


def test_a_door_may_be_declared_but_not_walked_through_in_engines(tmp_path: Path) -> None:
    assert not faults(floors.impure, planted(tmp_path, engines="async def ask():\n    'Says.'"))
    assert faults(floors.impure, planted(tmp_path, engines="async def ask():\n    return 1"))


def test_a_task_of_the_loop_is_found_and_one_of_a_group_is_not(tmp_path: Path) -> None:
    bare = "import asyncio\nasyncio.get_running_loop().create_task(work())\nloop.create_task(work())"
    said = faults(
        floors.bare_tasks, planted(tmp_path, edges__opa=bare, edges__fine="group.create_task(work())")
    )
    assert said.count("opa.py") == 2
    assert "fine.py" not in said


def test_a_long_file_and_a_long_function_are_found(tmp_path: Path) -> None:
    function = "def tall():\n" + "    x = 1\n" * 60
    said = faults(floors.too_long, planted(tmp_path, edges__opa="\n" * 351, edges__tall=function))
    assert "opa.py: 351 lines" in said
    assert "tall has 61 lines" in said


def test_a_file_and_a_function_at_the_bound_are_not_too_long(tmp_path: Path) -> None:
    function = "def tall():\n" + "    x = 1\n" * 59
    assert not faults(floors.too_long, planted(tmp_path, edges__opa="\n" * 350, edges__tall=function))


def test_a_room_without_a_floor_is_found(tmp_path: Path) -> None:
    assert "attic.py" in faults(floors.homeless, planted(tmp_path, attic=""))
