"""The journal whole: written down before anything passes, delivered at least once, whatever goes wrong."""

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy import record
from proxy.edges import journal as journal_module
from proxy.edges import journal_reading, otlp_export, otlp_grpc
from proxy.edges.journal import SpoolJournal, SpoolTicket
from proxy.edges.spool_files import read_segment, segments
from proxy.errors import ConfigInvalid, RecordUnavailable
from proxy.settings import Feedback
from tests.edges.collectors import Got, grpc_collector, http_collector
from tests.fakes_journal import LOG, StandingClock, a_record, running, summary, until, write


def decisions_of(state: Path) -> list[dict[str, Any]]:
    return [
        document
        for path in journal_reading.decision_files(state)
        for document in journal_reading.decisions(path)
    ]


def records_of(state: Path) -> list[str]:
    return [one["attributes"]["sluicegate.record.id"] for one in journal_reading.records(state)]


async def decided(state: Path) -> list[dict[str, Any]]:
    return await asyncio.to_thread(decisions_of, state)


async def mirrored(state: Path) -> list[str]:
    return await asyncio.to_thread(records_of, state)


async def problems(state: Path) -> list[str]:
    return (await asyncio.to_thread(journal_reading.verify, state)).problems


def in_spool(state: Path, kind: str) -> list[str]:
    """Ids of the entries of this kind that are on disk right now."""
    found = []
    for path in segments(state / "spool" / "0").values():
        content = path.read_bytes()
        found += [line for line in content.split(b"\n") if b'"kind":"' + kind.encode() in line]
    return [orjson.loads(line[line.index(b'{"kind') :])["id"] for line in found]


async def test_an_exchange_is_on_disk_before_it_may_go_on_and_before_its_answer_ends(tmp_path: Path) -> None:
    journal = await SpoolJournal.start(Feedback(), tmp_path, LOG, StandingClock())
    one = summary("x1")
    ticket = await journal.open("x1", record.opened(one))
    assert await asyncio.to_thread(in_spool, tmp_path, "open") == ["x1"]
    assert await asyncio.to_thread(in_spool, tmp_path, "close") == []
    await ticket.close(record.decision_log(one), a_record("x1"))
    assert await asyncio.to_thread(in_spool, tmp_path, "close") == ["x1"]
    await journal.close()


async def test_the_open_entry_carries_no_content(tmp_path: Path) -> None:
    journal = await SpoolJournal.start(Feedback(), tmp_path, LOG, StandingClock())
    await journal.open("x1", record.opened(summary("x1")))
    [path] = (await asyncio.to_thread(segments, tmp_path / "spool" / "0")).values()
    assert b"gen_ai" not in path.read_bytes()
    await journal.close()


async def test_decisions_and_records_arrive_in_their_files(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        for number in range(30):
            await write(journal, f"x{number}")
        await until(lambda: len(records_of(tmp_path)) == 30 and len(decisions_of(tmp_path)) == 30)
        await until(lambda: journal.status().behind_s == 0)
    assert await mirrored(tmp_path) == [f"x{number}" for number in range(30)]
    assert [document["status"] for document in await decided(tmp_path)] == ["complete"] * 30
    assert (await asyncio.to_thread(lambda: list(journal_reading.records(tmp_path))))[3] == a_record("x3")
    assert await problems(tmp_path) == []


async def test_an_exchange_that_is_not_to_be_mirrored_is_decided_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        ticket = await journal.open("x1", record.opened(summary("x1")))
        await ticket.close(record.decision_log(summary("x1", status="blocked")), None)
    assert [document["result"]["action"] for document in await decided(tmp_path)] == ["block"]
    assert await mirrored(tmp_path) == []


async def test_with_feedback_turned_off_decisions_are_still_logged(tmp_path: Path) -> None:
    async with running(tmp_path, Feedback(enabled=False)) as journal:
        await write(journal, "x1")
    assert len(await decided(tmp_path)) == 1
    assert await mirrored(tmp_path) == []
    [path] = (await asyncio.to_thread(segments, tmp_path / "spool" / "0")).values()
    assert b"gen_ai" not in path.read_bytes()


async def test_a_ticket_that_nobody_closed_is_closed_as_aborted_at_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        await journal.open("forgotten", record.opened(summary("forgotten")))
        assert journal.status().open_exchanges == 1
    [document] = await decided(tmp_path)
    assert (document["decision_id"], document["status"]) == ("forgotten", "aborted")


async def test_a_second_close_writes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        ticket = await journal.open("x1", record.opened(summary("x1")))
        for _ in range(2):
            await ticket.close(record.decision_log(summary("x1")), a_record("x1"))
    assert len(await decided(tmp_path)) == 1


async def test_an_open_whose_caller_leaves_while_it_is_written_is_closed_as_aborted(tmp_path: Path) -> None:
    async with running(tmp_path) as journal, asyncio.TaskGroup() as group:
        opening = group.create_task(journal.open("left", record.opened(summary("left"))))
        await asyncio.sleep(0)
        opening.cancel()
    assert [(one["decision_id"], one["status"]) for one in await decided(tmp_path)] == [("left", "aborted")]
    assert await problems(tmp_path) == []


async def test_a_close_whose_caller_leaves_is_written_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        ticket = await journal.open("x1", record.opened(summary("x1")))
        async with asyncio.TaskGroup() as group:
            closing = group.create_task(ticket.close(record.decision_log(summary("x1")), a_record("x1")))
            await asyncio.sleep(0)
            closing.cancel()
    assert [one["status"] for one in await decided(tmp_path)] == ["complete"]


async def test_a_stopping_journal_admits_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        pass
    with pytest.raises(RecordUnavailable):
        await journal.open("late", record.opened(summary("late")))


async def test_a_full_spool_refuses_and_what_was_admitted_finishes(tmp_path: Path) -> None:
    journal = await SpoolJournal.start(Feedback(spool_bytes=256 * 1024), tmp_path, LOG, StandingClock())
    tickets: list[SpoolTicket] = []
    refused = None
    while refused is None:
        name = f"x{len(tickets)}"
        try:
            tickets.append(await journal.open(name, record.opened(summary(name))))
        except RecordUnavailable as error:
            refused = error
    assert "full" in refused.reason
    assert len(tickets) > 10
    for ticket in tickets:
        await ticket.close(record.decision_log(summary(ticket.exchange_id)), a_record(ticket.exchange_id))
    await journal.close()
    assert await mirrored(tmp_path) == [ticket.exchange_id for ticket in tickets]


async def test_a_spool_that_was_full_admits_again_once_the_outlets_have_taken_it(tmp_path: Path) -> None:
    async with running(tmp_path, Feedback(spool_bytes=128 * 1024)) as journal:
        written = 0
        with suppress(RecordUnavailable):
            while True:
                await write(journal, f"x{written}")
                written += 1
        await until(lambda: journal.status().behind_s == 0)
        await until(lambda: journal.status().backlog_bytes < 64 * 1024)
        await write(journal, "again")
    assert await mirrored(tmp_path) == [*(f"x{number}" for number in range(written)), "again"]


async def test_a_record_for_which_even_the_disk_has_no_room_is_left_out_and_counted(tmp_path: Path) -> None:
    async with running(tmp_path, Feedback(spool_bytes=128 * 1024)) as journal:
        large = a_record("large")
        large["attributes"]["filler"] = "x" * 300_000
        await write(journal, "large", large)
        assert journal.status().shed == 1
    assert [one["decision_id"] for one in await decided(tmp_path)] == ["large"]
    assert await mirrored(tmp_path) == []


async def test_a_record_larger_than_its_reservation_is_kept_while_there_is_room(tmp_path: Path) -> None:
    large = a_record("large")
    large["attributes"]["filler"] = "x" * 9_000_000
    async with running(tmp_path) as journal:
        await write(journal, "large", large)
        await write(journal, "small")
        assert journal.status().shed == 0
    assert await mirrored(tmp_path) == ["large", "small"]


async def test_delivered_segments_are_deleted(tmp_path: Path) -> None:
    settings = Feedback(spool_bytes=1024 * 1024, sync=False)
    async with running(tmp_path, settings) as journal:
        for number in range(400):
            await write(journal, f"x{number}")
            if number % 40 == 0:
                await until(lambda: journal.status().behind_s == 0)
    assert len(await asyncio.to_thread(segments, tmp_path / "spool" / "0")) <= 2
    assert len(await decided(tmp_path)) == 400
    assert await problems(tmp_path) == []


async def test_many_exchanges_at_once_share_their_fsyncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        if threading.current_thread().name == "spool":
            synced.append(descriptor)
            time.sleep(0.005)  # a disk
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    async with running(tmp_path) as journal, asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(write(journal, f"x{number}"))
    assert sorted(await mirrored(tmp_path)) == sorted(f"x{number}" for number in range(300))
    assert len(synced) < 60


async def test_without_sync_nothing_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    journal = await SpoolJournal.start(Feedback(sync=False), tmp_path, LOG, StandingClock())
    await write(journal, "x1")
    assert synced == []
    await journal.close()


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
    async with running(tmp_path, Feedback(spool_bytes=1)) as journal:
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(journal.open("left", record.opened(summary("left"))))
            await asyncio.sleep(0)
            opening.cancel()
        with pytest.raises(RecordUnavailable):
            await journal.open("refused", record.opened(summary("refused")))
    assert await decided(tmp_path) == []


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
