"""A caller that does not read its answer: what waits for it is bounded, the model is held up, then let go."""

import asyncio
from pathlib import Path

import pytest

from tests.flows.callers import Caller, decisions, figure, request
from tests.flows.counting_upstream import CountingUpstream
from tests.flows.program import running

STALL_S = 3.0
HELLO = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello."}]}


@pytest.mark.slow
async def test_an_answer_that_nobody_reads_stops_the_model_and_is_cut_and_booked(tmp_path: Path) -> None:
    async with (
        CountingUpstream.listening() as upstream,
        running(tmp_path, upstream.url, limits={"stall_s": STALL_S}) as program,
    ):
        callers = [await Caller.deaf(program.url) for _ in range(4)]
        for caller in callers:
            caller.send(request(program, "endless loud words"))
        await _held_up(upstream)
        assert upstream.streams == len(callers)
        assert (await program.post(HELLO)).status == 200
        async with asyncio.timeout(30):
            while upstream.streams:
                await asyncio.sleep(0.05)
            while await figure(program, "sluicegate_open_exchanges") or len(decisions(program)) < 5:
                await asyncio.sleep(0.1)
        for caller in callers:
            caller.leave(hard=True)
    cut = [line for line in decisions(program) if line["stream"]]
    assert [line["status"] for line in cut] == ["client_gone"] * 4
    assert all(line["usage"]["estimated"] and line["usage"]["completion"] > 100 for line in cut)


async def _held_up(upstream: CountingUpstream) -> None:
    """Until the model gets rid of nothing more for a while."""
    async with asyncio.timeout(60):
        said = -1
        while said != upstream.words or not said:
            said = upstream.words
            await asyncio.sleep(0.7)
