"""`sluicegate records`, as people and programs call it."""

import json
from pathlib import Path

import pytest

from proxy import record
from proxy.cli import main
from proxy.edges.records.spool_files import private_directory
from tests.fakes_journal import a_record, running, summary, write


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    async with running(tmp_path) as journal:
        for number in range(3):
            await write(journal, f"x{number}")
        blocked = summary("refused", status="blocked", error="policy_denied", time=summary().time + 60)
        ticket = await journal.open("refused", record.opened(blocked))
        await ticket.close(record.decision_log(blocked), None)
        await write(journal, "partial", a_record("partial", status="partial"))
    return tmp_path


def records(*words: str, state: Path) -> int:
    return main(["records", words[0], "--state", str(state), *words[1:]])


def test_ls_is_a_table_for_people(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert records("ls", state=state) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["time", "id", "subject", "model", "action", "status", "rules"]
    assert len(rows) == 5
    assert rows[-1].split() == [
        "2026-11-23T12:01:00Z", "refused", "anna", "smollm2", "block", "blocked", "redaction.plan"
    ]  # fmt: skip


def test_ls_json_is_one_decision_a_line_and_the_newest(
    state: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert records("ls", "--json", "--limit", "2", state=state) == 0
    documents = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert len(documents) == 2
    assert documents[-1]["decision_id"] == "refused"


def test_ls_looks_at_older_days_only_as_far_as_it_must(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    directory = private_directory(tmp_path / "decisions")
    for day in (21, 22, 23):
        document = record.decision_log(summary(f"d{day}", time=summary().time + (day - 23) * 86_400))[0]
        (directory / f"2026-11-{day}-0.jsonl").write_text(json.dumps(document) + "\n")
    (directory / "2026-11-20-0.jsonl").write_text('{"not": "a decision"}\n')
    assert records("ls", "--json", "--limit", "2", state=tmp_path) == 0
    found = [json.loads(line)["decision_id"] for line in capfdbinary.readouterr().out.splitlines()]
    assert found == ["d22", "d23"]


def test_show_gives_decision_and_record(state: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert records("show", "x1", state=state) == 0
    shown = json.loads(capfdbinary.readouterr().out)
    assert shown["decision"]["decision_id"] == "x1"
    assert shown["record"] == a_record("x1")
    assert records("show", "refused", state=state) == 0
    assert json.loads(capfdbinary.readouterr().out)["record"] is None


def test_show_of_an_unknown_id_fails(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert records("show", "nobody", state=state) == 1
    assert "no decision with the id nobody" in capsys.readouterr().err


def test_export_is_chats_of_complete_answers(state: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert records("export", state=state) == 0
    chats = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [chat["id"] for chat in chats] == ["x0", "x1", "x2"]
    assert chats[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "I am <PERSON_1f>.\nWho am I?"},
        {"role": "assistant", "content": "You are <PERSON_1f>."},
    ]
    assert chats[0]["metadata"]["sluicegate.subject"] == "anna"
    assert records("export", "--all", state=state) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 4


def test_export_writes_a_new_private_file_and_never_over_an_old_one(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "chats.jsonl"
    assert records("export", "--output", str(output), state=state) == 0
    assert len(output.read_bytes().splitlines()) == 3
    assert output.stat().st_mode & 0o777 == 0o600
    assert records("export", "--output", str(output), state=state) == 2
    assert "exists already" in capsys.readouterr().err
    assert records("export", "--output", str(tmp_path / "nowhere" / "chats.jsonl"), state=state) == 2
    assert "chats.jsonl: No such file or directory" in capsys.readouterr().err


def test_verify_says_what_it_looked_at_and_fails_with_the_place(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert records("verify", state=state) == 0
    assert capsys.readouterr().out == "9 lines and 10 spool entries: no problems\n"
    [path] = (state / "decisions").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"anna"', b'"otto"', 1))
    assert records("verify", state=state) == 1
    told = capsys.readouterr()
    assert f"{path}:2: " in told.err
    assert told.out.endswith("1 problem\n")


@pytest.mark.parametrize("words", [["ls", "--limit", "0"], ["ls", "--limit", "x"], ["show"], ["burn"], []])
def test_used_wrongly_it_ends_with_two(words: list[str], state: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["records", *words])
    assert ended.value.code == 2


def test_a_state_directory_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert records("ls", state=tmp_path / "nowhere") == 2
    assert "no such directory" in capsys.readouterr().err


def test_nothing_recorded_yet_is_an_empty_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert records("ls", state=tmp_path) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
