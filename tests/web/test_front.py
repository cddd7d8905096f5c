"""The table of routes, the id on every answer, and errors in the route's own shape."""

import asyncio
import logging
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from aiohttp.web import BaseRequest, StreamResponse

from proxy.errors import (
    ConfigInvalid,
    Denied,
    EngineUnavailable,
    SluicegateError,
    Unauthenticated,
    UpstreamRefused,
)
from proxy.settings import Limits
from proxy.web.front import Front, Handler, Route, check_runtime, place_of, split_address
from tests.web.fakes_front import (
    body_of,
    door_error_body,
    error_body,
    get,
    header_of,
    heard,
    house,
    request,
    status_of,
    talk,
)

GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
FAIL = b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n"


def raising(error: BaseException) -> Handler:
    async def handler(_request: BaseRequest, _request_id: str) -> StreamResponse:
        raise error

    return handler


async def failed(error: BaseException) -> tuple[bytes, list[tuple[str, dict[str, str | int]]]]:
    async with house(get("/fail", raising(error))) as there:
        return await talk(there, FAIL), there.log


# -- routes


@pytest.mark.parametrize(
    "target",
    ["/", "//hello", "/hello/", "/Hello", "/HELLO", "/hello;a=b", "/hello%00", "/hello%20", "/%68ello",
     "/hello%2f", "/x/../hello", "/./hello", "/hello/.", "/hello%252f", "/\\hello", "/hell", "/hello/x",
     "/hello#x", "/hello/../hello", "/hello\\"],
)  # fmt: skip
async def test_a_path_that_is_not_byte_exact_in_the_table_is_unknown(target: str) -> None:
    async with house() as there:
        answer = await talk(there, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert status_of(answer) == 404
    assert body_of(answer)["code"] == "route_unknown"


async def test_paths_that_are_not_ascii_are_not_served() -> None:
    async with house() as there:
        for target in ["/hellö", "/hello\x7f", "/ｈello"]:
            answer = await talk(there, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert status_of(answer) in {400, 404}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
async def test_other_methods_are_refused_and_told_which_one_is_right(method: str) -> None:
    async with house() as there:
        answer = await talk(there, f"{method} /echo HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert status_of(answer) == 405
    assert header_of(answer, "allow") == "POST"


async def test_connect_makes_no_tunnel() -> None:
    async with house() as there:
        for target in ["evil:443", "/hello", "/echo"]:
            answer = await talk(there, f"CONNECT {target} HTTP/1.1\r\nHost: evil:443\r\n\r\n".encode() + GET)
            assert 400 <= status_of(answer) < 500
            assert b"hello\r\n" not in answer


async def test_a_query_is_refused_unless_the_route_takes_one() -> None:
    async def query(asked: BaseRequest, _request_id: str) -> StreamResponse:
        return web.Response(body=asked.query_string.encode())

    takes = Route("GET", "/query", query, door_error_body, query=True)
    async with house(takes) as there:
        for target, status in [
            ("/hello?x", 400),
            ("/hello?", 200),
            ("/query?a=b", 200),
            ("/query", 200),
            ("/q?a", 404),
        ]:
            answer = await talk(there, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert status_of(answer) == status, target


async def test_a_post_must_be_json() -> None:
    async with house() as there:
        plain = request().replace(b"application/json", b"text/plain")
        assert status_of(await talk(there, plain)) == 415
        none = request().replace(b"Content-Type: application/json\r\n", b"")
        assert status_of(await talk(there, none)) == 415
    assert there.bodies == []


# -- ids and headers


async def test_every_answer_carries_a_fresh_id_of_ours() -> None:
    chosen = b"X-Sluicegate-Request-Id: mine\r\nX-Request-Id: mine\r\n"
    async with house(get("/fail", raising(ValueError()))) as there:
        answers = [
            await talk(there, GET.replace(b"\r\n\r\n", b"\r\n" + chosen + b"\r\n")),
            await talk(there, request(headers=chosen)),
            await talk(there, FAIL),
            await talk(there, b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"),
            await talk(there, b"nonsense\r\n\r\n"),
        ]
    ids = [header_of(answer, "x-sluicegate-request-id") or "" for answer in answers]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)
    assert len(set(ids)) == len(ids)
    assert body_of(answers[3])["id"] == ids[3]
    assert body_of(answers[4])["id"] == ids[4]


async def test_a_handler_gets_the_id_that_its_answer_carries() -> None:
    seen = []

    async def handler(_request: BaseRequest, request_id: str) -> StreamResponse:
        seen.append(request_id)
        return web.Response()

    async with house(get("/id", handler)) as there:
        answer = await talk(there, b"GET /id HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [header_of(answer, "x-sluicegate-request-id")] == seen


async def test_a_stream_carries_the_id_too() -> None:
    async def stream(asked: BaseRequest, _request_id: str) -> StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"one")
        return response

    async with house(get("/stream", stream)) as there:
        answer = await talk(there, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    assert header_of(answer, "x-sluicegate-request-id")
    assert answer.endswith(b"3\r\none\r\n0\r\n\r\n")


async def test_nothing_says_what_the_server_is_made_of() -> None:
    async with house() as there:
        for raw in [GET, b"nonsense\r\n\r\n", b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"]:
            answer = await talk(there, raw)
            assert header_of(answer, "server") is None
            assert not re.search(rb"aiohttp|python|llhttp", answer, re.IGNORECASE)


async def test_a_header_that_is_not_on_the_list_never_reaches_the_caller() -> None:
    async def leaky(_request: BaseRequest, _request_id: str) -> StreamResponse:
        return web.Response(headers={"X-Upstream-Secret": "s"})

    async with house(get("/leaky", leaky)) as there:
        answer = await talk(there, b"GET /leaky HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer == b""
    assert there.events("connection_fault")


# -- errors


async def test_an_error_has_its_status_and_the_shape_of_its_door() -> None:
    answer, _ = await failed(Unauthenticated("no"))
    assert status_of(answer) == 401
    assert body_of(answer)["door"] == "unauthenticated"
    assert header_of(answer, "content-type") == "application/json"


async def test_a_denial_names_its_rules_in_headers() -> None:
    answer, _ = await failed(Denied("no", rules=["a.b", "c"]))
    assert status_of(answer) == 403
    assert header_of(answer, "x-sluicegate-decision") == "block"
    assert header_of(answer, "x-sluicegate-rules") == "a.b, c"


async def test_an_upstreams_own_error_keeps_its_status_when_that_helps() -> None:
    assert status_of((await failed(UpstreamRefused(429)))[0]) == 429
    assert status_of((await failed(UpstreamRefused(401)))[0]) == 502


async def test_who_should_come_again_is_told_when() -> None:
    assert header_of((await failed(EngineUnavailable("late")))[0], "retry-after") == "1"
    assert header_of((await failed(UpstreamRefused(429)))[0], "retry-after") == "1"
    assert header_of((await failed(Unauthenticated("no")))[0], "retry-after") is None


@pytest.mark.parametrize(
    "fault", [ValueError("SECRET"), KeyError("SECRET"), TimeoutError("SECRET"), ConnectionError("SECRET"),
              web.HTTPFound("/SECRET"), web.HTTPForbidden(text="SECRET"), AssertionError("SECRET")],
)  # fmt: skip
async def test_a_fault_of_ours_is_a_500_that_tells_where_and_never_what(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer, log = await failed(fault)
    assert status_of(answer) == 500
    assert body_of(answer)["door"] == "internal_error"
    [(event, fields)] = log
    assert event == "internal_error"
    assert fields["error"] == type(fault).__name__
    assert re.fullmatch(r"test_front\.py:\d+", str(fields["at"]).split()[-1])
    assert fields["request_id"] == header_of(answer, "x-sluicegate-request-id")
    assert b"SECRET" not in answer
    assert "SECRET" not in repr(log) + caplog.text


def test_the_place_of_a_fault_is_ours_first_and_then_the_innermost() -> None:
    with pytest.raises(TypeError) as caught:
        split_address(None)  # type: ignore[arg-type]
    assert re.fullmatch(r"front\.py:\d+ __init__\.py:\d+", place_of(caught.value))
    assert place_of(None) == ""


async def test_an_error_after_the_answer_has_begun_cuts_it() -> None:
    async def half(asked: BaseRequest, _request_id: str) -> StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"half")
        raise EngineUnavailable("gone")

    async with house(get("/half", half)) as there:
        answer = await talk(there, b"GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status_of(answer) == 200
    assert answer.endswith(b"4\r\nhalf\r\n"), "a cut answer must not look whole"
    assert [fields["code"] for fields in there.events("answer_cut")] == ["engine_unavailable"]


async def test_a_fault_after_the_answer_has_begun_cuts_it_too() -> None:
    async def half(asked: BaseRequest, _request_id: str) -> StreamResponse:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"half")
        raise ValueError("SECRET")

    async with house(get("/half", half)) as there:
        answer = await talk(there, b"GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.endswith(b"4\r\nhalf\r\n")
    assert "SECRET" not in repr(there.log)


async def test_the_connection_outlives_an_error_that_read_its_whole_request() -> None:
    async with house(get("/fail", raising(Denied("no")))) as there:
        answer = await talk(there, FAIL + GET)
    assert answer.startswith(b"HTTP/1.1 403")
    assert answer.endswith(b"hello")


async def test_the_connection_ends_with_an_error_that_left_its_body_unread() -> None:
    async with house() as there:
        raw = request("/none", b"x" * 100)
        answer = await talk(there, raw[:-50])
    assert status_of(answer) == 404
    assert header_of(answer, "connection") == "close"


async def test_more_exchanges_than_allowed_are_told_to_come_again() -> None:
    release = asyncio.Event()

    async def slow(_request: BaseRequest, _request_id: str) -> StreamResponse:
        await release.wait()
        return web.Response()

    async with house(get("/slow", slow), exchanges=2) as there:
        raw = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
        running = [asyncio.create_task(talk(there, raw)) for _ in range(2)]
        await asyncio.sleep(0.05)
        refused = await talk(there, raw)
        assert status_of(refused) == 429
        assert header_of(refused, "retry-after") == "1"
        release.set()
        assert [status_of(answer) for answer in await asyncio.gather(*running)] == [200, 200]
        assert status_of(await talk(there, GET)) == 200


async def test_pipelined_requests_are_answered_in_order() -> None:
    async def slow(_request: BaseRequest, _request_id: str) -> StreamResponse:
        await asyncio.sleep(0.05)
        return web.Response(body=b"first")

    async with house(get("/slow", slow)) as there:
        raw = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + GET * 40
        answer = await talk(there, raw)
    assert answer.index(b"first") < answer.index(b"hello")
    assert answer.count(b"hello") == 40


async def test_a_body_behind_more_pipelined_requests_than_are_parsed_at_once_is_a_body() -> None:
    async def slow(_request: BaseRequest, _request_id: str) -> StreamResponse:
        await asyncio.sleep(0.002)
        return web.Response(body=b"first")

    async with house(get("/slow", slow), header_bytes=1024) as there:
        body = b"x" * 200_000
        raw = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" * 40 + request(body=body)
        reader, writer = await asyncio.open_connection(there.host, there.port)
        for start in range(0, len(raw), 5000):
            writer.write(raw[start : start + 5000])
            await asyncio.sleep(0.002)
        answer = await heard(reader)
        writer.close()
    assert answer.count(b"HTTP/1.1 200 OK") == 41
    assert there.bodies == [body]


# -- starting


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:65535", ("localhost", 65535))],
)
def test_addresses_are_host_and_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize(
    "address", ["", "80", ":80", "a", "a:", "a:65536", "a:x", "::1:80", "http://a:80", "a:80/"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigInvalid):
        split_address(address)


async def test_an_address_that_is_taken_is_a_problem_of_the_configuration() -> None:
    async with house() as there:
        second = Front([], Limits(), error_body, lambda _event, _fields: None)
        with pytest.raises(ConfigInvalid, match="cannot be bound: Address already in use"):
            await second.start(f"{there.host}:{there.port}")


async def test_two_workers_can_share_an_address() -> None:
    first, second = (Front([], Limits(), error_body, lambda _event, _fields: None) for _ in range(2))
    host, port = await first.start("127.0.0.1:0", reuse_port=True)
    assert await second.start(f"{host}:{port}", reuse_port=True) == (host, port)
    await first.drain(0)
    await second.drain(0)


@pytest.mark.parametrize("version", ["3.14.3", "3.9.99", "2.99.99", "3.14", "0"])
def test_an_aiohttp_that_mis_reads_bodies_is_refused(version: str) -> None:
    with pytest.raises(ConfigInvalid, match=re.escape(version)):
        check_runtime(version)


@pytest.mark.parametrize("version", ["3.14.4", "3.14.5", "3.15.0", "4.0.0a1", "3.100.0"])
def test_newer_ones_are_not(version: str) -> None:
    check_runtime(version)


def test_the_python_parser_is_refused_and_the_installed_one_is_not() -> None:
    check_runtime()
    assert HttpRequestParser is not HttpRequestParserPy
    with pytest.raises(ConfigInvalid, match="AIOHTTP_NO_EXTENSIONS"):
        check_runtime(parser=HttpRequestParserPy)


def test_without_the_extensions_a_front_does_not_start() -> None:
    """In a process of its own, because aiohttp chooses its parser when it is imported."""
    import subprocess
    import sys

    code = (
        "import asyncio, proxy.web.front as f, proxy.settings as s\n"
        "asyncio.run(f.Front([], s.Limits(), lambda e, i: b'', print).start('127.0.0.1:0'))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"AIOHTTP_NO_EXTENSIONS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode != 0
    assert b"AIOHTTP_NO_EXTENSIONS" in ran.stderr


async def test_a_front_that_never_started_can_be_drained() -> None:
    await Front([], Limits(), error_body, lambda _event, _fields: None).drain(1)


def test_an_unknown_error_is_internal() -> None:
    assert (SluicegateError.status, SluicegateError.code) == (500, "internal_error")


async def test_an_interim_answer_is_no_answer() -> None:
    """`100 Continue` must not count as the beginning of an answer, or errors after it would be cuts."""
    async with house(body_bytes=5) as there:
        raw = (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(raw)
        assert await heard(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"8\r\n12345678\r\n0\r\n\r\n")
        assert status_of(await heard(reader)) == 413
        writer.close()
