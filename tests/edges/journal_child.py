"""A child that writes exchanges until it is killed, and tells on stdout what it was promised."""

import asyncio
import logging
import os
import sys
from pathlib import Path

from proxy import record
from proxy.edges.clock import SystemClock
from proxy.edges.log import Log
from proxy.edges.records.journal import SpoolJournal
from proxy.errors import RecordUnavailable
from proxy.settings import Feedback
from tests.fakes_journal import a_record, summary


def tell(word: str, exchange_id: str) -> None:
    os.write(1, f"{word} {exchange_id}\n".encode())


async def one(journal: SpoolJournal, exchange_id: str) -> None:
    try:
        ticket = await journal.open(exchange_id, record.opened(summary(exchange_id)))
    except RecordUnavailable:  # faster than the disk
        await asyncio.sleep(0.05)
        return
    tell("admitted", exchange_id)
    await asyncio.sleep(0.001)
    await ticket.close(record.decision_log(summary(exchange_id)), a_record(exchange_id))
    tell("closed", exchange_id)


async def main(state: Path, life: str) -> None:
    settings = Feedback(spool_bytes=4 * 1024 * 1024)
    journal = await SpoolJournal.start(settings, state, Log(logging.getLogger("child")), SystemClock())
    async with asyncio.TaskGroup() as group:
        group.create_task(journal.run())
        number = 0
        while True:
            async with asyncio.TaskGroup() as batch:
                for _ in range(20):
                    number += 1
                    batch.create_task(one(journal, f"{life}-{number}"))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
