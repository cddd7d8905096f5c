import io
import shutil
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.cli import main
from proxy.edges.rego.compile import load
from tests.policies.engines import REPOSITORY

RULE = "gateway/rules/admission/model_grant/model_grant.rego"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))


def given(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


def sample(name: str) -> bytes:
    return (REPOSITORY / "testdata" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("engine", ["embedded", "opa"])
@pytest.mark.parametrize(
    ("name", "action", "rules"),
    [
        ("finance", "allow", []),
        ("engineering-denied", "block", ["model.grant", "documents.need-to-know"]),
        ("engineering-withheld", "redact", ["documents.need-to-know"]),
        ("tool-call", "block", ["tools.call"]),
        ("soft-rule", "block", ["soft.no-weapons", "redaction.prompt"]),
    ],
)
def test_eval_prints_the_decision_of_either_engine(
    engine: str, name: str, action: str, rules: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(sample(name), monkeypatch)
    assert main(["policy", "eval", "--engine", engine]) == 0
    decision = orjson.loads(capsys.readouterr().out)
    assert decision["action"] == action
    assert [finding["rule"] for finding in decision["findings"]] == rules


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"7", b"x" * (4 * 1024 * 1024 + 1)], ids=["", "{", "[]", "7", "large"]
)
def test_eval_takes_an_input_document_only(text: bytes, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given(text, monkeypatch)
    assert main(["policy", "eval"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "standard input: not the JSON object of an input document\n"


def test_eval_without_a_decision_fails(policies: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (policies / RULE).write_text(
        (policies / RULE).read_text().replace('"action": "block"', '"action": "block", "x": 1')
    )
    given(sample("engineering-denied"), monkeypatch)
    assert main(["policy", "eval", "-p", str(policies)]) == 1
    assert capsys.readouterr().out == ""


def test_broken_policies_are_told_with_file_and_line(
    policies: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (policies / RULE).write_text("package gateway.rules.admission.model_grant\n\nfindings contains x if y\n")
    given(sample("finance"), monkeypatch)
    assert main(["policy", "eval", "-p", str(policies)]) == 2
    assert f"{policies / RULE}:3: " in capsys.readouterr().err


@pytest.mark.slow
def test_test_runs_every_rego_test_in_both_engines(capsys: Any) -> None:
    assert main(["policy", "test", "-p", str(REPOSITORY), "--coverage", "95"]) == 0
    assert "0 failed, in both engines; coverage 100.0 %" in capsys.readouterr().out


@pytest.mark.slow
def test_test_names_what_failed_with_engine_and_place(policies: Path, capsys: Any) -> None:
    (policies / RULE).write_text((policies / RULE).read_text().replace("not _granted", "_granted"))
    assert main(["policy", "test", "-p", str(policies)]) == 1
    told = capsys.readouterr().err
    place = RULE.replace(".rego", "_test.rego")
    assert f"opa: {place}:" in told
    assert f"embedded: {place}:" in told


@pytest.mark.slow
def test_test_fails_below_the_wanted_coverage(policies: Path, capsys: Any) -> None:
    (policies / "gateway/lib/unused.rego").write_text(
        "package gateway.lib.unused\n\nf(x) := x\n\ng(x) := x\n"
    )
    assert main(["policy", "test", "-p", str(policies), "--coverage", "100"]) == 1
    assert "coverage is below 100.0 %" in capsys.readouterr().err


def test_compile_check_tells_fresh_from_stale(policies: Path, capsys: Any) -> None:
    assert main(["policy", "compile", "--check", "-p", str(policies)]) == 0
    (policies / "gateway/lib/extra.rego").write_text("package gateway.lib.extra\n\nx := 1\n")
    assert main(["policy", "compile", "--check", "-p", str(policies)]) == 1
    assert "stale: run `sluicegate policy compile`" in capsys.readouterr().err
    assert main(["policy", "compile", "-p", str(policies)]) == 0
    assert main(["policy", "compile", "--check", "-p", str(policies)]) == 0
    assert load(policies / "compiled") != load(REPOSITORY / "compiled")


def test_bundle_writes_what_opa_serves(policies: Path, tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "bundle.tar.gz"
    assert main(["policy", "bundle", "-p", str(policies), "-o", str(target)]) == 0
    assert target.read_bytes()[:2] == b"\x1f\x8b"
    assert capsys.readouterr().out.startswith(f"{target}: revision ")


def test_a_bundle_that_cannot_be_written_is_told(policies: Path, tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "nowhere" / "bundle.tar.gz"
    assert main(["policy", "bundle", "-p", str(policies), "-o", str(target)]) == 2
    assert capsys.readouterr().err == f"{target}: No such file or directory\n"


def test_without_opa_the_tools_say_what_to_do(tmp_path: Path, capsys: Any) -> None:
    assert main(["policy", "bundle", "--opa", str(tmp_path / "none")]) == 2
    assert "run `make opa`" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["policy"], ["policy", "replay"], ["policy", "eval", "--engine", "other"]])
def test_a_wrong_use_ends_with_two(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
