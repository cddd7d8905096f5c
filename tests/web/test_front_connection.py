"""Slow, silent, greedy and vanished callers, over real sockets and with limits that are quick to reach.

Each scenario runs on asyncio's own loop and on uvloop: transports differ exactly where these hurt.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from aiohttp import web
from aiohttp.web import BaseRequest, StreamResponse
from aiohttp.web_protocol import RequestHandler

from proxy.settings import Limits
from proxy.web.front import CUT_S
from proxy.web.front_connection import LINGER_S, Posture
from proxy.web.front_lobby import Crowd, Ids, peer_of
from tests.web.fakes_front import QUICK, body_of, get, header_of, heard, house, request, status_of, talk

GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"

Scenario = Callable[[], Coroutine[Any, Any, None]]
SCENARIOS: list[Scenario] = []


def scenario(play: Scenario) -> Scenario:
    SCENARIOS.append(play)
    return play


class Waiting:
    """A handler that waits until released, and notes how it ended."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.cleaned = False

    async def __call__(self, _request: BaseRequest, _request_id: str) -> StreamResponse:
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            await asyncio.sleep(0.01)  # a record that is written
            self.cleaned = True
            raise
        return web.Response(body=b"done")


async def flood(asked: BaseRequest, _request_id: str) -> StreamResponse:
    """An endless stream, as fast as the caller takes it."""
    response = web.StreamResponse()
    await response.prepare(asked)
    while True:
        await response.write(b"x" * 16384)
        await asyncio.sleep(0)


async def seconds_until_end(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    started = time.monotonic()
    answer = b""
    async with asyncio.timeout(5):
        try:
            while piece := await reader.read(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return time.monotonic() - started, answer


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# -- slow and silent callers


@scenario
async def a_connection_that_never_says_anything_is_closed() -> None:
    async with house(limits=QUICK, idle_s=4.0) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        seconds, answer = await seconds_until_end(reader)
        writer.close()
    assert answer == b""
    assert 0.25 < seconds < 2


@scenario
async def a_head_that_trickles_in_is_cut_off_with_a_word() -> None:
    async with house(limits=QUICK) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        ended = asyncio.create_task(seconds_until_end(reader))
        for byte in GET * 4:
            if ended.done():
                break
            writer.write(bytes([byte]) if byte != 0x0A else b"")
            await asyncio.sleep(0.02)
        seconds, answer = await ended
        writer.close()
    assert status_of(answer) == 408
    assert body_of(answer)["code"] == "request_timeout"
    assert header_of(answer, "x-sluicegate-request-id") == body_of(answer)["id"]
    assert seconds < 2


@scenario
async def a_connection_that_is_idle_between_requests_lives_longer_but_not_for_ever() -> None:
    async with house(limits=QUICK, idle_s=1.0) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        for _ in range(3):
            writer.write(GET)
            assert status_of(await heard(reader, pause=0.05)) == 200
            await asyncio.sleep(0.4)
        seconds, answer = await seconds_until_end(reader)
        writer.close()
    assert answer == b""
    assert 0.1 < seconds < 3


@scenario
async def half_a_head_after_a_request_is_not_idle() -> None:
    async with house(limits=QUICK, idle_s=4.0) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(GET)
        await heard(reader, pause=0.05)
        writer.write(GET[:10])
        seconds, answer = await seconds_until_end(reader)
        writer.close()
    assert status_of(answer) == 408
    assert seconds < 2


@scenario
async def an_exchange_that_takes_long_is_left_alone() -> None:
    waiting = Waiting()
    async with house(get("/slow", waiting), limits=QUICK) as there:
        asking = asyncio.create_task(talk(there, SLOW))
        await asyncio.sleep(1.0)
        waiting.release.set()
        assert status_of(await asking) == 200


@scenario
async def a_caller_that_stops_reading_a_stream_is_cut_off_and_its_exchange_cancelled() -> None:
    ended = asyncio.Event()

    async def watched(asked: BaseRequest, request_id: str) -> StreamResponse:
        try:
            return await flood(asked, request_id)
        finally:
            ended.set()

    async with house(get("/flood", watched), limits=QUICK) as there:
        _, writer = await asyncio.open_connection(there.host, there.port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as a write transport
        writer.write(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        started = time.monotonic()
        await asyncio.wait_for(ended.wait(), 3)
        assert time.monotonic() - started > 0.5
        writer.transport.abort()


@scenario
async def a_caller_that_reads_slowly_but_reads_is_not_cut_off() -> None:
    async with house(get("/flood", flood), limits=QUICK) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(12):
            async with asyncio.timeout(1):
                for _ in range(40):
                    assert await reader.read(65536)
            await asyncio.sleep(0.1)
        writer.transport.abort()


@scenario
async def an_answer_that_nobody_takes_does_not_hold_its_connection_for_ever() -> None:
    async def large(_request: BaseRequest, _request_id: str) -> StreamResponse:
        return web.Response(body=b"x" * 8_000_000)

    async with house(get("/large", large), limits=QUICK) as there:
        _, writer = await asyncio.open_connection(there.host, there.port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as a write transport
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.2)
        crowd = there.front._lobby.crowd.members
        assert crowd
        for _ in range(60):
            await asyncio.sleep(0.05 if crowd else 0)
        assert not crowd
        writer.transport.abort()


@scenario
async def an_answer_that_ended_before_all_of_it_was_taken_is_not_waited_for_either() -> None:
    """It fits into our buffer: nothing is paused, its exchange is over, the connection only has to go."""

    async def fits(asked: BaseRequest, _request_id: str) -> StreamResponse:
        assert asked.transport is not None
        asked.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return web.Response(body=b"x" * 60_000)

    async with house(get("/fits", fits), limits=QUICK, idle_s=30.0) as there:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, (there.host, there.port))
        deaf.send(b"GET /fits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.15)
        crowd = there.front._lobby.crowd.members
        assert [member._look() for member in crowd] == [Posture.LEAVING]
        for _ in range(60):
            await asyncio.sleep(0.05 if crowd else 0)
        assert not crowd
        deaf.close()


@scenario
async def a_head_that_is_too_long_behind_a_running_stream_ends_it_without_a_word_in_it() -> None:
    cancelled = asyncio.Event()

    async def quiet(asked: BaseRequest, _request_id: str) -> StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"one")
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.set()
        return response

    async with house(get("/quiet", quiet), header_bytes=1000) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(b"GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n")
        assert status_of(await heard(reader, pause=0.05)) == 200
        writer.write(b"GET / HTTP/1.1\r\n" + b"".join(b"X: %s\r\n" % (b"y" * 900) for _ in range(6)))
        assert (await seconds_until_end(reader))[1] == b""
        await asyncio.wait_for(cancelled.wait(), 1)
        writer.close()


# -- callers that go away


@scenario
async def a_caller_that_hangs_up_cancels_its_exchange_at_once() -> None:
    for hang_up in (asyncio.StreamWriter.close, reset):
        waiting = Waiting()
        async with house(get("/slow", waiting)) as there:
            _, writer = await asyncio.open_connection(there.host, there.port)
            writer.write(SLOW)
            await waiting.started.wait()
            hang_up(writer)
            await asyncio.wait_for(waiting.cancelled.wait(), 1)
        assert waiting.cleaned


@scenario
async def a_caller_that_hangs_up_in_a_stream_cancels_it() -> None:
    ended = asyncio.Event()

    async def quiet(asked: BaseRequest, _request_id: str) -> StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"one")
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()
        return response

    async with house(get("/quiet", quiet)) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(b"GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n")
        await heard(reader, pause=0.05)
        writer.close()
        await asyncio.wait_for(ended.wait(), 1)
        await asyncio.sleep(0.05)
        assert there.log == []  # nobody is left to be told anything


@scenario
async def a_caller_that_hangs_up_while_sending_its_body_leaves_no_exchange_behind() -> None:
    async with house() as there:
        _, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(request(body=b"x" * 100)[:-50])
        await asyncio.sleep(0.05)
        assert there.front._running == 1
        writer.close()
        await asyncio.sleep(0.1)
        assert there.front._running == 0
        assert there.bodies == []
        assert there.log == []


@scenario
async def a_caller_that_hangs_up_while_it_is_written_to_is_no_fault_of_ours() -> None:
    """Some of the answer is still in our buffer, so the handler learns of it by writing."""
    ended = asyncio.Event()

    async def chatty(asked: BaseRequest, _request_id: str) -> StreamResponse:
        assert asked.transport is not None
        asked.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        response = web.StreamResponse()
        await response.prepare(asked)
        try:
            await response.write(b"x" * 50_000)
            while True:
                await asyncio.sleep(0.02)
                await response.write(b"x")
        except ConnectionError:
            ended.set()
            raise

    async with house(get("/chatty", chatty)) as there:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, (there.host, there.port))
        deaf.send(b"GET /chatty HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.1)
        deaf.shutdown(socket.SHUT_WR)
        await asyncio.wait_for(ended.wait(), 2)
        assert there.log == []
        deaf.close()


# -- crowds


@scenario
async def connections_over_the_cap_are_sent_away_and_places_become_free_again() -> None:
    for limits in (Limits(connections=2), Limits(connections_per_peer=2)):
        async with house(limits=limits) as there:
            held = [await asyncio.open_connection(there.host, there.port) for _ in range(2)]
            await asyncio.sleep(0.05)
            answer = await talk(there, b"")
            assert status_of(answer) == 503
            assert body_of(answer)["code"] == "rate_limited"
            assert header_of(answer, "connection") == "close"
            held[0][1].close()
            await asyncio.sleep(0.05)
            assert status_of(await talk(there, GET)) == 200
            for _, writer in held:
                writer.close()


# -- draining


@scenario
async def draining_lets_running_exchanges_end_and_closes_idle_connections_at_once() -> None:
    waiting = Waiting()
    async with house(get("/slow", waiting)) as there:
        idle, idle_writer = await asyncio.open_connection(there.host, there.port)
        idle_writer.write(GET)
        await heard(idle, pause=0.05)
        asking = asyncio.create_task(talk(there, SLOW))
        await waiting.started.wait()
        draining = asyncio.create_task(there.front.drain(5))
        assert (await seconds_until_end(idle))[0] < 2
        idle_writer.close()
        with pytest.raises(OSError):
            await asyncio.open_connection(there.host, there.port)
        assert not draining.done()
        waiting.release.set()
        answer = await asking
        assert answer.endswith(b"done")
        assert header_of(answer, "connection") == "close"
        await asyncio.wait_for(draining, 1)


@scenario
async def draining_cancels_what_does_not_end_in_time_and_lets_it_write_its_record() -> None:
    waiting = Waiting()
    async with house(get("/slow", waiting)) as there:
        asking = asyncio.create_task(talk(there, SLOW))
        await waiting.started.wait()
        started = time.monotonic()
        await there.front.drain(0.2)
        assert time.monotonic() - started < 2
        assert waiting.cleaned
        answer = await asking
        assert status_of(answer) == 503
        assert body_of(answer)["door"] == "stopping"
        assert header_of(answer, "connection") == "close"


@scenario
async def draining_tells_a_caller_that_is_still_sending_its_body() -> None:
    async with house() as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(request(body=b"x" * 100)[:-50])
        await asyncio.sleep(0.05)
        draining = asyncio.create_task(there.front.drain(0.1))
        answer = await heard(reader)
        writer.close()
        await asyncio.wait_for(draining, 3 + LINGER_S)
        assert status_of(answer) == 503
        assert body_of(answer)["door"] == "stopping"
        assert there.bodies == []


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("play", SCENARIOS, ids=lambda play: play.__name__)
def test_that(play: Scenario, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    run(play())


# -- the parts


@pytest.mark.slow
async def test_draining_ends_even_when_a_handler_will_not() -> None:
    """One that swallows its cancellation, over and over: its connection is closed under it."""
    held = asyncio.Event()

    async def stubborn(_request: BaseRequest, _request_id: str) -> StreamResponse:
        held.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        await asyncio.sleep(30)
        return web.Response()

    async with house(get("/stubborn", stubborn)) as there:
        asking = asyncio.create_task(talk(there, b"GET /stubborn HTTP/1.1\r\nHost: a\r\n\r\n"))
        await held.wait()
        started = time.monotonic()
        await there.front.drain(0.05)
        assert time.monotonic() - started < 2 * CUT_S + 1
        assert await asking == b""


async def test_small_writes_are_not_held_back_by_the_kernel() -> None:
    delays = []

    async def handler(asked: BaseRequest, _request_id: str) -> StreamResponse:
        assert asked.transport is not None
        delays.append(
            asked.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        )
        return web.Response()

    async with house(get("/nodelay", handler)) as there:
        await talk(there, b"GET /nodelay HTTP/1.1\r\nHost: a\r\n\r\n")
    assert delays != [0]


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("::ffff:10.0.0.1", 5, 0, 0), "10.0.0.1"),
        (("2001:db8:1:2:3::4", 5, 0, 0), "20010db800010002"),
        (("2001:db8:1:2:ffff::9", 5, 0, 0), "20010db800010002"),
        (("fe80::1%eth0", 5, 0, 2), "fe80000000000000"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_ipv6_caller_counts_with_its_whole_network(name: object, peer: str) -> None:
    assert peer_of(name) == peer


def test_a_crowd_forgets_peers_that_have_left() -> None:
    crowd: Crowd[str] = Crowd(Limits(connections=3, connections_per_peer=2))
    assert [crowd.admit("1", "a"), crowd.admit("2", "a"), crowd.admit("3", "a")] == [True, True, False]
    assert [crowd.admit("4", "b"), crowd.admit("5", "c")] == [True, False]
    crowd.leave("3", "a")  # was never in
    assert not crowd.admit("3", "a")
    for member, peer in (("1", "a"), ("2", "a"), ("4", "b")):
        crowd.leave(member, peer)
    assert crowd.members == set()
    assert crowd._peers == {}


def test_ids_are_128_random_bits() -> None:
    ids = Ids()
    assert len({ids.new() for _ in range(1000)}) == 1000
    assert all(len(bytes.fromhex(ids.new())) == 16 for _ in range(10))


def test_the_private_parts_of_aiohttp_that_we_stand_on_are_there() -> None:
    slots = set(RequestHandler.__slots__)
    assert {
        "_waiter",
        "_messages",
        "_request_count",
        "_task_handler",
        "_manager",
        "_force_close",
        "_keepalive_handle",
    } <= slots
    assert asyncio.iscoroutinefunction(web.BaseRequest._prepare_hook)
