"""`policy eval --explain`: what it shows. What it finds out is `tests/edges/rego/test_explain.py`."""

import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.cli import main
from proxy.edges.rego.inputs import line
from tests.policies.engines import REPOSITORY

EVAL = ["policy", "eval", "--explain"]


def given(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


def sample(name: str) -> bytes:
    return (REPOSITORY / "testdata" / f"{name}.json").read_bytes()


def section(out: str, title: str) -> str:
    """The lines below a title, up to the next empty one."""
    return out.partition(f"\n{title}:\n")[2].partition("\n\n")[0]


def test_the_explanation_names_what_fired_and_what_did_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(sample("engineering-denied"), monkeypatch)
    assert main(EVAL) == 0
    out = capsys.readouterr().out
    assert out.startswith("block\n")
    fired, silent = section(out, "fired"), section(out, "did not fire")
    assert "  model.grant  Model grants (platform; gateway/rules/admission/model_grant/" in fired
    assert "    block by model.grant: None of your groups has a grant for this model.\n" in fired
    assert "    did not hold: _granted\n" in fired
    assert "    demands: withhold\n" in fired
    assert "  tokens.prompt  Ceiling of the prompt" in silent
    assert "model.grant" not in silent


def test_the_routers_own_word_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(b'{"version": 1, "phase": "afterwards"}', monkeypatch)
    assert main(EVAL) == 0
    out = capsys.readouterr().out
    assert "gateway.undecided  the router (gateway/main)" in section(out, "fired")
    assert "did not fire" not in out


@pytest.mark.parametrize("engine", ["embedded", "opa"])
def test_as_json_it_stands_beside_the_decision_of_either_engine(
    engine: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(sample("tool-call"), monkeypatch)
    assert main([*EVAL, "json", "--engine", engine]) == 0
    told: dict[str, Any] = orjson.loads(capsys.readouterr().out)
    assert told["decision"]["action"] == "block"
    assert {rule["id"]: rule["fired"] for rule in told["rules"]} == {
        "tools.arguments": False,
        "tools.call": True,
    }


def test_a_recorded_line_is_asked_about_as_its_input_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(line(orjson.loads(sample("finance")), None, "r1", 1.0), monkeypatch)
    assert main(["policy", "eval"]) == 0
    assert orjson.loads(capsys.readouterr().out)["action"] == "allow"


def test_without_opa_there_is_no_explanation_and_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(sample("finance"), monkeypatch)
    assert main([*EVAL, "--opa", str(tmp_path / "none")]) == 2
    said = capsys.readouterr()
    assert "run `make opa`" in said.err
    assert said.out == ""
