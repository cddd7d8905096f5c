"""Ten thousand conversations leave nothing behind: what the proxy holds does not grow with what it saw."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program, copy_policies, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 8
CACHES: dict[
    str, Any
] = {  # small enough to be full before anything is measured: a cache that fills is no leak
    "redaction": {"cache_bytes": 65_536},
    "hard_rules": {"cache_entries": 16},
    "feedback": {"sync": False},  # the disk is not what is measured
}
MAILS_ALONE = [{"kind": "EMAIL_ADDRESS", "score": 0.5, "restore": True}]  # names cost 10 ms a conversation


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    folder = tmp_path_factory.mktemp("memory")
    plan = copy_policies(folder) / "gateway" / "config" / "redaction" / "data.yaml"
    sides = [yaml.safe_dump({side: {"everyone": MAILS_ALONE}}) for side in ("prompt", "answer")]
    plan.write_text("".join(sides))
    async with EchoUpstream.listening() as echo, running(folder, echo.url, **CACHES) as started:
        yield started


async def converse(program: Program, numbers: range) -> None:
    """So many conversations, each of words and an address of its own, and each answered with them."""
    waiting = iter(numbers)
    headers = {"Authorization": f"Bearer {program.keys['finance']}", "Content-Type": "application/json"}

    async def keep_asking(session: aiohttp.ClientSession) -> None:
        for number in waiting:
            words = f"Conversation {number}: write to person{number}@example.com about it."
            body = {
                "model": "smollm2",
                "messages": [{"role": "user", "content": words}],
                "stream": number % 5 == 0,
            }
            payload = json.dumps(body).encode()
            async with session.post(
                f"{program.url}/v1/chat/completions", data=payload, headers=headers
            ) as answer:
                said = await answer.text()
            assert answer.status == 200, said
            if not body["stream"]:
                assert words in said

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(keep_asking(session))


def resident_bytes(program: Program) -> int:
    """Of the proxy's own process: its workers' is bounded by their texts."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def growth(program: Program, first: int, warm: int, number: int) -> int:
    await converse(program, range(first, first + warm))
    before = await asyncio.to_thread(resident_bytes, program)
    await converse(program, range(first + warm, first + warm + number))
    return await asyncio.to_thread(resident_bytes, program) - before


@pytest.mark.slow
async def test_a_thousand_conversations_leave_nothing_behind(program: Program) -> None:
    grown = await growth(program, 0, 400, 1_000)
    assert grown < 6 * 2**20, f"{grown / 1_000:.0f} bytes a conversation"


@pytest.mark.slow
@pytest.mark.timeout(300)  # forty seconds on two idle cores, more than a hundred where others take them
async def test_ten_thousand_conversations_leave_nothing_behind(program: Program) -> None:
    grown = await growth(program, 10_000, 1_000, 10_000)
    assert grown < 12 * 2**20, f"{grown / 10_000:.0f} bytes a conversation"
