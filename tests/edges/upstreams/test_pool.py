"""Connections: used again only when nothing of an answer can be left on them, and ended when silent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from proxy.edges.upstreams import connection as connection_module
from proxy.edges.upstreams.connection import HIGH_WATER, REST_S, Connection
from proxy.edges.upstreams.credentials import Credentials
from proxy.edges.upstreams.framing import Head
from proxy.edges.upstreams.pool import Pool
from proxy.edges.upstreams.target import target_of
from proxy.errors import UpstreamTimeout, UpstreamUnavailable, UpstreamUnreached
from tests.edges.fakes_upstream import (
    LAST,
    STREAM,
    ScriptedUpstream,
    answer,
    chunk,
    scripted,
    then,
    until_gone,
    upstream,
)

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@asynccontextmanager
async def pool(
    url: str, *, most: int = 100, connect_s: float = 2.0, silence_s: float = 10.0
) -> AsyncIterator[Pool]:
    one = Pool(
        target_of(url, "one"),
        Credentials(upstream(url), tls=False),
        most=most,
        connect_s=connect_s,
        silence_s=silence_s,
    )
    try:
        yield one
    finally:
        await one.close()


async def ask(connection: Connection, body: bytes = b"{}") -> Head:
    return await connection.ask(HEAD % len(body), body)


async def asked(one: Pool, body: bytes = b"{}") -> bytes:
    connection = await one.take()
    whole = False
    try:
        await ask(connection, body)
        read = await connection.read(1_000_000)
        whole = True
        return read
    finally:
        one.release(connection, whole=whole)


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> AsyncIterator[str]:
    """The URL of a server that does no more than this with a connection."""
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


def stop_reading(writer: asyncio.StreamWriter) -> None:
    cast("asyncio.Transport", writer.transport).pause_reading()


async def all_gone(server: ScriptedUpstream) -> None:
    async with asyncio.timeout(1):
        while server.open:
            await asyncio.sleep(0.01)


# -- used again


async def test_a_connection_is_used_again_and_again() -> None:
    async with scripted(answer(b"a"), STREAM + chunk(b"b") + LAST) as server, pool(server.url) as one:
        for _ in range(6):
            await asked(one)
            await asyncio.sleep(REST_S * 1.5)
    assert (server.connections, len(server.requests)) == (1, 6)


async def test_a_connection_rests_after_a_stream_for_its_server_may_be_closing_it() -> None:
    async def closing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b"b") + LAST)
        await writer.drain()
        await asyncio.sleep(0.005)
        raise ConnectionError

    async with scripted(closing) as server, pool(server.url) as one:
        for _ in range(20):
            assert await asked(one) == b"b"
    assert server.connections == 20


async def test_a_connection_on_which_something_comes_while_it_rests_is_nobodys() -> None:
    async def talkative(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b"b") + LAST)
        for _ in range(3):
            await asyncio.sleep(REST_S / 5)
            writer.write(b"\r\n")  # which an HTTP parser passes over

    async with scripted(talkative) as server, pool(server.url) as one:
        assert await asked(one) == b"b"
        await asyncio.sleep(REST_S * 3)
        assert repr(one) == "<Pool: 0 in use, 0 kept>"
        first, second = await one.take(), await one.take()
        assert first is not second
        one.release(first)
        one.release(second)


async def test_the_latest_one_is_used_first_so_that_the_others_may_end() -> None:
    async with scripted(answer(b"a")) as server, pool(server.url) as one:
        first, second = await one.take(), await one.take()
        for connection in (first, second):
            await ask(connection)
            await connection.read(10)
        one.release(first, whole=True)
        one.release(second, whole=True)
        assert await one.take() is second
        assert await one.take() is first
        assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"a") + b"x",
        answer(b"a") + answer(b"b"),
        STREAM + chunk(b"a") + LAST + answer(b"b"),
        answer(b"a", more="Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
    ],
)
async def test_one_with_anything_behind_its_answer_or_that_ends_is_not_used_again(raw: bytes) -> None:
    async with scripted(raw, answer(b"next")) as server, pool(server.url) as one:
        assert await asked(one) == b"a"
        assert await asked(one) == b"next"
        assert server.connections == 2


async def test_one_that_says_something_unasked_is_not_used_again() -> None:
    async with (
        scripted(then(answer(b"a"), answer(b"evil"), pause=0.05, hang=True), answer(b"b")) as server,
        pool(server.url) as one,
    ):
        assert await asked(one) == b"a"
        await asyncio.sleep(0.15)
        assert await asked(one) == b"b"
        assert server.connections == 2


async def test_one_that_the_server_has_closed_is_not_used_again() -> None:
    async with scripted(then(answer(b"a")), answer(b"b")) as server, pool(server.url) as one:
        assert await asked(one) == b"a"
        await asyncio.sleep(0.05)
        assert await asked(one) == b"b"
        assert server.connections == 2


async def test_one_whose_answer_was_not_wanted_to_its_end_is_closed_even_if_it_is_all_there() -> None:
    """ "On cancel, close the connection, never return it": what was read and what was not is not weighed."""
    async with scripted(answer(b"a")) as server, pool(server.url) as one:
        connection = await one.take()
        await ask(connection)
        one.release(connection)
        await asyncio.wait_for(server.gone.wait(), 1)
        await asked(one)
        assert server.connections == 2


async def test_idle_connections_are_dropped_before_the_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "KEEP_ALIVE_S", 0.1)
    async with scripted(answer(b"a")) as server, pool(server.url, silence_s=0.2) as one:
        await asked(one)
        await asyncio.wait_for(server.gone.wait(), 1)
        assert repr(one) == "<Pool: 0 in use, 0 kept>"
        async with asyncio.timeout(1):
            while one._timer is not None:  # with nothing to look after, nobody looks
                await asyncio.sleep(0.01)
        assert await asked(one) == b"a"


async def test_one_that_has_been_idle_for_too_long_is_not_used_even_before_it_is_dropped() -> None:
    async with scripted(answer(b"a")) as server, pool(server.url) as one:
        await asked(one)
        one._kept[0]._since -= connection_module.KEEP_ALIVE_S
        await asked(one)
        assert server.connections == 2


async def test_one_that_is_still_being_made_is_not_taken_for_idle() -> None:
    lost: list[Connection] = []
    connection = Connection(lost.append, lost.append)
    connection.sweep(asyncio.get_running_loop().time() + 1000, 1.0)
    assert lost == []
    assert repr(connection) == "<Connection new>"


# -- every cut


@pytest.mark.parametrize("raw", [answer(b"whole"), STREAM + chunk(b"who") + chunk(b"le") + LAST])
async def test_an_answer_that_is_cut_at_any_byte_is_an_error_and_the_whole_one_is_whole(raw: bytes) -> None:
    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw[: int(server.requests[-1].rpartition(b"\r\n\r\n")[2])])
        writer.close()

    async with scripted(cut) as server, pool(server.url) as one:
        for length in range(len(raw)):
            with pytest.raises(UpstreamUnavailable) as caught:
                await asked(one, b"%d" % length)
            assert type(caught.value) is UpstreamUnavailable
        assert await asked(one, b"%d" % len(raw)) == b"whole"
    assert server.open == 0


async def test_an_answer_that_arrives_byte_by_byte_is_the_same_and_its_connection_kept() -> None:
    raw = STREAM + chunk(b"who") + chunk(b"le") + LAST
    slow = then(raw[:1], *[raw[at : at + 1] for at in range(1, len(raw))], pause=0.001)

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(len(raw)):
            writer.write(raw[at : at + 1])
            await asyncio.sleep(0)

    async with scripted(kept, slow) as server, pool(server.url) as one:
        assert await asked(one) == b"whole"
        await asyncio.sleep(REST_S * 1.5)
        assert await asked(one) == b"whole"
        assert server.connections == 1


async def test_a_reset_in_a_body_without_a_length_is_no_end() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)
        peer = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # 0 s: a reset
        writer.transport.abort()
        raise ConnectionError

    async with scripted(reset) as server, pool(server.url) as one:
        with pytest.raises(UpstreamUnavailable):
            await asked(one)


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async with scripted(then(b"HTTP/1.1 200 OK\r\n\r\nwho", b"le")) as server, pool(server.url) as one:
        assert await asked(one) == b"whole"


# -- silence, and slowness


async def test_a_server_that_does_not_read_the_request_times_out() -> None:
    async with (
        listening(lambda _reader, writer: stop_reading(writer)) as url,
        pool(url, silence_s=0.2) as one,
    ):
        with pytest.raises(UpstreamTimeout):
            await asked(one, b"x" * 30_000_000)


async def test_a_slow_reader_makes_the_server_wait_and_misses_nothing() -> None:
    pieces = [b"%06d" % number * 1000 for number in range(2000)]
    written = 0

    async def eager(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(STREAM)
        for piece in pieces:
            writer.write(chunk(piece))
            await writer.drain()
            written += len(piece)
        writer.write(LAST)

    async with scripted(eager) as server, pool(server.url, silence_s=0.2) as one:
        connection = await one.take()
        await ask(connection)
        await asyncio.sleep(0.5)
        assert connection._held <= HIGH_WATER + 256 * 1024, "one read more"
        assert written < len(pieces) * 6000 / 2, "the rest waits at the server, and is not taken for silence"
        assert await connection.read(100_000_000) == b"".join(pieces)
        one.release(connection, whole=True)
        await asyncio.sleep(REST_S * 1.5)
        assert repr(one) == "<Pool: 0 in use, 1 kept>"


async def test_a_large_body_arrives_whole_while_the_loop_goes_on() -> None:
    body = bytes(range(256)) * 40_000
    async with scripted(answer(b"a")) as server, pool(server.url) as one:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        turning = asyncio.create_task(turn())
        assert await asked(one, body) == b"a"
        turning.cancel()
        assert server.requests[0].partition(b"\r\n\r\n")[2] == body
        assert turns > 10
        assert await asked(one) == b"a"
        assert server.connections == 1


async def test_a_refusal_in_the_middle_of_a_large_body_is_heard_and_its_connection_closed() -> None:
    def early(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stop_reading(writer)
        refusal = answer(b"too large", status="413 Content Too Large")
        asyncio.get_running_loop().call_later(0.1, writer.write, refusal)

    async with listening(early) as url, pool(url) as one:
        connection = await one.take()
        body = b"x" * 30_000_000
        assert (await ask(connection, body)).status == 413
        assert await connection.read(100) == b"too large"
        one.release(connection, whole=True)
        assert repr(one) == "<Pool: 0 in use, 0 kept>"


async def test_a_server_that_accepts_nobody_is_unreached_in_its_time() -> None:
    """A full backlog: the handshake of TCP is never finished."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    await asyncio.sleep(0.05)
    async with pool(f"http://127.0.0.1:{full.getsockname()[1]}", connect_s=0.2) as empty:
        with pytest.raises(UpstreamUnreached, match="too long"):
            await empty.take()
        assert repr(empty) == "<Pool: 0 in use, 0 kept>"
    for one in (*waiting, full):
        one.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://name.invalid", "unix:/nowhere/at/all.sock"])
async def test_a_server_that_is_not_there_is_unreached(url: str) -> None:
    async with pool(url) as one:
        with pytest.raises(UpstreamUnreached) as caught:
            await one.take()
        assert "nowhere" not in str(caught.value)
        assert "invalid" not in str(caught.value)
        assert repr(one) == "<Pool: 0 in use, 0 kept>"


# -- leaving


async def test_nothing_is_left_open_when_the_pool_closes() -> None:
    async with scripted(answer(b"a"), until_gone) as server:
        async with pool(server.url) as one:
            kept = await one.take()
            used = await one.take()
            await ask(kept)
            await kept.read(10)
            one.release(kept, whole=True)
            asking = asyncio.create_task(ask(used))
            await asyncio.sleep(0.05)
        await all_gone(server)
        with pytest.raises(UpstreamUnavailable):
            await asking
        with pytest.raises(UpstreamUnreached):
            await one.take()


async def test_an_answer_that_is_closed_while_somebody_reads_it_wakes_them() -> None:
    async with scripted(then(STREAM + chunk(b"half"), hang=True)) as server, pool(server.url) as one:
        connection = await one.take()
        await ask(connection)
        assert await connection.next_piece() == b"half"
        reading = asyncio.create_task(connection.next_piece())
        await asyncio.sleep(0)
        one.release(connection)
        with pytest.raises(UpstreamUnavailable):
            await asyncio.wait_for(reading, 1)


async def test_one_that_is_let_go_by_makes_room_for_the_next() -> None:
    stream = then(STREAM + chunk(b"a"), hang=True)
    async with scripted(stream) as server, pool(server.url, most=1) as one:
        for _ in range(3):
            connection = await one.take()
            await ask(connection)
            assert await connection.next_piece() == b"a"
            with pytest.raises(UpstreamUnreached):
                await one.take()
            one.release(connection, whole=True)
        assert server.connections == 3


@pytest.mark.parametrize(
    ("stream", "end"),
    [
        (STREAM.replace(b"Transfer", b"Connection: close\r\nTransfer"), LAST),
        (STREAM, LAST + answer(b"evil")),
        (STREAM, b"nonsense"),
    ],
)
async def test_one_that_settles_badly_is_not_used_again(stream: bytes, end: bytes) -> None:
    script = then(stream + chunk(b"a"), end, pause=0.02, hang=True)
    async with scripted(script, answer(b"next")) as server, pool(server.url) as one:
        connection = await one.take()
        await ask(connection)
        await connection.next_piece()
        one.release(connection, whole=True)
        await all_gone(server)
        assert repr(one) == "<Pool: 0 in use, 0 kept>"
        assert await asked(one) == b"next"


async def test_an_answer_that_never_settles_is_closed() -> None:
    endless = then(STREAM + chunk(b"a"), *[chunk(b"b")] * 100, pause=0.02)
    flood = then(STREAM + chunk(b"a") + chunk(b"b" * 200_000), hang=True)
    for script in (endless, flood):
        async with scripted(script) as server, pool(server.url) as one:
            connection = await one.take()
            await ask(connection)
            await connection.next_piece()
            one.release(connection, whole=True)
            await all_gone(server)


async def test_a_server_on_a_unix_socket_is_reached(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"{}")
            writer.write(answer(b"hi"))
        writer.close()

    place = tmp_path / "model.sock"
    async with await asyncio.start_unix_server(serve, place), pool(f"unix:{place}") as one:
        assert await asked(one) == b"hi"
        assert await asked(one) == b"hi"


async def test_a_server_on_ipv6_is_reached() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(answer(b"hi"))
        writer.close()

    server = await asyncio.start_server(serve, "::1", 0)
    async with server, pool(f"http://[::1]:{server.sockets[0].getsockname()[1]}") as one:
        assert await asked(one) == b"hi"
