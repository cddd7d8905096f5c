"""A streamed answer at the caller's socket: a comment after each silence, and nothing left when it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp.web import BaseRequest, StreamResponse

from proxy.web.front_request import GateRequest
from proxy.web.stream import WARM_S, Stream
from proxy.wire import sse
from tests.web.fakes_front import House, get, header_of, house

ASK = b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
QUICK_S = 0.05
END = b"0\r\n\r\n"

Play = Callable[[Stream], Awaitable[None]]


@dataclass
class Stage:
    """`ended` is set when the handler is through, however; `streams` are those that were made."""

    there: House
    streams: list[Stream]
    ended: asyncio.Event

    async def hear(self) -> bytes:
        """What a patient caller hears until the chunked body ends, or the connection."""
        reader, writer = await asyncio.open_connection(self.there.host, self.there.port)
        try:
            writer.write(ASK)
            async with asyncio.timeout(5):
                with contextlib.suppress(asyncio.IncompleteReadError):
                    head = await reader.readuntil(b"\r\n\r\n")
                    return head + await reader.readuntil(END)
                return b""
        finally:
            writer.close()


@asynccontextmanager
async def stage(play: Play, *, comment: bytes = sse.COMMENT, warm_s: float = QUICK_S) -> AsyncIterator[Stage]:
    streams: list[Stream] = []
    ended = asyncio.Event()

    async def handler(request: BaseRequest, _request_id: str) -> StreamResponse:
        stream = Stream(request, "text/event-stream", {}, comment, warm_s)
        streams.append(stream)
        try:
            await play(stream)
            return await stream.end()
        finally:
            await stream.rest()
            ended.set()

    async with house(get("/stream", handler)) as there:
        yield Stage(there, streams, ended)
        assert there.events("internal_error") == []  # nor did a play of ours fail where it asserts
        for stream in streams:
            assert stream._timer is None
            assert stream._warming is None
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
    assert "Stream._warm" not in names


def body_of(answer: bytes) -> bytes:
    """The pieces of a chunked body, joined."""
    rest, joined = answer.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        joined += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return joined


def test_a_stream_is_warmed_well_before_other_proxies_give_it_up() -> None:
    assert WARM_S <= 30  # half of what nginx, and the usual load balancers, allow


async def test_a_busy_stream_has_no_comment_in_it() -> None:
    async def busy(stream: Stream) -> None:
        for _ in range(8):
            await stream.send(b"data: 1\n\n")
            await asyncio.sleep(QUICK_S / 4)

    async with stage(busy) as on:
        assert body_of(await on.hear()) == b"data: 1\n\n" * 8


async def test_each_silence_is_broken_by_a_comment() -> None:
    async def quiet(stream: Stream) -> None:
        await stream.send(b"data: 1\n\n")
        await asyncio.sleep(QUICK_S * 3.5)
        await stream.send(b"data: 2\n\n")

    async with stage(quiet) as on:
        body = body_of(await on.hear())
    assert body.startswith(b"data: 1\n\n" + sse.COMMENT)
    assert body.endswith(sse.COMMENT + b"data: 2\n\n")
    assert 2 <= body.count(sse.COMMENT) <= 4


async def test_a_comment_may_be_the_first_thing_and_brings_the_head() -> None:
    begun = []

    async def thinking(stream: Stream) -> None:
        begun.append(stream.begun)
        await asyncio.sleep(QUICK_S * 2)
        begun.append(stream.begun)
        await stream.send(b"data: 1\n\n")

    async with stage(thinking) as on:
        answer = await on.hear()
    assert answer.startswith(b"HTTP/1.1 200")
    assert header_of(answer, "content-type") == "text/event-stream"
    assert header_of(answer, "cache-control") == "no-cache"
    assert header_of(answer, "x-accel-buffering") == "no"
    assert body_of(answer).startswith(sse.COMMENT)
    assert begun == [False, True]
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_dialect_without_comments_stays_silent_and_costs_no_timer() -> None:
    async def quiet(stream: Stream) -> None:
        assert stream._timer is None
        await asyncio.sleep(QUICK_S * 3)
        assert not stream.begun
        await stream.send(b'{"done":true}\n')

    async with stage(quiet, comment=b"") as on:
        assert body_of(await on.hear()) == b'{"done":true}\n'


async def test_an_empty_stream_is_a_whole_answer() -> None:
    async def nothing(_stream: Stream) -> None:
        return

    async with stage(nothing) as on:
        assert body_of(await on.hear()) == b""


async def test_a_comment_and_a_piece_at_the_same_moment_do_not_mix() -> None:
    async def both(stream: Stream) -> None:
        for number in range(50):
            async with asyncio.TaskGroup() as group:
                group.create_task(stream._warm())
                group.create_task(stream.send(b"data: %d\n\n" % number))
                group.create_task(stream._warm())

    async with stage(both, warm_s=30) as on:
        events = body_of(await on.hear()).split(b"\n\n")
    assert [event for event in events if event.startswith(b"data")] == [b"data: %d" % n for n in range(50)]
    assert events.count(b": keep-alive") == 100


async def test_a_caller_that_leaves_while_it_is_kept_warm_ends_the_stream() -> None:
    async def silent(_stream: Stream) -> None:
        await asyncio.sleep(30)

    async with stage(silent) as on:
        reader, writer = await asyncio.open_connection(on.there.host, on.there.port)
        writer.write(ASK)
        await reader.readuntil(sse.COMMENT)
        writer.transport.abort()
        await asyncio.wait_for(on.ended.wait(), 1)


async def test_a_comment_to_a_caller_that_has_left_is_no_fault() -> None:
    async def deaf(stream: Stream) -> None:
        await stream.send(b"data: 1\n\n")
        transport = stream._request.transport
        assert transport is not None
        transport.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1)
        await stream._warm()
        went_on.append(True)

    went_on: list[bool] = []
    async with stage(deaf, warm_s=30) as on:
        await on.hear()
        await asyncio.wait_for(on.ended.wait(), 2)
        assert on.there.log == []
    assert went_on == [True]


async def test_a_comment_that_waits_for_a_caller_that_does_not_read_is_given_up_at_the_end() -> None:
    resting = asyncio.Event()

    async def stalled(stream: Stream) -> None:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(stream.send(b"x" * 20_000_000))
            await asyncio.sleep(QUICK_S * 4)
            assert stream._warming is not None  # it waits for its turn
            await stream.rest()
            resting.set()
            writing.cancel()

    async with stage(stalled) as on:
        reader, writer = await asyncio.open_connection(on.there.host, on.there.port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as a write transport
        writer.write(ASK)
        await asyncio.wait_for(resting.wait(), 3)
        writer.transport.abort()
        await asyncio.wait_for(on.ended.wait(), 3)
        del reader


async def test_being_cancelled_while_a_stream_comes_to_rest_is_not_lost() -> None:
    """A comment that is being given up must not swallow the cancellation of whoever gives it up."""

    async def outer(stream: Stream) -> None:
        async def stubborn() -> None:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                await asyncio.sleep(0.1)  # its own last words
                raise

        stream._warming = asyncio.get_running_loop().create_task(stubborn())
        await asyncio.sleep(0)
        resting = asyncio.get_running_loop().create_task(stream.rest())
        await asyncio.sleep(0.01)
        resting.cancel()
        await asyncio.wait([resting])
        lost.append(not resting.cancelled())
        await asyncio.sleep(0.15)

    lost: list[bool] = []
    async with stage(outer, warm_s=30) as on:
        await on.hear()
    assert lost == [False]


async def test_a_fault_of_ours_in_a_comment_comes_out() -> None:
    class Broken(Stream):
        async def send(self, piece: bytes) -> None:
            raise ValueError(len(piece))

    async def handler(request: GateRequest, _request_id: str) -> StreamResponse:
        stream = Broken(request, "text/event-stream", {}, sse.COMMENT, 0.01)
        await asyncio.sleep(0.015)
        return await stream.end()

    async with house(get("/stream", handler)) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(ASK)
        assert (await reader.readline()).startswith(b"HTTP/1.1 500")
        writer.close()
        assert there.events("internal_error")
