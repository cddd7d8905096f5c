"""The journal whole: written down before anything passes, delivered at least once, whatever goes wrong."""

import asyncio
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from proxy import record
from proxy.edges.records import reading as journal_reading
from proxy.edges.records.journal import SpoolJournal, SpoolTicket
from proxy.edges.records.spool_files import segments
from proxy.errors import RecordUnavailable
from proxy.settings import Feedback
from tests.fakes_journal import (
    LOG,
    StandingClock,
    a_record,
    decided,
    decisions_of,
    mirrored,
    problems,
    records_of,
    running,
    summary,
    until,
    write,
)


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


async def test_an_open_whose_caller_leaves_is_closed_and_told_by_another_ticket(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(journal.open("left", record.opened(summary("left"))))
            await asyncio.sleep(0)
            opening.cancel()
        ticket = await journal.open("left", record.opened(summary("left")))
        await ticket.close(record.decision_log(summary("left")), None)
    assert [one["decision_id"] for one in await decided(tmp_path)] == ["left"]
    async with running(tmp_path):
        pass
    assert len(await decided(tmp_path)) == 1, "nothing was left open for the next start to close"
    assert await problems(tmp_path) == []


async def test_a_close_whose_caller_leaves_is_written_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        ticket = await journal.open("x1", record.opened(summary("x1")))
        async with asyncio.TaskGroup() as group:
            closing = group.create_task(ticket.close(record.decision_log(summary("x1")), a_record("x1")))
            await asyncio.sleep(0)
            closing.cancel()
        assert journal.status().open_exchanges == 0
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
            if number % 10 == 0:
                await until(lambda: journal.status().backlog_bytes < settings.spool_bytes // 2)
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
