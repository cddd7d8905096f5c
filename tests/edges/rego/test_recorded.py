import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.edges.rego import recorded
from proxy.edges.rego.inputs import line
from proxy.edges.rego.recorded import Recorded, Repository, input_of, read_recorded
from proxy.errors import RequestInvalid
from proxy.verdict import Action, Decision, Finding
from tests.policies.documents import whole
from tests.policies.engines import REPOSITORY, opa

BLOCKED = Decision(Action.BLOCK, (Finding("a.one", Action.BLOCK, "No."),), revision="r1")
DOCUMENT = next(whole())


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def test_what_was_recorded_is_read_with_its_decision_and_place(tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", line(DOCUMENT, BLOCKED, "r1", 1.0), line(DOCUMENT, None, "r2", 2.0))
    first, second = read_recorded(file)
    assert first == Recorded(f"{file}:1", DOCUMENT, True, BLOCKED)
    assert second == Recorded(f"{file}:2", DOCUMENT, True, None)


def test_a_bare_input_document_tells_of_no_decision(tmp_path: Path) -> None:
    (only,) = read_recorded(written(tmp_path / "in.jsonl", orjson.dumps(DOCUMENT)))
    assert (only.input, only.decided, only.decision) == (DOCUMENT, False, None)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    written(tmp_path / "b.jsonl", line(DOCUMENT, BLOCKED, "r1", 1.0))
    written(tmp_path / "a.jsonl", line(DOCUMENT, None, "r1", 1.0))
    written(tmp_path / "other.txt", b"nothing of ours\n")
    assert [Path(one.place).name for one in read_recorded(tmp_path)] == ["a.jsonl:1", "b.jsonl:1"]


def test_half_of_a_last_line_is_left_out_and_the_next_file_is_still_read(tmp_path: Path) -> None:
    whole_line = line(DOCUMENT, BLOCKED, "r1", 1.0)
    written(tmp_path / "a.jsonl", whole_line, whole_line[:-20])
    written(tmp_path / "b.jsonl", whole_line)
    assert len(list(read_recorded(tmp_path))) == 2


GOOD = orjson.loads(line(DOCUMENT, BLOCKED, "r1", 1.0))


@pytest.mark.parametrize(
    "bad",
    [
        b"{CANARY\n",
        b"\n",
        b"7\n",
        b"[]\n",
        b"null\n",
        orjson.dumps({"CANARY": 1}) + b"\n",
        orjson.dumps({**GOOD, "input": []}) + b"\n",
        orjson.dumps({**GOOD, "input": {"no": "phase"}}) + b"\n",
        orjson.dumps({**GOOD, "decision": {"action": "CANARY"}}) + b"\n",
        orjson.dumps({**GOOD, "decision": 7}) + b"\n",
        orjson.dumps({key: GOOD[key] for key in GOOD if key != "decision"}) + b"\n",
        orjson.dumps({key: GOOD[key] for key in GOOD if key != "left_out"}) + b"\n",
    ],
)
def test_a_line_that_cannot_be_read_ends_it_with_its_place_and_no_word_of_it(
    tmp_path: Path, bad: bytes
) -> None:
    good = line(DOCUMENT, BLOCKED, "r1", 1.0)
    file = written(tmp_path / "in.jsonl", good, bad, good)
    with pytest.raises(RequestInvalid) as problem:
        list(read_recorded(file))
    assert problem.value.reason.startswith(f"{file}:2: ")
    assert "CANARY" not in problem.value.reason


def test_a_line_that_is_too_long_is_refused_at_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = line(DOCUMENT, BLOCKED, "r1", 1.0)
    file = written(tmp_path / "in.jsonl", good)
    monkeypatch.setattr(recorded, "LINE_BYTES", len(good))
    assert len(list(read_recorded(file))) == 1
    monkeypatch.setattr(recorded, "LINE_BYTES", len(good) - 1)
    with pytest.raises(RequestInvalid, match="longer than"):
        list(read_recorded(file))


def test_the_input_of_a_recorded_line_is_found_and_another_stays_itself() -> None:
    assert input_of(GOOD) == DOCUMENT
    assert input_of(DOCUMENT) is DOCUMENT
    assert input_of(7) == 7


def asked(document: dict[str, Any]) -> Recorded:
    return Recorded("in:1", document)


def test_a_repository_decides_as_the_proxy_would(tmp_path: Path) -> None:
    made = Repository(REPOSITORY, state=tmp_path, opa=opa())
    assert made.decide(asked({"version": 1, "phase": "afterwards"})).action is Action.BLOCK  # type: ignore[union-attr]
    assert made.decide(asked({**DOCUMENT, "documents": []})).revision == made.revision  # type: ignore[union-attr]


def test_policies_that_come_to_no_decision_give_none(tmp_path: Path) -> None:
    policies = Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))
    folder = policies / "gateway/rules/admission/extra"
    folder.mkdir()
    (folder / "extra.rego").write_text(
        'package gateway.rules.admission.extra\n\nfindings contains {"rule": "x", "action": "allow"}\n'
    )
    assert Repository(policies, state=tmp_path, opa=opa()).decide(asked(DOCUMENT)) is None
