import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.tap import BODY_BYTES, HEAD_BYTES, BodyCutter, Tap, Untappable

bodies = st.lists(st.binary(max_size=200), max_size=5)


def request(body: bytes, *headers: str) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: model", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@given(bodies, st.data())
def test_however_the_network_cuts_the_requests_the_same_bodies_come_out(
    sent: list[bytes], choices: st.DataObject
) -> None:
    wire = b"".join(request(body) for body in sent)
    cuts = sorted(choices.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    cutter, found = BodyCutter(), []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        found += cutter.feed(wire[start:end])
    assert found == [body for body in sent if body]


@pytest.mark.parametrize(
    "head",
    [
        "Transfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 3, 3",
        f"Content-Length: {BODY_BYTES + 1}",
        "Upgrade: websocket",
        "transfer-encoding : gzip",
    ],
)
def test_a_request_whose_length_cannot_be_followed_is_refused(head: str) -> None:
    with pytest.raises(Untappable):
        BodyCutter().feed(f"POST / HTTP/1.1\r\n{head}\r\n\r\nabc".encode())


def test_a_head_without_an_end_is_refused_at_its_bound() -> None:
    cutter = BodyCutter()
    assert cutter.feed(b"x" * HEAD_BYTES) == []
    with pytest.raises(Untappable):
        cutter.feed(b"x")


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that keeps the raw bytes it receives and answers each read with a small HTTP answer."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            received.append(piece)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received


async def connected(tap: Tap) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = tap.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_the_tap_keeps_the_bodies_and_changes_no_byte() -> None:
    async with echoing() as (url, received), Tap.start(url) as tap:
        reader, writer = await connected(tap)
        sent = request(b'{"a": 1}')
        writer.write(sent)
        assert await reader.readuntil(b"ok") == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        assert b"".join(received) == sent
        assert tap.bodies() == [b'{"a": 1}']
        await closed(writer)


async def test_a_request_without_a_body_leaves_none() -> None:
    async with echoing() as (url, _), Tap.start(url) as tap, aiohttp.ClientSession() as session:
        async with session.get(tap.url) as answer:
            assert await answer.text() == "ok"
        assert tap.bodies() == []


async def test_what_the_tap_cannot_follow_does_not_reach_the_server() -> None:
    async with echoing() as (url, received), Tap.start(url) as tap:
        reader, writer = await connected(tap)
        writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert await reader.read() == b""
        assert received == []
        assert tap.bodies() == []
        await closed(writer)


async def test_a_server_that_is_gone_closes_the_caller_too() -> None:
    async with echoing() as (url, _):
        pass
    async with Tap.start(url) as tap:
        reader, writer = await connected(tap)
        assert await reader.read() == b""
        await closed(writer)


async def test_closing_the_tap_closes_open_connections() -> None:
    async with echoing() as (url, _):
        async with Tap.start(url) as tap:
            reader, writer = await connected(tap)
            writer.write(request(b"half")[:-2])
            await reader.readuntil(b"ok")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        await closed(writer)


def test_a_tap_does_not_show_what_it_keeps() -> None:
    tap = Tap("http://127.0.0.1:1")
    tap._bodies.append(b"secret")
    assert repr(tap) == "<Tap with 1 bodies>"
