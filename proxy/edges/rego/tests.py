"""Runs a policy repository's own Rego tests: in OPA, and the same tests compiled in the embedded engine."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from proxy.edges.rego.files import PolicyFiles, rego_tests_of
from proxy.edges.rego.machine import RegoMachine, WasmTrap
from proxy.edges.rego.opa_command import build_wasm, complaints, lay_out, member, run_opa
from proxy.errors import ConfigInvalid
from proxy.exchange import Json

# Far more than any test takes: one that never ends must still end.
FUEL = 20_000_000_000


@dataclass(frozen=True, slots=True)
class RegoTestRun:
    """`failures`: one line each, with engine, place and name. `coverage`: per cent of lines, in OPA."""

    passed: int
    failures: tuple[str, ...]
    coverage: float


def run_tests(opa: Path, policies: Path, files: PolicyFiles) -> RegoTestRun:
    """Blocking, about a second. Raises ConfigInvalid when the tests do not compile."""
    sources = {**files.sources, **rego_tests_of(policies)}
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as name:
        root = lay_out(Path(name), sources, files.document)
        done = run_opa(opa, ["test", "-b", ".", "--format", "json"], root)
        coverage = run_opa(opa, ["test", "-b", ".", "--coverage", "--format", "json"], root)
        results = _results(done.stdout, done.stderr)
        failures = [f"opa: {_place(one)}" for one in results if one.get("fail") or one.get("error")]
        failures += _embedded(opa, root, files.document, results)
    return RegoTestRun(len(results) - len(failures), tuple(failures), _coverage(coverage.stdout))


def _results(text: str, complaint: str) -> list[dict[str, Json]]:
    try:
        results = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigInvalid(complaint.splitlines() or ["opa test gave no result"]) from error
    if not isinstance(results, list) or not results:
        raise ConfigInvalid(["there are no tests"])
    return results


def _embedded(opa: Path, root: Path, document: bytes, results: list[dict[str, Json]]) -> Iterator[str]:
    bundle = root.parent / "bundle.tar.gz"
    # Pruned, or OPA would make an entrypoint of each helper that the tests call too.
    problems = complaints(build_wasm(opa, root, map(_entrypoint, results), bundle, "--prune-unused"))
    if problems:
        raise ConfigInvalid(problems)
    machine = RegoMachine(member(bundle, "policy.wasm"), document, fuel=FUEL)
    for one in results:
        if not _passes(machine, _entrypoint(one)):
            yield f"embedded: {_place(one)}"


def _passes(machine: RegoMachine, entrypoint: str) -> bool:
    try:
        return machine.evaluate(entrypoint, b"") == [{"result": True}]
    except WasmTrap:
        return False


def _entrypoint(one: Mapping[str, Json]) -> str:
    package = str(one["package"]).removeprefix("data.").replace(".", "/")
    return f"{package}/{one['name']}"


def _place(one: Mapping[str, Json]) -> str:
    where = one["location"]
    return f"{where['file'].lstrip('/')}:{where['row']}: {one['name']}"


def _coverage(text: str) -> float:
    try:
        return float(orjson.loads(text)["coverage"])
    except (orjson.JSONDecodeError, KeyError):
        return 0.0  # OPA tells none when a test failed
