"""Verifying: one flipped bit, one missing line, one exchange without an end, and where."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from proxy import record
from proxy.edges.records import reading as journal_reading
from proxy.edges.records.journal import SpoolJournal
from proxy.edges.records.spool_files import segments
from proxy.settings import Feedback
from tests.fakes_journal import LOG, StandingClock, running, summary, write

COUNT = 12


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    """A journal at rest: twelve exchanges, delivered."""
    async with running(tmp_path) as journal:
        for number in range(COUNT):
            await write(journal, f"x{number}")
    return tmp_path


def the_log(state: Path) -> Path:
    [path] = journal_reading.decision_files(state)
    return path


def test_what_is_as_it_was_written_has_no_problems(state: Path) -> None:
    findings = journal_reading.verify(state)
    assert (findings.problems, findings.notes) == ([], [])
    assert (findings.lines, findings.entries) == (2 * COUNT, 2 * COUNT)


def test_a_flipped_bit_anywhere_before_the_last_line_is_found(state: Path) -> None:
    path = the_log(state)
    content = path.read_bytes()
    chance = random.Random(5)
    last = content[:-1].rfind(b"\n")
    for _ in range(150):
        at = chance.randrange(last * 8)
        flipped = bytearray(content)
        flipped[at // 8] ^= 1 << (at % 8)
        path.write_bytes(flipped)
        assert journal_reading.verify(state).problems, at


def test_a_missing_and_a_moved_line_are_found_with_their_place(state: Path) -> None:
    path = the_log(state)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    [problem] = journal_reading.verify(state).problems
    assert problem == f"{path}:5: the line before it was changed, removed or moved"
    path.write_bytes(b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]))
    assert len(journal_reading.verify(state).problems) == 3


def test_days_that_were_deleted_are_noted_and_are_no_fault(state: Path) -> None:
    path = the_log(state)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[3:]))
    findings = journal_reading.verify(state)
    assert findings.problems == []
    assert findings.notes == [f"{path}:1: the log begins here; what came before is gone"]


def test_half_a_line_at_the_end_is_being_written_and_not_yet_a_line(state: Path) -> None:
    with the_log(state).open("ab") as log:
        log.write(b'{"decision_id":"ha')
    assert journal_reading.verify(state).problems == []


def test_a_flipped_bit_in_the_spool_is_found(state: Path) -> None:
    [path] = segments(state / "spool" / "0").values()
    content = path.read_bytes()
    chance = random.Random(6)
    for _ in range(150):
        at = chance.randrange(len(content) * 8)
        flipped = bytearray(content)
        flipped[at // 8] ^= 1 << (at % 8)
        path.write_bytes(flipped)
        assert journal_reading.verify(state).problems, at


def test_a_broken_feedback_line_is_found(state: Path) -> None:
    [path] = (state / "feedback").glob("*.jsonl")
    with path.open("ab") as feedback:
        feedback.write(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}\nnonsense\n')
    assert journal_reading.verify(state).problems == [
        f"{path}:{COUNT + number}: not a line of the feedback stream" for number in (1, 2)
    ]


async def test_an_exchange_without_an_end_is_a_problem_once_nobody_can_end_it(tmp_path: Path) -> None:
    journal = await SpoolJournal.start(Feedback(), tmp_path, LOG, StandingClock())
    await journal.open("x1", record.opened(summary("x1")))
    running_now = await asyncio.to_thread(journal_reading.verify, tmp_path)
    assert running_now.problems == []
    assert [note.split(": ")[1] for note in running_now.notes] == [
        "exchange x1 was opened and not closed yet"
    ]
    await journal._scribe.stop()
    [problem] = (await asyncio.to_thread(journal_reading.verify, tmp_path)).problems
    assert problem.endswith("exchange x1 was opened and not closed; the next start of the proxy closes it")


def test_nothing_recorded_yet_is_no_problem(tmp_path: Path) -> None:
    assert journal_reading.verify(tmp_path).problems == []
    assert os.listdir(tmp_path) == []
