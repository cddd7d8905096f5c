"""Whoever leaves, at whatever moment, leaves nothing behind, and nobody ever reads another's answer.

A pool that got a cancelled connection back once gave people other people's data. So each request carries a
nonce, travels through a relay that delays every byte both ways, and is cancelled at any moment of its life.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from proxy.edges.upstreams.upstreams import Upstreams
from proxy.errors import UpstreamUnavailable
from tests.edges.fakes_upstream import (
    LAST,
    STREAM,
    ScriptedUpstream,
    answer,
    asked,
    chunk,
    door,
    opened,
    scripted,
)

CALLERS = 20


class Relay(asyncio.Protocol):
    """One side of a connection; what it receives, the other side sends `delay_s` later."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.other: Relay
        self.transport: asyncio.Transport | None = None
        self.waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        for data in self.waiting:
            self.send(data)

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self.delay_s, self.other.send, data)

    def connection_lost(self, _exc: Exception | None) -> None:
        asyncio.get_running_loop().call_later(self.delay_s, self.other.end)

    def send(self, data: bytes) -> None:
        if self.transport is None:
            self.waiting.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        if self.transport is not None:
            self.transport.close()


@asynccontextmanager
async def relay(port: int, delay_s: float) -> AsyncIterator[str]:
    """The URL of a way to this port that takes its time."""
    loop = asyncio.get_running_loop()
    dialling: set[asyncio.Task[object]] = set()
    sides: list[Relay] = []

    def accept() -> Relay:
        near, far = Relay(delay_s), Relay(delay_s)
        near.other, far.other = far, near
        task = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", port))
        dialling.add(task)
        sides.extend((near, far))
        return near

    server = await loop.create_server(accept, "127.0.0.1", 0, backlog=1024)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*dialling, return_exceptions=True)
        for side in sides:
            side.end()
        await asyncio.sleep(delay_s * 2)


async def echo(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """The body as an answer: whole, or in three chunks and the end a little later."""
    nonce = request.rpartition(b"\r\n\r\n")[2]
    if request.startswith(b"POST /v1/toy "):
        writer.write(answer(nonce + nonce + b"."))
        return
    writer.write(STREAM)
    for piece in (chunk(nonce), chunk(nonce), chunk(b"."), LAST):
        await asyncio.sleep(0.0005)
        writer.write(piece)


@asynccontextmanager
async def echoing() -> AsyncIterator[ScriptedUpstream]:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echo(reader, writer, server.requests[-1])

    async with scripted(script) as server:
        yield server


async def one_request(upstreams: Upstreams, number: int, patience_s: float) -> bool:
    """Whether the answer came before the caller left; it must be the right one."""
    nonce = f"<{number}>"
    try:
        async with asyncio.timeout(patience_s):
            assert await asked(upstreams, stream=number % 2 == 0, body=nonce.encode()) == nonce * 2
    except TimeoutError:
        return False
    return True


async def cancel_many(times: int, delay_s: float) -> None:
    """Every other request is patient, so that there are connections to be used again."""
    dice = random.Random(times)
    numbers = count()
    answered = left = 0

    async def caller(upstreams: Upstreams) -> None:
        nonlocal answered, left
        while left < times:
            number = next(numbers)
            patience_s = 30.0 if dice.random() < 0.5 else dice.random() * delay_s * 12
            if await one_request(upstreams, number, patience_s):
                answered += 1
            else:
                left += 1

    async with echoing() as server, relay(server.port, delay_s) as url, door(url) as upstreams:
        await asyncio.gather(*(caller(upstreams) for _ in range(CALLERS)))
        assert answered > times / 2
        assert await asked(upstreams, body=b"last") == "lastlast"
        assert server.connections < len(server.requests), "or nothing was used again"
        assert [one._pool.in_use for one in upstreams._servers()] == [0]


async def test_five_hundred_cancelled_requests_never_show_anybody_anothers_answer() -> None:
    await cancel_many(500, 0.005)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_ten_thousand_cancelled_requests_never_show_anybody_anothers_answer() -> None:
    await cancel_many(10_000, 0.005)


async def test_a_thousand_callers_that_leave_leave_no_connection_behind() -> None:
    """At random points of their answers; the server sees all of them go within a second."""

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        while True:
            writer.write(chunk(b"word "))
            await writer.drain()
            await asyncio.sleep(0.05)

    async def caller(upstreams: Upstreams, dice: random.Random) -> None:
        try:
            async with asyncio.timeout(dice.random() * 0.5):
                await asked(upstreams, stream=True)
        except TimeoutError:
            pass

    dice = random.Random(1)
    async with scripted(endless) as server, door(server.url) as upstreams:
        for _ in range(5):
            await asyncio.gather(*(caller(upstreams, dice) for _ in range(200)))
        assert server.connections > 500
        async with asyncio.timeout(1):
            while server.open:
                await asyncio.sleep(0.01)
        assert [repr(one._pool) for one in upstreams._servers()] == ["<Pool: 0 in use, 0 kept>"]
        assert len(asyncio.all_tasks()) == 1


async def test_an_answer_that_ended_cannot_touch_the_connection_again() -> None:
    """It may be another's by now: closing the first answer late must not end the second."""
    async with echoing() as server, door(server.url) as upstreams:
        first = await opened(upstreams, body=b"first")
        async for _ in first.events():
            pass
        second = await opened(upstreams, stream=True, body=b"second")
        await first.close()
        with pytest.raises(UpstreamUnavailable):
            async for _ in first.events():
                pass
        text = [event for events in [one async for one in second.events()] for event in events]
        assert len(text) > 2
        assert server.connections == 1


async def test_the_next_request_may_have_the_connection_before_the_reader_has_left() -> None:
    """The end of an answer is handed out when its connection is free already."""
    async with echoing() as server, door(server.url) as upstreams:
        first = (await opened(upstreams, body=b"first")).events()
        await anext(first)
        second = await opened(upstreams, stream=True, body=b"second")
        await first.aclose()
        assert [len(events) async for events in second.events()]
        assert server.connections == 1
