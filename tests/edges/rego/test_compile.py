import shutil
from pathlib import Path

import pytest

from proxy.edges.rego.compile import COMPILED, Compiled, compile_sources, compiled, load, save
from proxy.edges.rego.files import read_policies
from proxy.errors import ConfigInvalid
from tests.policies.engines import REPOSITORY, opa

RULE = Path("gateway/rules/admission/extra/extra.rego")

HEAD = "package gateway.rules.admission.extra\n\n"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))


def add(policies: Path, body: str) -> None:
    (policies / RULE).parent.mkdir()
    (policies / RULE).write_text(HEAD + body + "\n")


def compile_now(policies: Path, state: Path, command: Path | None = None) -> Compiled:
    return compiled(policies, read_policies(policies), state=state, opa=command)


def problems(policies: Path, state: Path, command: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigInvalid) as refused:
        compile_now(policies, state, command)
    return refused.value.problems


def test_unchanged_policies_need_no_opa(policies: Path, tmp_path: Path) -> None:
    made = compile_now(policies, tmp_path / "state", tmp_path / "missing")
    assert made == load(REPOSITORY / COMPILED)
    assert not (tmp_path / "state").exists()


def test_changed_data_needs_no_opa(policies: Path, tmp_path: Path) -> None:
    (policies / "gateway/config/grants/data.yaml").write_text("models: {}\n")
    assert compile_now(policies, tmp_path / "state", tmp_path / "missing").manifest["opa"]


def test_changed_rego_without_opa_is_refused_with_what_to_do(policies: Path, tmp_path: Path) -> None:
    add(policies, "findings := set()")
    (problem,) = problems(policies, tmp_path / "state", tmp_path / "missing")
    assert "no `opa` is here to compile it: run `make opa`, or set hard_rules.opa.binary" in problem


def test_changed_rego_is_compiled_once_and_then_taken_from_the_state(policies: Path, tmp_path: Path) -> None:
    add(policies, "findings := set()")
    made = compile_now(policies, tmp_path / "state", opa())
    assert made.is_of(read_policies(policies).sources)
    assert compile_now(policies, tmp_path / "state", tmp_path / "missing") == made


def test_a_rule_that_does_not_parse_is_refused_with_file_and_line(policies: Path, tmp_path: Path) -> None:
    add(policies, "findings contains {")
    for problem in problems(policies, tmp_path, opa()):
        assert problem.startswith(f"{policies / RULE}:")
        assert "rego_parse_error" in problem


def test_a_rule_that_does_not_compile_is_refused_with_file_and_line(policies: Path, tmp_path: Path) -> None:
    add(policies, "findings contains x if y == 1")
    assert any(
        problem.startswith(f"{policies / RULE}:3: rego_") for problem in problems(policies, tmp_path, opa())
    )


@pytest.mark.parametrize(
    "call",
    [
        'http.send({"method": "get", "url": "http://x"})',
        "time.now_ns() > 0",
        'rand.intn("x", 3) == 1',
        'sprintf("%v", [1]) == "1"',
        "input.a + 1 == 2",
        "lower(input.a) == input.a",
        'net.cidr_contains("10.0.0.0/8", input.a)',
        'glob.match("a*", [], input.a)',
        "json.unmarshal(input.a)",
        "walk(input, [_, 1])",
        "opa.runtime().env",
    ],
)
def test_a_function_that_is_not_exact_is_refused_by_name_and_place(
    policies: Path, tmp_path: Path, call: str
) -> None:
    add(policies, f'findings contains "x" if {call}')
    told = "\n".join(problems(policies, tmp_path, opa()))
    assert f"{policies / RULE}:3: " in told
    assert "not a function that the embedded engine runs exactly as OPA does" in told


def test_what_is_not_exact_by_its_form_is_refused_beside_all_else(policies: Path, tmp_path: Path) -> None:
    add(policies, "list := [x | some x in input.tools]\n\nnow := time.now_ns()")
    told = problems(policies, tmp_path, opa())
    assert any(problem.startswith(f"{policies / RULE}:3: an array comprehension: ") for problem in told)
    assert any(problem.startswith(f"{policies / RULE}:5: time.now_ns: ") for problem in told)


def test_a_module_whose_bytes_changed_is_not_loaded(policies: Path, tmp_path: Path) -> None:
    wasm = policies / COMPILED / "policy.wasm"
    wasm.write_bytes(wasm.read_bytes()[:-1] + b"x")
    assert load(policies / COMPILED) is None
    assert compile_now(policies, tmp_path / "state", opa()) == load(REPOSITORY / COMPILED)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"wasm": "x"}'])
def test_a_broken_manifest_is_as_good_as_none(policies: Path, text: str) -> None:
    (policies / COMPILED / "compiled.json").write_text(text)
    assert load(policies / COMPILED) is None


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = load(REPOSITORY / COMPILED)
    assert made is not None
    save(made, tmp_path)
    assert load(tmp_path) == made


def test_another_opa_than_the_measured_one_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "opa"
    other.write_text("#!/bin/sh\necho 'Version: 1.99.0'\n")
    other.chmod(0o755)
    with pytest.raises(ConfigInvalid, match=r"OPA 1\.99\.0 was not compared"):
        compile_sources(other, read_policies(REPOSITORY).sources, place=REPOSITORY)


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "not a program"])
def test_a_command_that_is_not_opa_is_refused(tmp_path: Path, script: str) -> None:
    other = tmp_path / "opa"
    other.write_text(script)
    other.chmod(0o755)
    with pytest.raises(ConfigInvalid):
        compile_sources(other, read_policies(REPOSITORY).sources, place=REPOSITORY)
