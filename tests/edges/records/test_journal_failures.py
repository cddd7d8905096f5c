"""The journal on bad days: disks that fail, lives that were cut off, collectors that are not there."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from proxy import record
from proxy.edges.records import journal as journal_module
from proxy.edges.records import otlp_grpc
from proxy.edges.records import otlp_http as otlp_export
from proxy.edges.records.journal import SpoolJournal
from proxy.edges.records.spool_files import read_segment, segments
from proxy.errors import ConfigInvalid, RecordUnavailable
from proxy.settings import Feedback
from tests.edges.collectors import Got, grpc_collector, http_collector
from tests.fakes_journal import (
    LOG,
    StandingClock,
    a_record,
    decided,
    decisions_of,
    mirrored,
    problems,
    running,
    summary,
    until,
    write,
)


async def test_a_disk_that_fails_once_is_written_to_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [OSError(5, "Input/output error")]
    real = os.pwrite

    def flaky(descriptor: int, content: bytes, offset: int) -> int:
        if failing and b'"kind":"close"' in content:
            raise failing.pop()
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", flaky)
    async with running(tmp_path) as journal:
        await write(journal, "x1")
        assert journal.status().disk_failures == 1
    assert await mirrored(tmp_path) == ["x1"]
    assert await problems(tmp_path) == []


async def test_a_disk_that_keeps_failing_refuses_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True
    real = os.pwrite

    def dead(descriptor: int, content: bytes, offset: int) -> int:
        if broken and b'"kind":"close"' in content:
            raise OSError(5, "Input/output error")
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", dead)
    async with running(tmp_path) as journal:
        ticket = await journal.open("x1", record.opened(summary("x1")))
        with pytest.raises(RecordUnavailable, match="cannot be written"):
            await ticket.close(record.decision_log(summary("x1")), a_record("x1"))
        broken = False
        await ticket.close(record.decision_log(summary("x1")), a_record("x1"))
        await write(journal, "x2")
    assert {one["status"] for one in await decided(tmp_path)} == {"complete"}
    assert await mirrored(tmp_path) == ["x1", "x2"]


async def test_an_open_that_had_to_be_written_again_holds_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [OSError(5, "Input/output error")]
    real = os.pwrite

    def flaky(descriptor: int, content: bytes, offset: int) -> int:
        if failing and b'"kind":"open"' in content:
            raise failing.pop()
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", flaky)
    async with running(tmp_path) as journal:
        await write(journal, "x1")
        assert journal._spool.reserved == 0
        assert not any(journal._spool._open_in.values())
    assert await mirrored(tmp_path) == ["x1"]


async def test_an_open_that_was_refused_is_not_closed(tmp_path: Path) -> None:
    async with running(tmp_path, Feedback(spool_bytes=128 * 1024)) as journal:
        with suppress(RecordUnavailable):
            while True:
                await journal.open("kept", record.opened(summary("kept")))
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(journal.open("left", record.opened(summary("left"))))
            await asyncio.sleep(0)
            opening.cancel()
    assert {one["decision_id"] for one in await decided(tmp_path)} == {"kept"}


async def test_our_own_fault_in_the_writing_thread_refuses_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> int:
        raise ZeroDivisionError

    journal = await SpoolJournal.start(Feedback(), tmp_path, LOG, StandingClock())
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", wrong)
        with pytest.raises(RecordUnavailable):
            await journal.open("x1", record.opened(summary("x1")))
    with pytest.raises(RecordUnavailable):
        await journal.open("x2", record.opened(summary("x2")))
    await journal.close()


async def test_what_an_earlier_life_left_is_delivered_and_what_it_cut_off_is_aborted(tmp_path: Path) -> None:
    async def leave(_: Mapping[str, Any]) -> None:
        journal = await SpoolJournal.start(Feedback(), tmp_path, LOG, StandingClock())
        await write(journal, "done")
        await journal.open("cut off", record.opened(summary("cut off")))
        await journal._scribe.stop()

    await leave({})
    async with running(tmp_path):
        pass
    assert {one["decision_id"]: one["status"] for one in await decided(tmp_path)} == {
        "done": "complete",
        "cut off": "aborted",
    }
    assert await mirrored(tmp_path) == ["done"]
    assert await problems(tmp_path) == []
    async with running(tmp_path):
        pass
    assert len(await decided(tmp_path)) == 2


async def test_a_lost_cursor_costs_duplicates_and_no_loss(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        for number in range(5):
            await write(journal, f"x{number}")
    for cursor in (tmp_path / "spool" / "0").glob("*.cursor"):
        cursor.write_bytes(b"gar")
    async with running(tmp_path):
        pass
    assert len(await decided(tmp_path)) == 10
    assert await mirrored(tmp_path) == [f"x{number}" for number in range(5)]
    assert await problems(tmp_path) == []


async def test_damage_in_a_sealed_segment_loses_only_what_is_behind_it_and_is_told(tmp_path: Path) -> None:
    journal = await SpoolJournal.start(Feedback(spool_bytes=256 * 1024), tmp_path, LOG, StandingClock())
    for number in range(40):
        await write(journal, f"x{number}")
    await journal._scribe.stop()
    first = min((await asyncio.to_thread(segments, tmp_path / "spool" / "0")).values())
    entries = await asyncio.to_thread(lambda: list(read_segment(first)))
    in_first = sum(entry.head["kind"] == "close" for entry in entries)
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    async with running(tmp_path) as journal:
        assert journal.status().damaged_segments == 1
    assert 40 - in_first <= len(await mirrored(tmp_path)) < 40
    assert any("damaged" in problem for problem in await problems(tmp_path))


async def test_a_state_directory_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(ConfigInvalid, match="journal cannot be kept"):
        await SpoolJournal.start(Feedback(), tmp_path, LOG, StandingClock())


@pytest.mark.parametrize("kind", ["otlp_http", "otlp_grpc"])
async def test_a_collector_that_is_down_then_slow_then_restarted_misses_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_export, "DEADLINE_S", 1.0)
    monkeypatch.setattr(otlp_grpc, "DEADLINE_S", 1.0)
    monkeypatch.setattr(journal_module, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(journal_module, "LONGEST_WAIT_S", 0.1)
    serve = http_collector if kind == "otlp_http" else grpc_collector
    got = Got()
    with ExitStack() as stack:
        port = await asyncio.to_thread(stack.enter_context, serve(Got()))
        await asyncio.to_thread(stack.close)
        endpoint = f"http://127.0.0.1:{port}" + ("/v1/logs" if kind == "otlp_http" else "")
        settings = Feedback(outlet=kind, endpoint=endpoint, spool_bytes=512 * 1024)  # type: ignore[arg-type]
        async with running(tmp_path, settings) as journal:
            for number in range(50):
                await write(journal, f"down{number}")
            await until(lambda: journal.status().failures["feedback"] >= 1)
            await until(
                lambda: len(decisions_of(tmp_path)) == 50
            )  # a collector that is down holds up no decision log
            await asyncio.to_thread(stack.enter_context, serve(got, port))
            await until(lambda: len(set(got.ids)) == 50)
            await asyncio.to_thread(stack.close)
            await until(lambda: journal.status().backlog_bytes < 128 * 1024)
            for number in range(50):
                await write(journal, f"again{number}")
            await asyncio.sleep(0.5)
            await asyncio.to_thread(stack.enter_context, serve(got, port))
            await until(lambda: len(set(got.ids)) == 100)
            await until(lambda: journal.status().behind_s == 0)
    assert list(dict.fromkeys(got.ids)) == [f"{when}{n}" for when in ("down", "again") for n in range(50)]
