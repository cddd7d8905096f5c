"""Hostile requests at every door there is: refused in the door's own shape, quoted nowhere, nothing upstream.

The doors come from the registers, so a new one is here as soon as it is there; it only needs a smallest
request in `tests.raw_http.ASKS`.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from proxy.engines import UpstreamRoute
from proxy.errors import RequestInvalid, Stopping, Unauthenticated
from proxy.exchange import Credentials, Identity, Json
from proxy.settings import Limits
from proxy.web.doors import Doors
from proxy.web.front import Front, Route
from proxy.wire.dialect import ErrorBody
from proxy.wire.openai_errors import error_body
from proxy.wire.registers import DIALECTS, WIRES
from tests import raw_http
from tests.conductor.plays import ANNA, Play
from tests.fakes import ScriptedUpstream, StandingClock
from tests.web.fakes_front import House, header_of, heard, status_of, talk

DOORS = [(name, path) for name, dialect in DIALECTS.items() for path in dialect.paths]
SMALL = Limits(body_bytes=1_000_000)
CANARY = b"canary"
AT_ONCE = 60  # connections: the slow senders of all doors

every_door = pytest.mark.parametrize(("dialect", "path"), DOORS, ids=str)


class OneKey:
    async def identify(self, credentials: Credentials) -> Identity:
        if credentials.authorization != ("Bearer key",) or credentials.api_keys:
            raise Unauthenticated("A key is needed.")
        return ANNA


def upstream() -> ScriptedUpstream:
    scripted = ScriptedUpstream()
    scripted.served = {"small": (UpstreamRoute("local", "weights", "", tuple(WIRES)),)}
    return scripted


@asynccontextmanager
async def gate(limits: Limits = SMALL) -> AsyncIterator[tuple[House, ScriptedUpstream, list[Route]]]:
    play = Play(upstream=upstream())
    doors = Doors(play.conductor, OneKey(), limits, StandingClock(), lambda _dialect: "small")
    log: list[tuple[str, dict[str, str | int]]] = []
    routes = list(doors.routes(DIALECTS))
    front = Front(routes, limits, error_body, lambda event, fields: log.append((event, fields)))
    host, port = await front.start("127.0.0.1:0")
    try:
        yield House(host, port, front, limits, log=log), play.upstream, routes
    finally:
        await front.drain(0.05)


async def answers(there: House, raws: Mapping[str, bytes]) -> dict[str, bytes]:
    """Each over a connection of its own, a few at once."""

    room = asyncio.Semaphore(AT_ONCE)

    async def one(raw: bytes) -> bytes:
        async with room:
            return await whole(there, raw)

    return dict(zip(raws, await asyncio.gather(*map(one, raws.values())), strict=True))


async def whole(there: House, raw: bytes) -> bytes:
    """Until the front closes: each of these must make it."""
    reader, writer = await asyncio.open_connection(there.host, there.port)
    try:
        writer.write(raw)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def refused(answer: bytes, *shapes: ErrorBody, name: str = "") -> Json:
    """The one error in an answer, in one of these shapes, with the id of its own head and no echo."""
    assert answer.count(b"HTTP/1.1 ") == 1, name
    assert answer.startswith(b"HTTP/1.1 "), name
    assert CANARY not in answer, name
    error = json.loads(answer.partition(b"\r\n\r\n")[2])
    request_id = header_of(answer, "x-sluicegate-request-id")
    assert request_id, name
    assert request_id in answer.partition(b"\r\n\r\n")[2].decode(), name
    allowed = [_shape(json.loads(shape(RequestInvalid("x", param="x"), "x"))) for shape in shapes]
    assert _shape(error) in allowed, (name, error)
    assert header_of(answer, "server") is None, name
    return error


def _shape(value: Json) -> Any:
    """The keys of a document, without what stands in them."""
    return {key: _shape(one) for key, one in value.items()} if isinstance(value, dict) else ""


def test_every_dialect_has_a_smallest_request() -> None:
    assert set(raw_http.ASKS) == set(DIALECTS)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_can_say_that_the_proxy_is_stopping(dialect: str) -> None:
    """Before an answer has begun, and as the end of a stream."""
    speaks = DIALECTS[dialect]
    body = json.loads(raw_http.ask(dialect))
    exchange = speaks.parse(body, exchange_id="id-of-ours", limits=SMALL, model="small")
    assert "stopping" in json.dumps(json.loads(speaks.error_body(Stopping(), "id-of-ours")))
    assert b"stopping" in speaks.writer(exchange).error(Stopping(), "id-of-ours")


@every_door
async def test_a_good_request_is_one_request_upstream(dialect: str, path: str) -> None:
    body = raw_http.ask(dialect)
    async with gate() as (there, scripted, _):
        first = await whole(there, raw_http.post(path, body))
        assert len(scripted.bodies) == 1, first
        packed = raw_http.post(path, gzip.compress(body), b"Content-Encoding: gzip")
        pieces = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body) + b"0\r\n\r\n"
        head = raw_http.head(path, b"Connection: close", b"Transfer-Encoding: chunked")
        await answers(there, {"packed": packed, "in chunks": head + b"\r\n" + pieces})
        assert scripted.bodies == scripted.bodies[:1] * 3


@every_door
async def test_what_two_readers_could_read_differently_is_refused_and_closed(dialect: str, path: str) -> None:
    shape = DIALECTS[dialect].error_body
    raws = raw_http.framing(path) | raw_http.heads(path, "POST")
    behind = raw_http.post(path, raw_http.ask(dialect))
    async with gate() as (there, scripted, _):
        said = await answers(there, {name: raw + behind for name, raw in raws.items()})
        for name, answer in said.items():
            refused(answer, shape, error_body, name=name)
            assert status_of(answer) == 400, name
            assert header_of(answer, "connection") == "close", name
        assert scripted.bodies == []


@every_door
async def test_a_target_that_is_not_byte_exact_is_unknown(dialect: str, path: str) -> None:
    targets = [target for target in raw_http.near(path) if target not in dict(DOORS).values()]
    body = raw_http.ask(dialect)
    shapes = [one.error_body for one in DIALECTS.values()]
    async with gate() as (there, scripted, _):
        said = await answers(there, {target: raw_http.post(target, body) for target in targets})
        for target, answer in said.items():
            refused(answer, *shapes, name=target)
            assert status_of(answer) in {400, 404, 405}, target
        assert scripted.bodies == []


@every_door
async def test_a_query_is_refused(dialect: str, path: str) -> None:
    async with gate() as (there, scripted, _):
        target = path.partition("?")[0] + "?canary=1"
        answer = await whole(there, raw_http.post(target, raw_http.ask(dialect)))
        refused(answer, *[one.error_body for one in DIALECTS.values()])
        assert status_of(answer) == 400
        assert scripted.bodies == []


@every_door
async def test_other_methods_are_refused_in_its_shape(dialect: str, path: str) -> None:
    async with gate() as (there, scripted, routes):
        taken = {route.method for route in routes if route.path == path}
        others = {"GET", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"} - taken
        said = await answers(there, {one: raw_http.get(path, method=one) for one in others})
        for method, answer in said.items():
            error = refused(answer, DIALECTS[dialect].error_body, *_shapes(routes, path), name=method)
            assert status_of(answer) == 405
            assert "POST" in (header_of(answer, "allow") or "")
            assert "method_not_allowed" in json.dumps(error)
        assert scripted.bodies == []


def _shapes(routes: list[Route], path: str) -> list[ErrorBody]:
    return [route.error_body for route in routes if route.path == path]


@every_door
async def test_json_that_two_parsers_read_differently_is_refused_in_its_shape(
    dialect: str, path: str
) -> None:
    raws = {name: raw_http.post(path, body) for name, body in raw_http.JSON_READ_IN_TWO_WAYS.items()}
    async with gate() as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            error = refused(answer, DIALECTS[dialect].error_body, name=name)
            assert status_of(answer) == 400, name
            assert "request_invalid" in json.dumps(error), name
        assert scripted.bodies == []
        assert there.events("internal_error") == []


@every_door
async def test_json_twice_in_one_good_request_is_refused(dialect: str, path: str) -> None:
    """The same good body, with one key again at its end, in the same letters and in others."""
    body = json.loads(raw_http.ask(dialect))
    raws = {}
    for key in body:
        for again in (key, f"\\u{ord(key[0]):04x}{key[1:]}", key.capitalize()):
            doubled = json.dumps(body).encode()[:-1] + f', "{again}": "canary"}}'.encode()
            raws[again] = raw_http.post(path, doubled)
    async with gate() as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            refused(answer, DIALECTS[dialect].error_body, name=name)
            assert status_of(answer) == 400, name
        assert scripted.bodies == []


@every_door
async def test_a_body_that_is_coded_badly_is_refused_in_its_shape(dialect: str, path: str) -> None:
    cases = raw_http.codings(raw_http.ask(dialect))
    raws = {name: raw_http.post(path, body, *lines) for name, (_, body, lines) in cases.items()}
    async with gate() as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            refused(answer, DIALECTS[dialect].error_body, name=name)
            assert status_of(answer) == cases[name][0], name
        assert scripted.bodies == []


@every_door
async def test_a_body_that_is_too_large_is_refused_in_its_shape(dialect: str, path: str) -> None:
    much = b"x" * (SMALL.body_bytes + 1)
    raws = {
        "declared": raw_http.post(path, much),
        "in chunks": raw_http.head(path, b"Transfer-Encoding: chunked")
        + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(much), much),
    }
    async with gate() as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            refused(answer, DIALECTS[dialect].error_body, name=name)
            assert status_of(answer) == 413, name
        assert scripted.bodies == []


@every_door
async def test_a_body_that_is_not_json_by_its_type_is_refused_in_its_shape(dialect: str, path: str) -> None:
    good = raw_http.post(path, raw_http.ask(dialect))
    types = [
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"application/json; charset=utf-16",
        b"application/json, text/plain",
        b"application/jsonx",
        b"",
    ]
    raws = {one.decode(): good.replace(b"application/json", one, 1) for one in types}
    bare = good.replace(b"Content-Type: application/json\r\n", b"", 1)
    raws["none, from who could be a browser"] = bare.replace(raw_http.KEY, b"", 1)
    async with gate() as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            refused(answer, DIALECTS[dialect].error_body, name=name)
            assert status_of(answer) == 415, name
        assert scripted.bodies == []


@every_door
async def test_who_has_no_key_is_refused_in_its_shape(dialect: str, path: str) -> None:
    good = raw_http.post(path, raw_http.ask(dialect))
    keys = [
        b"",
        b"Authorization: Bearer canary\r\n",
        b"Authorization: canary\r\n",
        b"X-Forwarded-User: canary\r\n",
        raw_http.KEY * 2,
        raw_http.KEY + b"X-Api-Key: key\r\n",
    ]
    raws = {str(number): good.replace(raw_http.KEY, key, 1) for number, key in enumerate(keys)}
    async with gate() as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            refused(answer, DIALECTS[dialect].error_body, name=name)
            assert status_of(answer) == 401, name
        assert scripted.bodies == []


@every_door
async def test_an_upgrade_never_leads_out_of_http(dialect: str, path: str) -> None:
    upgrade = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAAAA"]
    socket = [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
              b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]  # fmt: skip
    body = raw_http.ask(dialect)
    length = b"Content-Length: %d" % len(body)
    raws = {
        "h2c": raw_http.head(path, *upgrade, length) + b"\r\n" + body,
        "web socket": raw_http.head(path, *socket, length) + b"\r\n" + body,
        "web socket by GET": raw_http.get(path, *socket).replace(b"Connection: close\r\n", b""),
    }
    async with gate() as (there, scripted, _):
        behind = raw_http.post(path, body)
        for name, answer in (await answers(there, {k: raw + behind for k, raw in raws.items()})).items():
            assert answer.count(b"HTTP/1.1 ") == 1, name
            assert status_of(answer) != 101, name
            assert header_of(answer, "upgrade") is None, name
        assert len(scripted.bodies) <= 2


async def test_slow_senders_are_refused_in_the_shape_of_their_door() -> None:
    """All doors at once: a caller that is refused in the middle of its body is listened to for a while."""
    quick = replace(SMALL, header_s=0.2, body_grace_s=0.2, body_s=0.4, body_bytes_per_s=2**20)
    raws = {}
    for dialect, path in DOORS:
        good = raw_http.post(path, raw_http.ask(dialect))
        raws[f"{dialect} half a body {path}"] = good[:-1]
        raws[f"{dialect} half a head {path}"] = good.partition(b"\r\n\r\n")[0]
    async with gate(quick) as (there, scripted, _):
        for name, answer in (await answers(there, raws)).items():
            refused(answer, DIALECTS[name.partition(" ")[0]].error_body, error_body, name=name)
            assert status_of(answer) == 408, name
        assert scripted.bodies == []


async def test_who_has_no_key_is_refused_before_the_body_is_read() -> None:
    async with gate() as (there, scripted, _):
        bare = {
            path: raw_http.head(path, b"Content-Length: 9").replace(raw_http.KEY, b"") for _, path in DOORS
        }
        for path, answer in (
            await answers(there, {path: raw + b"\r\n" for path, raw in bare.items()})
        ).items():
            assert status_of(answer) == 401, path
        assert scripted.bodies == []


@every_door
async def test_pipelined_requests_are_answered_in_their_order_and_one_at_a_time(
    dialect: str, path: str
) -> None:
    body = raw_http.ask(dialect)
    open_post = raw_http.head(path, b"Content-Length: %d" % len(body)) + b"\r\n" + body
    async with gate() as (there, scripted, _):
        await whole(there, open_post * 3 + raw_http.post(path, body))
        assert len(scripted.bodies) == 4
        answer = await whole(there, open_post + b"nonsense\r\n\r\n" + open_post)
        assert len(scripted.bodies) <= 5, "what comes after nonsense is not a request"
        assert answer.rpartition(b"HTTP/1.1 ")[2].startswith(b"400")


@every_door
async def test_a_caller_that_waits_for_leave_gets_it_once_and_only_for_a_body(
    dialect: str, path: str
) -> None:
    body = raw_http.ask(dialect)
    head = raw_http.head(
        path, b"Connection: close", b"Expect: 100-continue", b"Content-Length: %d" % len(body)
    )
    async with gate() as (there, scripted, _):
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(head + b"\r\n")
        assert await reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert scripted.bodies == []
        writer.write(body)
        rest = await heard(reader)
        writer.close()
        assert b"100 Continue" not in rest
        assert len(scripted.bodies) == 1
        unknown = head.replace(raw_http.KEY, b"", 1) + b"\r\n"
        assert status_of(await talk(there, unknown)) == 401  # no leave for who may not send


async def test_every_list_refuses_the_same() -> None:
    async with gate() as (there, scripted, routes):
        for route in routes:
            if route.method != "GET":
                continue
            raws = raw_http.heads(route.path) | {
                "a query": raw_http.get(f"{route.path}?canary=1"),
                "no key": raw_http.get(route.path).replace(raw_http.KEY, b""),
            }
            for name, answer in (await answers(there, raws)).items():
                if status_of(answer) != 200:
                    refused(answer, route.error_body, error_body, *_shapes(routes, route.path), name=name)
                open_to = {"a query": route.query, "no key": False}.get(name, False)
                assert open_to or 400 <= status_of(answer) < 500, (route.path, name)
        assert scripted.bodies == []


@pytest.mark.parametrize("rate", [50, 10_000])
async def test_a_steady_sender_that_never_ends_is_cut_off_by_the_clock(rate: int) -> None:
    """Above the slowest rate all the time: only the bound on the whole ends it."""
    quick = replace(SMALL, body_grace_s=0.1, body_s=0.6, body_bytes_per_s=1)
    name, path = DOORS[0]
    async with gate(quick) as (there, scripted, _):
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(raw_http.head(path, b"Content-Length: 900000") + b"\r\n")
        started = asyncio.get_running_loop().time()
        ended = asyncio.get_running_loop().create_task(heard(reader, pause=0.05))
        while not ended.done():
            writer.write(b"x" * (rate // 50))
            await asyncio.sleep(0.02)
        seconds = asyncio.get_running_loop().time() - started
        refused(await ended, DIALECTS[name].error_body)
        assert status_of(await ended) == 408
        assert 0.5 < seconds < 3
        writer.close()
        assert scripted.bodies == []
