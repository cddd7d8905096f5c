"""`policy replay` and `policy diff`, and their answers held against a reference by OPA itself."""

import copy
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.cli import main
from proxy.edges.rego.inputs import line
from proxy.policy import parse_decision
from tests.policies.documents import generated, whole
from tests.policies.engines import REPOSITORY, ask_opa

LIMITS = "gateway/config/limits/data.yaml"
GRANTS = "gateway/config/grants/data.yaml"
GROUPS: tuple[list[str], ...] = (["finance"], ["engineering"], ["engineering", "research"], [])


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """The sample policies with a lower ceiling for some, another cap for others, and one more grant."""
    policies = Path(shutil.copytree(REPOSITORY, tmp_path / "candidate"))
    changed(policies / LIMITS, "prompt_tokens: 4096", "prompt_tokens: 1000")
    changed(policies / LIMITS, "answer_tokens: 1024", "answer_tokens: 600")
    changed(policies / GRANTS, "engineering:\n", "engineering:\n    - smollm2-finance\n")
    return policies


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def conversations(count: int, seed: int) -> list[dict[str, Any]]:
    """Calls such as people make, by people of several groups."""
    chance, base = random.Random(seed), list(whole())
    found = []
    for _ in range(count):
        document = copy.deepcopy(chance.choice(base))
        person = chance.randrange(40)
        document["subject"] |= {"id": f"u{person}", "groups": GROUPS[person % len(GROUPS)]}
        document["model"] = chance.choice(["smollm2", "smollm2-finance"])
        document["documents"] = []
        document["tokens"] = {"prompt": chance.choice([30, 2000, 9000]), "requested": 800}
        found.append(document)
    return found


def written(path: Path, documents: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(document) + b"\n" for document in documents))
    return path


def recorded(path: Path, documents: list[dict[str, Any]]) -> Path:
    """With what the sample policies decide, as the proxy writes it."""
    decided = [orjson.loads(answer)[0] for answer in ask_opa(documents)]
    path.write_bytes(
        b"".join(
            line(document, parse_decision(decision, "r1"), "r1", 1.0)
            for document, decision in zip(documents, decided, strict=True)
        )
    )
    return path


def reference(documents: list[dict[str, Any]], old: Path, new: Path) -> tuple[Counter[str], Counter[Any]]:
    """How many of each kind, and of which rule and group: said again in other words, over OPA's answers."""
    kinds: Counter[str] = Counter()
    rows: Counter[Any] = Counter()
    for document, was, now in zip(documents, ask_opa(documents, old), ask_opa(documents, new), strict=True):
        before, after = orjson.loads(was)[0], orjson.loads(now)[0]
        stops = [{f["rule"] for f in one["findings"] if f["action"] == "block"} for one in (before, after)]
        if before["action"] != "block" == after["action"]:
            kind, about = "newly_blocked", stops[1]
        elif before["action"] == "block" != after["action"]:
            kind, about = "newly_allowed", stops[0]
        elif before["action"] == "block":
            kind, about = "blocked_otherwise", stops[0] ^ stops[1]
        else:
            kind, about = "changed", differing(before, after)
        kinds[kind] += bool(about)
        groups = document["subject"]["groups"] or ["(none)"]
        rows.update((kind, rule, group) for rule in about for group in groups)
    return +kinds, rows


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    parts = [{orjson.dumps(one): one["rule"] for one in part["findings"]} for part in (before, after)]
    about = {(parts[0] | parts[1])[key] for key in parts[0].keys() ^ parts[1].keys()}
    flat = [
        {f"redact.{side}": plans for side, plans in one["obligations"].get("redact", {}).items()}
        | {name: value for name, value in one["obligations"].items() if name != "redact"}
        for one in (before, after)
    ]
    names = {name for name in flat[0].keys() | flat[1].keys() if flat[0].get(name) != flat[1].get(name)}
    return about | {f"obligation {name}" for name in names}


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(capsys.readouterr().out)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["conversations", "broken documents"])
def test_diff_counts_what_opa_itself_decides_otherwise(
    kind: str, candidate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = conversations(400, seed=3)
    if kind == "broken documents":
        documents = [one for one in generated(400, seed=4) if has_whole_subject(one)]
    inputs = written(tmp_path / "inputs.jsonl", documents)
    assert main(["policy", "diff", str(REPOSITORY), str(candidate), str(inputs), "--json"]) == 1
    report = told(capsys)
    kinds, rows = reference(documents, REPOSITORY, candidate)
    assert report["inputs"] == len(documents)
    assert {name: report[name] for name in kinds} == dict(kinds)
    assert {(row["change"], row["rule"], row["group"]): row["inputs"] for row in report["rows"]} == dict(rows)
    if kind == "conversations":
        assert kinds.keys() == {"newly_blocked", "newly_allowed", "blocked_otherwise", "changed"}


def has_whole_subject(document: dict[str, Any]) -> bool:
    subject = document.get("subject")
    groups = subject.get("groups") if isinstance(subject, dict) else None
    if not isinstance(groups, list) or not all(isinstance(one, str) for one in groups):
        return False
    return "phase" in document and len(set(groups)) == len(groups)


def test_the_same_policies_differ_in_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = written(tmp_path / "inputs.jsonl", conversations(20, seed=5))
    assert main(["policy", "diff", str(REPOSITORY), str(REPOSITORY), str(inputs)]) == 0
    assert capsys.readouterr().out.startswith("Would change nothing of 20 inputs.\n")


def test_replay_by_the_same_policies_finds_what_was_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = recorded(tmp_path / "inputs.jsonl", conversations(40, seed=6))
    assert main(["policy", "replay", str(inputs), "--json"]) == 0
    report = told(capsys)
    assert report["before"]["actions"] == report["after"]["actions"]
    assert (report["inputs"], report["rows"], report["before"]["revision"]) == (40, [], "as recorded")


def test_replay_tells_what_a_candidate_would_have_blocked(
    candidate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = conversations(60, seed=7)
    inputs = recorded(tmp_path / "inputs.jsonl", documents)
    assert main(["policy", "replay", str(inputs), "-p", str(candidate), "--json"]) == 1
    report = told(capsys)
    kinds, _ = reference(documents, REPOSITORY, candidate)
    assert {name: report[name] for name in kinds} == dict(kinds)


def one_change(tmp_path: Path, *groups: str) -> list[str]:
    """Two inputs of one call, which a lower ceiling blocks."""
    document = {**conversations(1, seed=1)[0], "model": "smollm2", "phase": "admission", "tools": []}
    document["subject"] = {"id": "ann", "tenant": "acme", "groups": list(groups), "clearances": []}
    document["tokens"] = {"prompt": 2000, "requested": 100}
    candidate = Path(shutil.copytree(REPOSITORY, tmp_path / "ceiling"))
    changed(candidate / LIMITS, "prompt_tokens: 4096", "prompt_tokens: 1000")
    inputs = written(tmp_path / "inputs.jsonl", [document, document])
    return ["policy", "diff", str(REPOSITORY), str(candidate), str(inputs)]


def test_the_table_says_first_what_matters_and_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = one_change(tmp_path, "engineering")
    assert main(command) == 1
    out = capsys.readouterr().out
    assert out.startswith("Would newly block 2 of 2 inputs, newly allow 0, ")
    row = next(row for row in out.splitlines() if row.startswith("newly blocked"))
    assert row.split() == ["newly", "blocked", "tokens.prompt", "engineering", "2", "1", f"{command[-1]}:1"]


def test_markdown_is_a_table_in_which_no_name_is_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*one_change(tmp_path, "engineering", "a|b @team <img> `x` [y](z)"), "--markdown"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("**Would newly block 2 of 2 inputs")
    table = [row for row in out.splitlines() if row.startswith("|")]
    assert {row.count("|") for row in table} == {7}
    assert len(table) == 4
    assert "@team" not in out
    assert "<img>" not in out
    assert "](" not in out


def test_a_name_steers_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(one_change(tmp_path, "red\x1b[31m\u202egroup\n")) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "red\ufffd[31m\ufffdgroup\ufffd" in out


def test_inputs_without_their_arguments_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = next(one for one in whole() if one["phase"] == "tool_call")
    inputs = recorded(tmp_path / "inputs.jsonl", [call])
    assert main(["policy", "replay", str(inputs)]) == 0
    assert "note: 1 input told of a tool call without its arguments" in capsys.readouterr().out


def test_inputs_without_a_decision_are_compared_with_nothing_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = recorded(tmp_path / "inputs.jsonl", [next(whole())])
    inputs.write_bytes(inputs.read_bytes() + orjson.dumps(next(whole())))
    assert main(["policy", "replay", str(inputs)]) == 0
    assert "note: 1 input came without the decision of then" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "no input is there"),
        (b"7\n", ":1: no input document"),
        (orjson.dumps(next(whole())), "compare with `policy diff`"),
    ],
)
def test_inputs_that_say_nothing_are_used_wrongly(
    text: bytes, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inputs.jsonl").write_bytes(text)
    assert main(["policy", "replay", str(tmp_path / "inputs.jsonl")]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.out == ""


def test_inputs_that_are_not_there_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "replay", str(tmp_path / "none.jsonl")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.jsonl'}: No such file or directory\n"


def test_a_repository_that_cannot_be_loaded_is_used_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = written(tmp_path / "inputs.jsonl", conversations(1, seed=1))
    assert main(["policy", "diff", str(REPOSITORY), str(tmp_path / "none"), str(inputs)]) == 2
    assert "not a policy repository" in capsys.readouterr().err


@pytest.mark.slow
def test_ten_thousand_inputs_take_seconds(
    candidate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No two are alike, so that each is decided twice in earnest. 60 s: eight busy neighbours included."""
    documents = conversations(10_000, seed=8)
    for number, document in enumerate(documents):
        document["tokens"]["prompt"] = number
    inputs = written(tmp_path / "inputs.jsonl", documents)
    assert main(["policy", "diff", str(REPOSITORY), str(candidate), str(inputs), "--json"]) == 1
    assert told(capsys)["inputs"] == 10_000
