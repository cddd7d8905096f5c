"""`sluicegate check-config` tells every problem of the configuration, its files and its policies at once."""

import json
import shutil
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.edges.rego.files import default_policies

GOOD = """\
upstreams: [{name: a, url: "http://127.0.0.1:9", models: {m: m}}]
identity: {keys_file: keys.yaml}
soft_rules: {judge: openai, url: "http://127.0.0.1:9", model: m}
state: state
"""
KEYS = f"keys:\n- {{id: a, sha256: {'0' * 64}, actor: app, subject: {{id: app}}}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a good configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sluicegate.yaml").write_text(GOOD)
    (tmp_path / "keys.yaml").write_text(KEYS)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    status = main(["check-config", *words])
    return status, capsys.readouterr().out.splitlines()


def test_a_good_configuration_is_good(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == (0, ["good"])
    assert told(capsys, "-c", "sluicegate.yaml") == (0, ["good"])


def test_every_problem_is_a_line_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sluicegate.yaml").write_text(GOOD + "listen: {workers: 0}\nfeedback: {outlet: here}\n")
    assert told(capsys) == (
        2,
        [
            "sluicegate.yaml:5: listen.workers: must be a whole number of at least 1 and at most 256",
            "sluicegate.yaml:6: feedback.outlet: must be one of file, otlp_http, otlp_grpc",
        ],
    )


def test_the_files_that_it_names_and_the_policies_are_read_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(default_policies(), folder / "rules")
    broken = folder / "rules" / "gateway" / "main" / "main.rego"
    broken.write_text(broken.read_text() + "\nthis is no rego\n")
    (folder / "keys.yaml").write_text("keys: [5]\n")
    (folder / "sluicegate.yaml").write_text(GOOD + "hard_rules: {policies: rules}\n")
    status, lines = told(capsys)
    assert status == 2
    assert lines[0] == "keys.yaml:1: keys.0: must be a group of `key: value` lines"
    line = broken.read_text().count("\n")
    assert any("main.rego" in told and f":{line}:" in told for told in lines[1:]), lines


def test_soft_rules_that_nobody_judges_are_a_problem(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sluicegate.yaml").write_text(GOOD.replace("judge: openai", "judge: none"))
    status, (line,) = told(capsys)
    assert status == 2
    assert line.startswith("soft_rules.judge: ")


def test_policies_that_are_no_policies_are_a_problem(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    for engine in ("embedded", "opa"):
        rules = f"hard_rules: {{engine: {engine}, policies: empty}}\n"
        (folder / "sluicegate.yaml").write_text(GOOD + rules)
        status, lines = told(capsys)
        assert status == 2, engine
        assert "good" not in lines


def test_an_opa_elsewhere_has_its_own_policies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = 'hard_rules: {engine: opa, opa: {url: "http://127.0.0.1:9"}}\n'
    (folder / "sluicegate.yaml").write_text(GOOD + rules)
    assert told(capsys) == (0, ["good"])


def test_without_a_file_an_upstream_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told(capsys) == (2, ["defaults: upstreams: one is needed: add it, or give --upstream URL"])


def test_what_is_seldom_meant_is_noted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace(
        "identity: {keys_file: keys.yaml}", "redaction: {engine: none}\nfeedback: {enabled: false}"
    )
    (folder / "sluicegate.yaml").write_text(text)
    assert told(capsys) == (
        0,
        [
            "good",
            "note: identity: nothing is set, so every call will be refused",
            "note: redaction.engine: none, so a policy that demands redaction refuses the request",
            "note: feedback.enabled: false, so no exchange is mirrored",
        ],
    )


def test_as_json_it_is_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = told(capsys, "--json")
    assert (status, json.loads("\n".join(lines))) == (0, {"good": True, "problems": [], "notes": []})
    (folder / "sluicegate.yaml").write_text("nonsense: 1")
    status, lines = told(capsys, "--json")
    document = json.loads("\n".join(lines))
    assert status == 2
    assert document["good"] is False
    assert len(document["problems"]) == 2


def test_the_environment_is_the_commands_own(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sluicegate.yaml").write_text(GOOD.replace("state: state", "state: ${WHERE}"))
    assert told(capsys)[0] == 2
    monkeypatch.setenv("WHERE", "state")
    assert told(capsys) == (0, ["good"])


def test_what_two_checks_find_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(default_policies(), folder / "rules")
    grants = folder / "rules" / "gateway" / "config" / "grants" / "data.yaml"
    grants.write_text("models: {staff: [a], staff: [b]}\n")
    text = GOOD.replace("soft_rules", "hard_rules: {policies: rules}\n#")
    (folder / "sluicegate.yaml").write_text(text)
    status, lines = told(capsys)
    assert (status, len(lines)) == (2, 1)
    assert lines[0].endswith("grants/data.yaml:1: the key staff is there twice")


def test_soft_rules_without_a_judge_are_told_with_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = GOOD.replace("soft_rules", "#")
    (folder / "sluicegate.yaml").write_text(without)
    assert f"set hard_rules.policies to a copy of {default_policies()}" in told(capsys)[1][0]
    shutil.copytree(default_policies(), folder / "rules")
    (folder / "sluicegate.yaml").write_text(without + "hard_rules: {policies: rules}\n")
    assert told(capsys)[1][0].endswith("take the rules out of rules/gateway/config/soft_rules/data.yaml")
