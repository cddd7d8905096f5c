import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.edges.presidio.process import WorkerProcess
from proxy.errors import EngineUnavailable
from proxy.redact.spans import Span
from tests.edges.fakes_presidio import LIES

BROKEN = ["death", "death in an answer", "no json", "a list", "an endless frame"]
LYING = [lie for lie in LIES if lie not in ("honest", "failed")]


@asynccontextmanager
async def worker(lie: str) -> AsyncIterator[WorkerProcess]:
    program = (sys.executable, "-m", "tests.edges.fakes_presidio", lie)
    started = await WorkerProcess.start("any", "en", program)
    try:
        yield started
    finally:
        await started.kill()


async def test_an_honest_answer_is_taken() -> None:
    async with worker("honest") as asked:
        assert asked.kinds == {"PERSON"}
        assert asked.revision == "liar"
        for _ in range(3):
            assert await asked.find(["Jane"], ["PERSON"]) == [[Span(0, 4, "PERSON", 0.85)]]
            assert asked.usable


@pytest.mark.parametrize("lie", [*BROKEN, *LYING])
async def test_a_false_answer_is_none_and_its_worker_is_not_asked_again(lie: str) -> None:
    async with worker(lie) as asked:
        with pytest.raises(EngineUnavailable) as raised:
            await asked.find(["Jane"], ["PERSON"])
        assert "Jane" not in str(raised.value)
        assert not asked.usable


async def test_a_text_that_presidio_fails_on_is_refused_and_the_worker_stays() -> None:
    async with worker("failed") as asked:
        with pytest.raises(EngineUnavailable, match="to its end"):
            await asked.find(["Jane"], ["PERSON"])
        assert asked.usable


async def test_a_worker_whose_answer_nobody_waited_for_is_not_asked_again() -> None:
    async with worker("silence") as asked:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asked.find(["Jane"], ["PERSON"])
        assert not asked.usable


async def test_a_dead_worker_is_unavailable() -> None:
    async with worker("honest") as asked:
        await asked.kill()
        with pytest.raises(EngineUnavailable):
            await asked.find(["Jane"], ["PERSON"])


async def test_a_program_that_is_no_worker_does_not_start() -> None:
    with pytest.raises(EngineUnavailable):
        await WorkerProcess.start("any", "en", (sys.executable, "-c", "print('hello')"))
