import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from load import plan
from load.corpus import Question, question
from load.driver import CALLERS, Target, TooSlow, WrongAnswer, fresh, pace, same, saturate, stream


async def test_a_closed_loop_counts_every_request_and_its_processor_time(bare: Target) -> None:
    ran = await saturate(bare, question(300), fresh(1), 0.3)
    assert ran.requests >= 16
    assert ran.seconds >= 0.3
    assert 0 < ran.cpu.main <= ran.seconds + 0.05
    assert ran.cpu.tree == ran.cpu.main


async def test_a_closed_loop_is_bounded_in_number(bare: Target) -> None:
    ran = await saturate(bare, question(300), fresh(1), 5.0, most=40)
    assert 40 <= ran.requests <= 40 + 16
    assert ran.seconds < 4


async def test_every_answer_is_counted_once() -> None:
    async with server(http(b'{"content": "[[bcdf]]"}'), pause_s=0.1) as slow:
        ran = await saturate(slow, SHORT, lambda: "bcdf", seconds=0.05)
    assert ran.requests == CALLERS


async def test_an_open_loop_asks_at_its_rate(direct: Target) -> None:
    replies = await pace(direct, question(300), fresh(1), 0.4)
    assert len(replies) == 20
    assert max(reply.asked for reply in replies) - min(reply.asked for reply in replies) >= 0.35


async def test_streams_run_side_by_side_and_every_chunk_counts(bare: Target) -> None:
    ran = await stream(bare, question(300, stream=True, rate=200), same(1), streams=8, chunks=24)
    assert ran.chunks == 8 * 24
    assert len(ran.first_texts) == 8
    assert ran.cpu.main > 0


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Liar(asyncio.Protocol):
    """Answers every request with the same bytes, whatever it asked; without any it hangs up."""

    def __init__(self, answer: bytes, pause_s: float, opened: list[asyncio.Transport]) -> None:
        self._answer = answer
        self._pause_s = pause_s
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._opened.append(self._transport)

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._pause_s, self._reply)

    def _reply(self) -> None:
        if self._answer:
            self._transport.write(self._answer)
        else:
            self._transport.close()


@asynccontextmanager
async def server(answer: bytes, pause_s: float = 0.0) -> AsyncIterator[Target]:
    opened: list[asyncio.Transport] = []
    listening = await asyncio.get_running_loop().create_server(
        lambda: Liar(answer, pause_s, opened), "127.0.0.1", 0
    )
    try:
        yield Target("liar", listening.sockets[0].getsockname()[1])
    finally:
        for transport in opened:
            transport.abort()
        listening.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (http(b'{"error": {"code": "policy_denied"}}', "403 Forbidden"), "status 403 policy_denied"),
        (http(b'{"choices": []}'), "without the mark"),
        (http(b"data: {}"), "without the mark"),
        (b"", "before the answer's end"),
    ],
)
async def test_a_wrong_answer_ends_the_measurement(answer: bytes, says: str) -> None:
    async with server(answer) as liar:
        with pytest.raises(WrongAnswer, match=says):
            async with asyncio.timeout(5):
                await saturate(liar, SHORT, fresh(1), 0.05)


SHORT = Question(b'{"messages": "', b'"}')


async def test_an_answer_to_somebody_elses_question_is_wrong() -> None:
    async with server(http(b'{"choices": [{"message": {"content": "[[bcdf]]"}}]}')) as liar:
        with pytest.raises(WrongAnswer, match="without the mark"):
            await saturate(liar, SHORT, fresh(1), 0.05)


async def test_a_mark_that_was_split_over_events_is_found() -> None:
    events = b"".join(
        b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % piece for piece in (b"[[bc", b"df]]")
    )
    async with server(http(events)) as honest:
        ran = await saturate(honest, SHORT, lambda: "bcdf", 0.02, most=1)
    assert ran.requests >= 1


async def test_an_open_loop_that_falls_behind_says_so() -> None:
    async with server(http(b'{"content": "[[bcdf]]"}'), pause_s=0.5) as slow:
        with pytest.raises(TooSlow):
            await pace(slow, SHORT, lambda: "bcdf", seconds=0.3, rate=1_000)


async def test_a_plan_gives_a_median_for_every_workload_and_target(direct: Target, bare: Target) -> None:
    workloads = [plan.Workload("saturate", 3_000, fresh=False), plan.Workload("pace", 3_000, fresh=True)]
    said: list[str] = []
    medians = await plan.run(workloads, [direct, bare], rounds=1, seconds=0.2, say=said.append)
    assert {(measure.name, target) for _, measure, target in medians} == {
        (plan.CPU_REQUEST.name, "bare aiohttp"),
        (plan.CPU_REQUEST_TREE.name, "bare aiohttp"),
        (plan.REQUESTS.name, "bare aiohttp"),
        (plan.ADDED.name, "direct"),
        (plan.ADDED.name, "bare aiohttp"),
    }
    assert all(figure and figure > 0 for figure in medians.values())
    assert len(said) == 3
