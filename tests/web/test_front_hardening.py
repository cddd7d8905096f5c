"""What comes in over a raw socket and is not plainly one HTTP/1.x request to us: refused, closed, not quoted.

Each case was accepted by one server or another that a proxy stands before or behind (RFC 9112, section 11.2).
"""

import logging

import pytest

from tests.web.fakes_front import body_of, header_of, house, request, status_of, talk

HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
NEXT = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

FRAMING = {
    "length and coding": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length with a sign": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "list of lengths": HEAD + b"Content-Length: 1, 1\r\n\r\n{}",
    "hexadecimal length": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "empty length": HEAD + b"Content-Length: \r\n\r\n{}",
    "huge length": HEAD + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "stacked codings": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "hidden coding": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "coding on 1.0": HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with a tab": HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunk extension with a line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
    "hexadecimal prefix in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "negative chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    "huge chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
    "chunk with bare line feeds": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "chunk longer than it says": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
}

HEADS = {
    "folded line": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "bare line feeds": b"GET /hello HTTP/1.1\nHost: a\n\n",
    "space before the colon": b"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n",
    "NUL in a value": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "carriage return in a value": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "NUL in a name": b"GET /hello HTTP/1.1\r\nHost: a\r\nX\x00: a\r\n\r\n",
    "two hosts": b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no host": b"GET /hello HTTP/1.1\r\n\r\n",
    "empty host": b"GET /hello HTTP/1.1\r\nHost: \r\n\r\n",
    "host with a path": b"GET /hello HTTP/1.1\r\nHost: a/?x=\r\n\r\n",
    "host with a fragment": b"GET /hello HTTP/1.1\r\nHost: a/#@b\r\n\r\n",
    "host with a user": b"GET /hello HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "absolute target": b"GET http://evil/hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute target, own host": b"GET http://a/hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "target without a host": b"GET http:///hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "target of another scheme": b"GET mailto:x HTTP/1.1\r\nHost: a\r\n\r\n",
    "broken address": b"GET http://[::1/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "address with a port that is none": b"GET http://a:99999999/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "no slash": b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /hello x HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /hello\r\n\r\n",
    "version 0.9": b"GET /hello HTTP/0.9\r\nHost: a\r\n\r\n",
    "version 1.2": b"GET /hello HTTP/1.2\r\nHost: a\r\n\r\n",
    "version 1.9": b"GET /hello HTTP/1.9\r\nHost: a\r\n\r\n",
    "version 2.0": b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n",
    "lower-case version": b"GET /hello http/1.1\r\nHost: a\r\n\r\n",
    "lower-case method": b"get /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "unknown method": b"FOO /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "a line of 9 kB": b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    "a target of 9 kB": b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "200 lines": b"GET /hello HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "nonsense": b"\x00\xff\xfe nonsense\r\n\r\n",
    "other expectation": request(headers=b"Expect: 200-maybe\r\n"),
    "old web socket": b"GET /hello HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key1: x\r\n\r\n",
}


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


async def test_trailers_cannot_add_a_header() -> None:
    async with house() as there:
        raw = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert status_of(await talk(there, raw)) in {200, 400}
    assert there.bodies in ([], [b"{}"])


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
