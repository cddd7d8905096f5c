import asyncio
import logging
import stat
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.edges.clock import SystemClock
from proxy.edges.log import Log
from proxy.edges.rego import inputs
from proxy.edges.rego.inputs import ARGUMENTS, InputFiles, InputLog, line, without_text
from proxy.edges.rego.recorded import read_recorded
from proxy.errors import EngineUnavailable
from proxy.exchange import Json
from proxy.verdict import Action, Decision
from tests.policies.documents import PHASES, WHOLE, whole

LOG = Log(logging.getLogger("test.inputs"))
DOCUMENT: dict[str, Any] = {"version": 1, "phase": "admission", "subject": {"id": "ann"}}


class ScriptedPolicies:
    """Says what it is told to; None: it cannot decide."""

    revision = "r1"

    def __init__(self, *decisions: Decision | None) -> None:
        self.decisions = list(decisions)

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        decision = self.decisions.pop(0)
        if decision is None:
            raise EngineUnavailable("It is gone.")
        return decision


ALLOW = Decision(Action.ALLOW, revision="r1")


def noting(folder: Path, *decisions: Decision | None) -> InputLog:
    return InputLog(ScriptedPolicies(*decisions), folder, SystemClock(), LOG)


@asynccontextmanager
async def running(log: InputLog) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(log.run())
        await asyncio.sleep(0)
        yield
        task.cancel()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(raw) for file in sorted(folder.glob("*")) for raw in file.read_bytes().splitlines()]


async def test_every_question_is_written_down_with_its_answer(tmp_path: Path) -> None:
    log = noting(tmp_path / "inputs", ALLOW, None)
    async with running(log):
        assert await log.decide(DOCUMENT) is ALLOW
        with pytest.raises(EngineUnavailable):
            await log.decide(DOCUMENT)
    first, second = await asyncio.to_thread(lines, tmp_path / "inputs")
    assert first.keys() == {"time", "revision", "decision", "left_out", "input"}
    assert first["decision"] == {"action": "allow", "findings": [], "obligations": {}}
    assert (first["input"], first["revision"], first["left_out"]) == (DOCUMENT, "r1", [])
    assert (second["decision"], second["revision"]) == (None, "r1")


async def test_what_is_noted_is_on_disk_within_the_time_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FLUSH_S", 0.01)
    log = noting(tmp_path, ALLOW)
    async with asyncio.timeout(5), running(log):
        await log.decide(DOCUMENT)
        while not await asyncio.to_thread(lines, tmp_path):
            await asyncio.sleep(0.01)


async def test_a_log_that_is_cancelled_in_the_midst_of_a_write_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FLUSH_S", 0.001)
    log = noting(tmp_path, *[ALLOW] * 200)
    async with running(log):
        for _ in range(200):
            await log.decide(DOCUMENT)
            await asyncio.sleep(0)
    assert len(await asyncio.to_thread(lines, tmp_path)) == 200


async def test_a_write_that_waits_for_its_turn_is_not_lost_when_the_proxy_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FLUSH_S", 0.001)
    loop, free = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, free.wait)
    log = noting(tmp_path, ALLOW)
    async with running(log):
        await log.decide(DOCUMENT)
        await asyncio.sleep(0.05)
        loop.call_later(0.05, free.set)
    await busy
    assert len(await asyncio.to_thread(lines, tmp_path)) == 1


def test_no_argument_of_a_tool_call_is_written_down() -> None:
    for document in whole():
        call = {"name": "send", "arguments": {"CANARY-key": ["CANARY-value"]}, "source": "model"}
        given = {**document, "tool_call": call} if document["phase"] == "tool_call" else document
        written = line(given, ALLOW, "r1", 1.0)
        assert b"CANARY" not in written
        assert (orjson.loads(written)["left_out"] == [ARGUMENTS]) == (document["phase"] == "tool_call")


@pytest.mark.parametrize("arguments", [None, {}])
def test_a_call_without_arguments_stays_as_it_is(arguments: Any) -> None:
    document = {**WHOLE, "phase": "tool_call", "tool_call": {"name": "x", "arguments": arguments}}
    assert without_text(document) == (document, [])


def test_arguments_leave_an_empty_object_and_the_asked_document_keeps_its_own() -> None:
    document = {**WHOLE, **PHASES["tool_call"], "phase": "tool_call"}
    facts, _ = without_text(document)
    assert facts["tool_call"]["arguments"] == {}
    assert document["tool_call"]["arguments"] == {"path": "/é"}


async def test_what_does_not_fit_is_dropped_and_counted_and_the_decision_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "WAITING_BYTES", 2 * len(line(DOCUMENT, ALLOW, "r1", 1764000000.123)))
    log = noting(tmp_path, *[ALLOW] * 5)
    for _ in range(4):
        assert await log.decide(DOCUMENT) is ALLOW
    assert log.dropped == 2
    await log.flush()
    await log.decide(DOCUMENT)
    assert log.dropped == 2


async def test_a_folder_that_cannot_be_written_drops_counts_and_stops_no_decision(tmp_path: Path) -> None:
    (tmp_path / "inputs").touch()
    log = noting(tmp_path / "inputs", ALLOW, ALLOW)
    async with running(log):
        assert await log.decide(DOCUMENT) is ALLOW
    assert log.dropped == 1
    (tmp_path / "inputs").unlink()
    await log.decide(DOCUMENT)
    await log.flush()
    assert len(await asyncio.to_thread(lines, tmp_path / "inputs")) == 1


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    InputFiles(tmp_path / "inputs").append([b"{}\n"], 1.0)
    (file,) = (tmp_path / "inputs").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_full_file_is_followed_by_another_and_the_oldest_of_a_full_folder_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FILE_BYTES", 100)
    monkeypatch.setattr(inputs, "FOLDER_BYTES", 350)
    files = InputFiles(tmp_path)
    for number in range(10):
        files.append([b"%9d\n" % number] * 5, 1764000000.0 + number)
    texts = [file.read_text() for file in sorted(tmp_path.iterdir())]
    assert [len(text) for text in texts] == [100, 100, 100]
    assert [int(text.split()[0]) for text in texts] == [4, 6, 8]


def test_a_new_life_writes_no_further_in_the_file_of_an_earlier_one(tmp_path: Path) -> None:
    InputFiles(tmp_path).append([b'{"torn": '], 1.0)
    InputFiles(tmp_path).append([line(DOCUMENT, ALLOW, "r1", 2.0)], 2.0)
    assert len(list(read_recorded(tmp_path))) == 1
