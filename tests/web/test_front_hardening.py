"""What comes in over a raw socket and is not plainly one HTTP/1.x request: refused, closed, not quoted."""

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.web import BaseRequest, StreamResponse

from proxy.settings import Limits
from proxy.web.body import read_body
from proxy.web.front import Route
from tests.raw_http import NEXT, framing, heads
from tests.web.fakes_front import body_of, error_body, header_of, heard, house, request, status_of, talk

HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

FRAMING = framing("/echo")
HEADS = heads("/hello")
HEADS["other expectation"] = request(headers=b"Expect: 200-maybe\r\n")


@pytest.mark.parametrize("raw", [*FRAMING.values(), *HEADS.values()], ids=[*FRAMING, *HEADS])
async def test_what_two_readers_could_read_differently_is_refused_and_closed(
    raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with house() as there:
            answers = [await talk(there, raw), await talk(there, raw + NEXT)]
    for answer in answers:
        assert status_of(answer) == 400
        assert answer.startswith(b"HTTP/1.1 ")
        assert header_of(answer, "connection") == "close"
        assert answer.count(b"HTTP/1.1 ") == 1, "nothing after it may be taken for a request"
        assert {*body_of(answer)} <= {"code", "door", "reason", "id"}
    assert there.bodies == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /SECRET HTTP/1.1\r\nHost : SECRET\r\n\r\n",
        b"SECRET\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: SECRET/x\r\n\r\n",
        b"GET /SECRET HTTP/1.1\r\nHost: a\r\n\r\n",
        HEAD + b"Transfer-Encoding: SECRET\r\n\r\n",
        HEAD + b"Content-Encoding: SECRET\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_no_refusal_quotes_what_was_sent(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with house() as there:
            answer = await talk(there, raw)
    assert 400 <= status_of(answer) < 500
    assert b"SECRET" not in answer
    assert "SECRET" not in caplog.text + repr(there.log)


async def test_a_flood_of_malformed_requests_is_one_line_in_the_log() -> None:
    async with house(header_s=1.0) as there:
        for _ in range(20):
            await talk(there, b"nonsense\r\n\r\n")
        lines = there.events("requests_malformed")
        assert len(lines) < 10
    assert sum(int(line["count"]) for line in there.events("requests_malformed")) <= 20


async def test_a_body_that_breaks_behind_its_refusal_is_no_fault_of_ours() -> None:
    async with house() as there:
        raw = HEAD.replace(b"/echo", b"/none") + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(raw)
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.write(b"nonsense\r\n")
        await reader.read()
        writer.close()
        assert there.events("connection_fault") == []


TRAILED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
TRAILERS = [
    b"X: y\r\n",
    b"Host: evil\r\n",
    b"Authorization: Bearer x\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"",
]


@pytest.mark.parametrize("trailer", TRAILERS)
async def test_a_trailer_is_no_header_of_its_own_request_nor_of_the_next(trailer: bytes) -> None:
    """The parser keeps it for the next head, so a chunked request is the last of its connection."""
    seen: list[dict[str, str]] = []

    async def tell(asked: BaseRequest, _request_id: str) -> StreamResponse:
        seen.append(dict(asked.headers))
        await read_body(asked, Limits())
        return web.Response()

    chunked = TRAILED.replace(b"/echo", b"/tell") + trailer + b"\r\n"
    async with house(Route("POST", "/tell", tell, error_body)) as there:
        at_once = await talk(there, chunked + request("/tell"))
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(chunked)
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(request("/tell"))
        later = first + await heard(reader)
        writer.close()
    for answer in (at_once, later):
        assert answer.count(b"HTTP/1.1 ") == 1
        assert header_of(answer, "connection") == "close"
    assert all(set(headers) == {"Host", "Content-Type", "Transfer-Encoding"} for headers in seen)
    assert all(headers["Host"] == "a" for headers in seen)


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAAAA\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ],
    ids=["h2c", "websocket"],
)
async def test_an_upgrade_is_ignored_and_its_connection_ends_with_the_answer(upgrade: bytes) -> None:
    async with house() as there:
        answer = await talk(there, b"GET /hello HTTP/1.1\r\nHost: a\r\n" + upgrade + b"\r\n" + NEXT)
    assert b"101" not in answer.split(b"\r\n")[0]
    assert answer.count(b"HTTP/1.1 ") == 1
    assert header_of(answer, "connection") == "close"
    assert header_of(answer, "upgrade") is None


async def test_http_1_0_is_spoken() -> None:
    async with house() as there:
        answer = await talk(there, b"GET /hello HTTP/1.0\r\n\r\n")
    assert status_of(answer) == 200
    assert answer.endswith(b"hello")


async def test_a_head_of_many_long_lines_is_bounded_as_a_whole() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 4000) for number in range(60))
    async with house(header_bytes=4096, headers=64) as there:
        answer = await talk(there, b"GET /hello HTTP/1.1\r\nHost: a\r\n" + lines)
    assert status_of(answer) == 400
    assert header_of(answer, "connection") == "close"


async def test_a_whole_head_that_comes_at_once_has_the_same_bound() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 4000) for number in range(5))
    async with house(header_bytes=4096, headers=64) as there:
        assert status_of(await talk(there, b"GET /hello HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")) == 400
        fewer = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 4000) for number in range(3))
        assert status_of(await talk(there, b"GET /hello HTTP/1.1\r\nHost: a\r\n" + fewer + b"\r\n")) == 200


async def test_a_head_may_have_so_many_lines_and_no_more() -> None:
    async with house(headers=10) as there:
        for lines, status in [(9, 200), (10, 400)]:
            head = b"GET /hello HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * lines
            assert status_of(await talk(there, head + b"\r\n")) == status


async def test_headers_that_are_not_plain_text_reach_nothing() -> None:
    async with house() as there:
        odd = b"X_Forwarded_User: admin\r\nX-Odd: \xff\xfe\r\nX-\xc3\xa4: b\r\n"
        assert status_of(await talk(there, request(headers=odd))) in {200, 400}
