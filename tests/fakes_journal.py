"""What the journal's tests share: exchanges to write down, a clock that stands, a journal that runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from proxy import record
from proxy.edges.log import Log
from proxy.edges.records import reading as journal_reading
from proxy.edges.records.journal import SpoolJournal
from proxy.exchange import CleanText, Identity, Lane, Subject, Usage
from proxy.record import CleanMessage, PhaseDecision, Status, Summary
from proxy.settings import Feedback
from proxy.verdict import Action, Decision, Finding, SoftVerdict

NOON = 1_795_435_200.25  # 2026-11-23T12:00:00.25Z
LOG = Log(logging.getLogger("sluicegate.test"))


class StandingClock:
    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def summary(exchange_id: str = "x1", status: Status = "complete", **changes: Any) -> Summary:
    fields: dict[str, Any] = {
        "exchange_id": exchange_id,
        "time": NOON,
        "identity": Identity(Subject("anna", "acme", ("finance",)), "cli", "api_key"),
        "dialect": "openai",
        "model": "smollm2",
        "upstream": "local",
        "stream": True,
        "status": status,
        "decisions": (
            PhaseDecision("admission", decision(Action.ALLOW), 41),
            PhaseDecision("prompt", decision(Action.REDACT, "redaction.plan"), 39),
        ),
        "soft": (SoftVerdict("soft.no-weapons", "pass", 0.125, "smollm2"),),
        "entities": {"PERSON": 2},
        "finish": {0: "stop"},
        "usage": Usage(700, 50, 3, 7),
        "error": None,
        "duration_ms": 812.3456,
        "ttft_ms": 210.5,
    }
    return Summary(**{**fields, **changes})


def decision(action: Action, *rules: str) -> Decision:
    findings = tuple(Finding(rule, action, "The owner's sentence.") for rule in rules)
    return Decision(action, findings, revision="r1")


MESSAGES = (
    CleanMessage("system", "message", CleanText("Be brief."), ("messages", 0, "content")),
    CleanMessage("user", "message", CleanText("I am <PERSON_1f>."), ("messages", 1, "content", 0, "text")),
    CleanMessage("user", "message", CleanText("Who am I?"), ("messages", 1, "content", 1, "text")),
)
ANSWER = {Lane(0, "content"): [CleanText("You are "), CleanText("<PERSON_1f>.")]}


def a_record(exchange_id: str = "x1", **changes: Any) -> record.Document:
    return record.record(summary(exchange_id, **changes), MESSAGES, ANSWER)


async def write(journal: SpoolJournal, exchange_id: str, mirrored: Mapping[str, Any] | None = None) -> None:
    """One exchange, from its open to its close."""
    one = summary(exchange_id)
    ticket = await journal.open(exchange_id, record.opened(one))
    await ticket.close(record.decision_log(one), mirrored or a_record(exchange_id))


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


@asynccontextmanager
async def running(state: Path, settings: Feedback | None = None) -> AsyncIterator[SpoolJournal]:
    """A journal whose outlets run; closed at the end."""
    journal = await SpoolJournal.start(settings or Feedback(), state, LOG, StandingClock())
    async with asyncio.TaskGroup() as group:
        outlets = group.create_task(journal.run())
        try:
            yield journal
        finally:
            outlets.cancel()
            with suppress(asyncio.CancelledError):
                await outlets
            await journal.close()


async def until(true: Any, seconds: float = 20.0) -> None:
    """Waits for `true()`, which may read files; a slow machine gets its time."""
    for _ in range(int(seconds / 0.02)):
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError
