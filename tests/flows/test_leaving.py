"""A thousand callers that leave at random points: nothing stays behind, and what they used is booked."""

import asyncio
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.flows.callers import CHAT, OLLAMA, Caller, decisions, figure, request
from tests.flows.counting_upstream import CountingUpstream
from tests.flows.program import Program, running

CALLERS = 1_000
AT_ONCE = 40
ID = re.compile(rb"x-sluicegate-request-id: ([0-9a-f]{32})", re.IGNORECASE)


@dataclass
class Crowd:
    """`heard`: by exchange, what its caller had of the answer's text when it left."""

    program: Program
    chance: random.Random = field(default_factory=lambda: random.Random(20260301))
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    heard: dict[str, bytes] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)

    async def come_and_go(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                await self.room.acquire()
                group.create_task(self._one(number))

    async def _one(self, number: int) -> None:
        caller = await Caller.at(self.program.url)
        try:
            await self._play(number, caller)
        finally:
            caller.leave(hard=self.chance.random() < 0.5)
            self.room.release()

    async def _play(self, number: int, caller: Caller) -> None:
        path = self.chance.choice([CHAT, CHAT, OLLAMA])
        stage = self.chance.choice(["sending", "deciding", "waiting", "streaming", "streaming", "ending"])
        words = {"waiting": "hang", "streaming": "endless", "ending": "brief", "deciding": "brief"}
        stream = self.chance.random() < 0.8 or stage == "streaming"
        text = f"{words.get(stage, 'brief')} question number {number}"
        raw = request(self.program, text, path=path, stream=stream)
        if stage == "sending":
            caller.send(raw[: self.chance.randrange(len(raw))])
            await asyncio.sleep(self.chance.random() * 0.02)
            return
        caller.send(raw)
        if stage in ("deciding", "waiting"):
            await asyncio.sleep(self.chance.random() * 0.2)
        else:
            self._note(await self._listen(caller, stage, stream=stream), stage)

    async def _listen(self, caller: Caller, stage: str, *, stream: bool) -> bytes:
        """So much of an answer, cut anywhere, or between two events."""
        enough = self.chance.randrange(1, 4_000) if stage == "streaming" else 10**6
        answer = b""
        async with asyncio.timeout(30):
            while len(answer) < enough and not self._ended(answer, stream=stream):
                piece = await caller.reader.read(min(enough - len(answer), 65_536))
                assert piece, answer
                answer += piece
            if stage == "streaming" and self.chance.random() < 0.5:
                answer += await caller.reader.readuntil(b"\r\n")
        return answer

    def _ended(self, answer: bytes, *, stream: bool) -> bool:
        if stream:
            return b"[DONE]" in answer or b'"done":true' in answer
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        return length is not None and len(body) >= int(length[1])

    def _note(self, answer: bytes, stage: str) -> None:
        if found := ID.search(answer):
            self.heard[found[1].decode()] = answer.partition(b"\r\n\r\n")[2]
            if stage == "ending":
                self.whole.add(found[1].decode())


def sockets(pid: int) -> int:
    count = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += str(one.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_callers_that_leave_leave_nothing_behind(tmp_path: Path) -> None:
    async with (
        CountingUpstream.listening(pause_s=0.005) as upstream,
        running(tmp_path, upstream.url) as program,
    ):
        await _one_whole_exchange(program)
        await asyncio.sleep(5)  # until the connections to the upstream that are kept for a while are closed
        tasks, open_sockets = await figure(program, "sluicegate_tasks"), sockets(program.process.pid)

        crowd = Crowd(program)
        await crowd.come_and_go()

        await asyncio.sleep(1.0)
        assert upstream.streams == 0
        assert await figure(program, "sluicegate_open_exchanges") == 0
        async with asyncio.timeout(10):
            while sockets(program.process.pid) > open_sockets:
                await asyncio.sleep(0.1)
        assert await figure(program, "sluicegate_tasks") <= tasks
        assert upstream.connections <= 1  # the watch over the upstream's health may be asking

        log = await _whole_log(program, len(upstream.asked))
    assert {line["status"] for line in log.values()} == {"complete", "client_gone"}
    assert {line["error"] for line in log.values()} == {None}
    booked = {one: line["usage"] for one, line in log.items() if line["usage"] is not None}
    assert len(booked) >= len(upstream.asked) > CALLERS // 3
    assert set(crowd.heard) <= set(log)
    for one, text in crowd.heard.items():
        if b"question" in text:
            assert booked[one]["completion"] > 0
    assert all(not booked[one]["estimated"] for one in crowd.whole)
    assert any(usage["estimated"] for usage in booked.values())
    assert upstream.faults == []
    assert not [line for line in program.log if line.get("level") == "error"]


async def _one_whole_exchange(program: Program) -> None:
    caller = await Caller.at(program.url)
    caller.send(request(program, "brief", "Connection: close", stream=False))
    assert (await caller.rest()).startswith(b"HTTP/1.1 200")


async def _whole_log(program: Program, least: int) -> dict[str, dict[str, object]]:
    """Once everything has been delivered; each exchange is in it once."""
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while len(lines) < least or len(lines) != len(decisions(program)):
            lines = decisions(program)
            await asyncio.sleep(0.5)
    assert len({line["decision_id"] for line in lines}) == len(lines)
    return {line["decision_id"]: line for line in lines}
