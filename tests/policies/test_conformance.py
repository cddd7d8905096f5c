"""OPA's own conformance suite through the embedded engine, beside a real OPA on the very same policies.

A case whose policy the loader would refuse counts as refused. Every other one must give OPA's answer. The
cases come with OPA's Go module; nothing of them is kept here.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.edges.rego.compile import exact_capabilities
from proxy.edges.rego.exact import number_keys, places
from proxy.edges.rego.machine import RegoMachine, WasmTrap
from proxy.edges.rego.opa_command import Done, build_wasm, complaints, lay_out, member, run_opa
from tests.policies.engines import opa

MODULE = "github.com/open-policy-agent/opa"
BATCH = 200

PARSE = """{name: trees |
    some name, texts in input
    trees := [tree | some text in texts; tree := rego.parse_module(name, text)]
}"""

# What a query or a module of the suite calls the root of all documents.
ROOT = re.compile(r"""(?<![\w.'"`])data(?![\w'"])""")
PACKAGE = re.compile(r"^\s*package\s+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the suite, moved below a package of its own, so that many share one module."""

    name: str
    note: str
    modules: tuple[str, ...]
    document: Any
    input: tuple[Any, ...]  # none, or one: an input that is null is an input

    @property
    def entrypoint(self) -> str:
        return f"gateway/{self.name}/conformance/rows"

    @property
    def question(self) -> str:
        asked = f"data.{self.entrypoint.replace('/', '.')}"
        if not self.input:
            return f"{{x | x := {asked}}}"
        return f"{{x | given := input.{self.name}; x := {asked} with input as given}}"


@pytest.fixture(scope="module")
def suite() -> list[Case]:
    if shutil.which("go") is None and os.environ.get("CI", "").lower() != "true":
        pytest.skip("the conformance suite comes with OPA's Go module, and there is no Go here")
    folder = _module_folder() / "v1" / "test" / "cases" / "testdata" / "v1"
    files = sorted(folder.rglob("*.yaml"))
    assert len(files) > 1000
    told = [case for file in files for case in yaml.load(file.read_text(), Loader=yaml.CSafeLoader)["cases"]]
    return [_moved(number, case) for number, case in enumerate(told) if "input_term" not in case]


def _module_folder() -> Path:
    version = run_opa(opa(), ["version"], Path()).stdout.split()[1]
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{MODULE}@v{version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["Dir"])


def _moved(number: int, told: dict[str, Any]) -> Case:
    name = f"c{number}"
    modules = [
        PACKAGE.sub(f"package gateway.{name}.", ROOT.sub(f"data.gateway.{name}", text), count=1)
        for text in told.get("modules") or ()
    ]
    wanted = told.get("want_result") or [{}]
    row = ", ".join(f'"{variable}": {variable}' for variable in sorted(wanted[0]))
    query = ROOT.sub(f"data.gateway.{name}", told["query"])
    modules.append(f"package gateway.{name}.conformance\n\nrows contains {{{row}}} if {{\n\t{query}\n}}\n")
    return Case(name, told["note"], tuple(modules), json.loads(json.dumps(told.get("data"))), _given(told))


def _given(told: dict[str, Any]) -> tuple[Any, ...]:
    return (told["input"],) if "input" in told else ()


def _exact_by_form(cases: list[Case], folder: Path) -> list[Case]:
    """All modules parsed by one command, which tells no lines; here only whether is asked."""
    given = folder / "modules.json"
    given.write_text(json.dumps({case.name: case.modules for case in cases}))
    done = run_opa(opa(), ["eval", "-i", str(given), "--format", "json", PARSE], folder)
    trees = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    return [case for case in cases if _is_exact(case, trees[case.name])]


def _is_exact(case: Case, trees: list[Any]) -> bool:
    """By the same judgement as the loader's, of the Rego and of the data."""
    parsed = len(trees) == len(case.modules)
    return parsed and not any(list(places(tree)) for tree in trees) and not list(number_keys(case.document))


def _compiled(cases: list[Case], folder: Path) -> tuple[list[Case], Path]:
    """Those that compile with exact functions only; OPA tells the places of the others."""
    capabilities = folder / "capabilities.json"
    capabilities.write_bytes(exact_capabilities(opa()))
    for attempt in range(BATCH):
        place = folder / str(attempt)
        root = lay_out(place, _sources(cases), _documents(cases))
        entrypoints = [case.entrypoint for case in cases]
        done = build_wasm(opa(), root, entrypoints, place / "b.tar.gz", "--capabilities", str(capabilities))
        if not complaints(done):
            return cases, place
        refused = _named(done)
        assert refused, done.stdout + done.stderr
        cases = [case for case in cases if case.name not in refused]
    pytest.fail("OPA finds something new each time")


def _named(done: Done) -> set[str]:
    return set(re.findall(r"\b(?:gateway[/.])(c\d+)\b", done.stdout + done.stderr))


def _sources(cases: list[Case]) -> dict[str, bytes]:
    return {
        f"gateway/{case.name}/m{index}.rego": text.encode()
        for case in cases
        for index, text in enumerate(case.modules)
    }


def _documents(cases: list[Case]) -> bytes:
    found = {case.name: case.document for case in cases if case.document is not None}
    return json.dumps({"gateway": found}).encode()


def _canonical(value: Any) -> str:
    """Rows are a set, and so are sets inside of them; orders that can be seen are refused by their form."""
    return json.dumps(_sorted(value), sort_keys=True)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=_canonical)
    return value


def _by_opa(cases: list[Case], root: Path, folder: Path) -> dict[str, str]:
    """Those with an input and those without one, for a missing input is not the same as one that is null."""
    without = [case for case in cases if not case.input]
    given = [case for case in cases if case.input]
    (folder / "input.json").write_text(json.dumps({case.name: case.input[0] for case in given}))
    return {**_ask(without, root, folder), **_ask(given, root, folder, "-i", "input.json")}


def _ask(cases: list[Case], root: Path, folder: Path, *options: str) -> dict[str, str]:
    """One command answers all of them; what fails is asked alone."""
    query = "{" + ",\n".join(f'"{case.name}": {case.question}' for case in cases) + "}"
    done = run_opa(opa(), ["eval", "-b", str(root), "--format", "json", *options, query], folder)
    if done.returncode == 0:
        answers = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return {name: _canonical(answer) for name, answer in answers.items()}
    if len(cases) == 1:
        return {cases[0].name: "error"}
    half = len(cases) // 2
    return {**_ask(cases[:half], root, folder, *options), **_ask(cases[half:], root, folder, *options)}


def _embedded(cases: list[Case], place: Path) -> Iterator[str]:
    wasm = member(place / "b.tar.gz", "policy.wasm")
    machine = RegoMachine(wasm, _documents(cases), fuel=10**10)
    for case in cases:
        try:
            given = json.dumps(case.input[0]).encode() if case.input else b""
            rows = machine.evaluate(case.entrypoint, given)
            yield _canonical([row["result"] for row in rows])
        except WasmTrap:
            yield "error"


@pytest.mark.slow
@pytest.mark.timeout(600)  # 2,300 cases: a minute on a quiet core
def test_what_is_not_refused_answers_as_opa_does_on_its_own_suite(suite: list[Case], tmp_path: Path) -> None:
    counted: Counter[str] = Counter()
    different = []
    for start in range(0, len(suite), BATCH):
        folder = tmp_path / str(start)
        folder.mkdir()
        batch = suite[start : start + BATCH]
        cases, place = _compiled(_exact_by_form(batch, folder), folder)
        counted["refused"] += len(batch) - len(cases)
        by_opa = _by_opa(cases, place / "policies", folder)
        for case, embedded in zip(cases, _embedded(cases, place), strict=True):
            counted["same" if embedded == by_opa[case.name] else "different"] += 1
            if embedded != by_opa[case.name]:
                different.append((case.note, by_opa[case.name], embedded))
    assert different == []
    assert counted["same"] > 1000, counted
