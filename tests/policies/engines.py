"""Asks the two real engines many documents at once, and brings their answers into one order."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from proxy.edges.rego.compile import ENTRYPOINT, compile_sources
from proxy.edges.rego.files import default_policies, read_policies
from proxy.edges.rego.machine import RegoMachine, WasmTrap
from proxy.edges.rego.opa_command import find_opa, run_opa

REPOSITORY = default_policies()

ALL_AT_ONCE = """[answer |
    some document in input
    answer := {decision | decision := data.gateway.main.decision with input as document}
]"""


def opa() -> Path:
    found = find_opa(None)
    assert found is not None, "no OPA is here: run `make opa`"
    return found


def ask_opa(documents: Sequence[Any], policies: Path = REPOSITORY) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "input.json"
        given.write_bytes(orjson.dumps(list(documents)))
        done = run_opa(
            opa(), ["eval", "-b", str(policies), "-i", str(given), "--format", "json", ALL_AT_ONCE], Path()
        )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = orjson.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    return [canonical(answer) for answer in answers]


def ask_embedded(documents: Sequence[Any], policies: Path = REPOSITORY) -> list[bytes]:
    files = read_policies(policies)
    module = compile_sources(opa(), files.sources, place=policies)
    machine = RegoMachine(module.wasm, files.document, fuel=10**9)
    return [_ask(machine, document) for document in documents]


def canonical(value: Any) -> bytes:
    """Keys sorted, and the arrays too: in a decision every list stands for a set."""
    return orjson.dumps(_sorted(value), option=orjson.OPT_SORT_KEYS)


def _ask(machine: RegoMachine, document: Any) -> bytes:
    try:
        return canonical([row["result"] for row in machine.evaluate(ENTRYPOINT, orjson.dumps(document))])
    except WasmTrap as trap:
        return trap.message.encode()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=canonical)
    return value
