from pathlib import Path

import orjson
import pytest

from proxy.edges.rego.machine import MAX_MEMORY_BYTES, RegoMachine, WasmTrap
from proxy.edges.rego.opa_command import build_wasm, complaints, lay_out, member
from tests.policies.engines import opa

POLICY = b"""package gateway.main

echo := input

known := data.list

undefined := 1 if input.missing

endless if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	a * b < 0
}

conflict := 1 if input.x

conflict := 2 if input.x

large := numbers.range(1, 100000000)

digest := crypto.sha256("x")
"""

ENTRYPOINTS = ("echo", "known", "undefined", "endless", "conflict", "large", "digest")


@pytest.fixture(scope="module")
def wasm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("machine")
    root = lay_out(folder, {"gateway/main.rego": POLICY})
    done = build_wasm(opa(), root, [f"gateway/main/{name}" for name in ENTRYPOINTS], folder / "b.tar.gz")
    assert complaints(done) == []
    return member(folder / "b.tar.gz", "policy.wasm")


def machine(wasm: bytes, *, document: bytes = b'{"list": [1, "\xc3\xa9"]}', fuel: int = 10**9) -> RegoMachine:
    return RegoMachine(wasm, document, fuel=fuel)


def test_it_tells_its_entrypoints_and_what_it_needs_of_the_host(wasm: bytes) -> None:
    made = machine(wasm)
    assert set(made.entrypoints) == {f"gateway/main/{name}" for name in ENTRYPOINTS}
    assert set(made.builtins) == {"crypto.sha256"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "é\u0000\U0001f600\u2028",
        2**53 - 1,
        -(2**53) + 1,
        0.1,
        1e-7,
        1.5e300,
        [],
        {},
        {"a": [{"b": None}], "": 0},
        ["x" * 100_000] * 20,
    ],
    ids=lambda value: str(value)[:20],
)
def test_values_come_back_as_they_went_in(wasm: bytes, value: object) -> None:
    assert machine(wasm).evaluate("gateway/main/echo", orjson.dumps(value)) == [{"result": value}]


def test_data_is_there_for_every_evaluation(wasm: bytes) -> None:
    made = machine(wasm)
    for _ in range(3):
        assert made.evaluate("gateway/main/known", b"{}") == [{"result": [1, "é"]}]


def test_what_is_undefined_has_no_result(wasm: bytes) -> None:
    assert machine(wasm).evaluate("gateway/main/undefined", b"{}") == []


def test_a_policy_that_runs_away_is_stopped_and_the_next_question_is_answered(wasm: bytes) -> None:
    made = machine(wasm, fuel=50_000_000)
    with pytest.raises(WasmTrap, match="too many steps"):
        made.evaluate("gateway/main/endless", b"{}")
    assert made.evaluate("gateway/main/known", b"{}") == [{"result": [1, "é"]}]


def test_a_policy_that_eats_memory_is_stopped_and_the_next_question_is_answered(wasm: bytes) -> None:
    made = machine(wasm, fuel=10**11)
    with pytest.raises(WasmTrap):
        made.evaluate("gateway/main/large", b"{}")
    assert made.evaluate("gateway/main/echo", b"7") == [{"result": 7}]


def test_a_conflict_is_a_trap_that_tells_the_place_and_not_the_input(wasm: bytes) -> None:
    made = machine(wasm)
    with pytest.raises(WasmTrap) as trap:
        made.evaluate("gateway/main/conflict", b'{"x": "secret words"}')
    assert "gateway/main.rego" in trap.value.message
    assert "secret" not in trap.value.message
    assert made.evaluate("gateway/main/echo", b"7") == [{"result": 7}]


def test_an_instance_that_trapped_is_never_asked_again(wasm: bytes) -> None:
    made = machine(wasm)
    trapped = made._instance
    with pytest.raises(WasmTrap):
        made.evaluate("gateway/main/conflict", b'{"x": 1}')
    made.evaluate("gateway/main/echo", b"7")
    assert made._instance is not trapped


def test_a_function_of_the_host_stops_the_evaluation(wasm: bytes) -> None:
    with pytest.raises(WasmTrap, match="opa_builtin1 was called"):
        machine(wasm).evaluate("gateway/main/digest", b"{}")


def test_an_input_that_is_not_json_is_no_input(wasm: bytes) -> None:
    made = machine(wasm)
    assert made.evaluate("gateway/main/echo", b'{"a": ') == []
    assert made.evaluate("gateway/main/echo", b"7") == [{"result": 7}]


def test_an_input_larger_than_memory_is_a_trap(wasm: bytes) -> None:
    made = machine(wasm)
    with pytest.raises(WasmTrap, match="does not fit"):
        made.evaluate("gateway/main/echo", b" " * MAX_MEMORY_BYTES)
    assert made.evaluate("gateway/main/echo", b"7") == [{"result": 7}]


def test_memory_does_not_grow_from_question_to_question(wasm: bytes) -> None:
    made = machine(wasm)
    large = orjson.dumps(["x" * 1000] * 1000)
    sizes = set()
    for _ in range(20):
        made.evaluate("gateway/main/echo", large)
        assert made._instance is not None
        sizes.add(made._instance._memory.data_len(made._instance._store))
    assert len(sizes) == 1


@pytest.mark.parametrize("module", [b"", b"not wasm", b"\0asm\x01\0\0\0"], ids=["empty", "text", "bare"])
def test_what_opa_did_not_compile_is_refused(module: bytes) -> None:
    with pytest.raises(WasmTrap):
        machine(module)


def test_data_that_is_not_json_is_refused(wasm: bytes) -> None:
    with pytest.raises(WasmTrap):
        machine(wasm, document=b"{")


def test_a_module_cut_short_is_refused(wasm: bytes, tmp_path: Path) -> None:
    with pytest.raises(WasmTrap):
        machine(wasm[: len(wasm) // 2])
