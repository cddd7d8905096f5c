"""The embedded engine's allow-list, measured: each function on it answers as OPA does, order and all.

One module a function, hundreds of argument lists each: edges of numbers, odd strings, wrong types.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.edges.rego.compile import inexact
from proxy.edges.rego.exact import EXACT
from proxy.edges.rego.machine import RegoMachine
from proxy.edges.rego.opa_command import build_wasm, complaints, lay_out, member, parse, run_opa
from tests.policies.arguments import NUMBERS, SMALL, Arguments
from tests.policies.engines import canonical, opa

# Compiled away before anything runs: there is nothing to answer.
SYNTAX = {"assign", "eq", "rego.metadata.chain", "rego.metadata.rule"}

OPERATORS = {
    "internal.member_2": "in",
    "equal": "==",
    "neq": "!=",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
}
OPERATORS |= {"and": "&", "or": "|", "rem": "%"}

FORMS = {
    "internal.member_3": ["(c[0], c[1] in c[2])"],
    "concat": ["concat(c[0], [c[1][0], c[1][1]])", "concat(c[0], sort(c[1]))", "concat(c[0], sort(s(c[1])))"],
    "sort": ["sort(c[0])", "sort(s(c[0]))"],
    "regex.match": [
        f"regex.match(`{pattern}`, c[1])"
        for pattern in (
            "", "a", "^a", "b$", "a.c", r"\w+", r"^\s", r"\bA\b", "[a-z]+", "[^a]", r"a|b\.c", "(?i)(k|ss)x?",
            r"\d{1,3}", "(?:ab)*c{2}", r"^[A-Za-z0-9_.-]*$", r"\S\W", "[[:alpha:]]", ".{2,}?",
        )
    ],
}  # fmt: skip

# What OPA gives as a set has no order.
SETS = {"and", "or", "intersection", "union", "object.keys", "graph.reachable"}


@pytest.fixture(scope="module")
def declared() -> dict[str, list[dict[str, Any]]]:
    known = orjson.loads(run_opa(opa(), ["capabilities", "--current"], Path()).stdout)["builtins"]
    return {one["name"]: one["decl"].get("args", []) for one in known}


def forms(name: str, arguments: list[dict[str, Any]]) -> list[str]:
    """Calls with the arguments as they are, and with sets where a set may stand."""
    if name in FORMS:
        return FORMS[name]
    plain = [f"c[{index}]" for index in range(len(arguments))]
    sets = [f"s({word})" if _may_be_set(one) else word for word, one in zip(plain, arguments, strict=True)]
    must = [
        f"s({word})" if one.get("type") == "set" else word for word, one in zip(plain, arguments, strict=True)
    ]
    return [_call(name, words) for words in {tuple(must): must, tuple(sets): sets}.values()]


def _may_be_set(one: dict[str, Any]) -> bool:
    return one.get("type") == "set" or any(
        inner.get("type") == "set" for inner in one.get("of") or () if inner
    )


def _call(name: str, words: list[str]) -> str:
    if name in OPERATORS:
        return f"{words[0]} {OPERATORS[name]} {words[1]}"
    return f"{name}({', '.join(words)})"


def module(number: int, calls: list[str]) -> bytes:
    lines = [f"package gateway.f{number}", "", "s(x) := {y | some y in x}", ""]
    for index, call in enumerate(calls):
        lines += [f"r{index}[i] := [{call}] if some i, c in input.f{number}", ""]
    return "\n".join(lines).encode()


def differences(folder: Path, declared: dict[str, list[dict[str, Any]]], count: int) -> list[Any]:
    names = dict(enumerate(sorted(EXACT - SYNTAX)))
    calls = {number: forms(name, declared[name]) for number, name in names.items()}
    root = lay_out(folder, {f"gateway/f{number}.rego": module(number, calls[number]) for number in names})
    entrypoints = [f"gateway/f{n}/r{index}" for n in names for index in range(len(calls[n]))]
    assert complaints(build_wasm(opa(), root, entrypoints, folder / "b.tar.gz")) == []
    machine = RegoMachine(member(folder / "b.tar.gz", "policy.wasm"), b"{}", fuel=10**11)
    assert machine.builtins == {}
    given = {f"f{n}": _given(n, declared[name], count, name == "numbers.range") for n, name in names.items()}
    (folder / "input.json").write_bytes(orjson.dumps(given))
    done = run_opa(
        opa(), ["eval", "-b", str(root), "-i", "input.json", "--format", "json", "data.gateway"], folder
    )
    by_opa = orjson.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    found = []
    for number, name in names.items():
        text = orjson.dumps({f"f{number}": given[f"f{number}"]})
        for index, call in enumerate(calls[number]):
            embedded = machine.evaluate(f"gateway/f{number}/r{index}", text)
            one, other = by_opa[f"f{number}"][f"r{index}"], embedded[0]["result"]
            found += [
                (call, arguments, one.get(str(place)), other.get(str(place)))
                for place, arguments in enumerate(given[f"f{number}"])
                if _shown(name, one.get(str(place))) != _shown(name, other.get(str(place)))
            ]
    return found


def _given(seed: int, arguments: list[dict[str, Any]], count: int, small: bool) -> list[list[Any]]:
    source = Arguments(seed, numbers=SMALL if small else NUMBERS)
    return [[source.of(one) for one in arguments] for _ in range(count)]


def _shown(name: str, answer: Any) -> bytes:
    return (
        canonical(_numbers(answer))
        if name in SETS
        else orjson.dumps(_numbers(answer), option=orjson.OPT_SORT_KEYS)
    )


def _numbers(value: Any) -> Any:
    """2 and 2.0 are one number; which of them stands for both in a set is nobody's promise."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    if isinstance(value, dict):
        return {key: _numbers(one) for key, one in value.items()}
    return value


def test_every_function_on_the_list_is_known_to_opa(declared: dict[str, list[dict[str, Any]]]) -> None:
    assert set(declared) >= EXACT


def test_every_function_on_the_list_answers_as_opa_does(
    tmp_path: Path, declared: dict[str, list[dict[str, Any]]]
) -> None:
    assert differences(tmp_path, declared, 40) == []


@pytest.mark.slow
def test_every_function_on_the_list_answers_as_opa_does_on_many_more_arguments(
    tmp_path: Path, declared: dict[str, list[dict[str, Any]]]
) -> None:
    assert differences(tmp_path, declared, 700) == []


def test_the_patterns_of_this_test_are_such_as_the_loader_takes(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"gateway/f.rego": module(0, FORMS["regex.match"])})
    assert inexact(parse(opa(), root, ["gateway/f.rego"])) == []
