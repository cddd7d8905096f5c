"""The way to the model server: what is sent, what is taken for an answer, and what is never taken twice."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from proxy.edges.upstreams.connection import REST_S
from proxy.engines import UpstreamRoute
from proxy.errors import (
    ConfigInvalid,
    SluicegateError,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreached,
)
from proxy.settings import Limits
from tests.edges.fakes_upstream import (
    LAST,
    STREAM,
    Script,
    answer,
    asked,
    chunk,
    door,
    doors,
    headers_of,
    opened,
    scripted,
    text_of,
    then,
    until_gone,
    upstream,
)


async def failure(
    *answers: bytes | Script, stream: bool = False, wire: str = "toy", **more: Any
) -> SluicegateError:
    """The error that an answer ends in, whenever that shows."""
    async with scripted(*answers) as server, door(server.url, **more) as upstreams:
        with pytest.raises(SluicegateError) as caught:
            await asked(upstreams, stream=stream, wire=wire)
        return caught.value


# -- what is sent


async def test_the_request_carries_our_headers_and_the_body_and_nothing_else(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("s3cret\n")
    async with scripted(answer(b"hi.")) as server, door(f"{server.url}/llm/v1", key_file=key) as upstreams:
        assert await asked(upstreams, body=b'{"model": "org/small-1"}') == "hi"
    line, _, _ = server.requests[0].partition(b"\r\n")
    assert line == b"POST /llm/v1/toy HTTP/1.1"
    assert headers_of(server.requests[0]) == {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "application/json",
        "content-length": "24",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "sluicegate",
        "authorization": "Bearer s3cret",
        "x-toy": "1",
    }
    assert server.requests[0].endswith(b'\r\n\r\n{"model": "org/small-1"}')


async def test_a_stream_is_asked_for_at_its_own_path_and_without_a_key_none_is_sent() -> None:
    async with scripted(STREAM + chunk(b"a.") + LAST) as server, door(server.url) as upstreams:
        assert await asked(upstreams, stream=True) == "a"
    assert server.requests[0].startswith(b"POST /v1/toys HTTP/1.1\r\n")
    assert headers_of(server.requests[0])["accept"] == "text/event-stream"
    assert "authorization" not in headers_of(server.requests[0])


async def test_a_changed_key_is_used_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("first")
    ready = answer(b'{"data": []}')
    script = [answer(b"hi."), ready, answer(b"hi."), ready, answer(b"hi.")]
    async with scripted(*script) as server, door(server.url, key_file=key) as upstreams:
        await asked(upstreams)
        new = tmp_path / "new"
        new.write_text("second")
        os.replace(new, key)
        await upstreams.refresh()
        await asked(upstreams)
        key.write_text("two words")
        assert "key_file" in (await upstreams.refresh())["one"]
        await asked(upstreams)
    keys = [headers_of(request)["authorization"] for request in server.requests]
    assert keys == ["Bearer first", *["Bearer second"] * 4]


async def test_a_large_body_is_sent_whole() -> None:
    body = b"x" * 3_000_000
    async with scripted(answer(b"hi.")) as server, door(server.url) as upstreams:
        assert await asked(upstreams, body=body) == "hi"
    assert server.requests[0].endswith(b"\r\n\r\n" + body)
    assert b"transfer-encoding" not in server.requests[0][:1000].lower()


async def test_cookies_are_not_kept() -> None:
    cookie = answer(b"hi.", more="Set-Cookie: a=b; Path=/\r\n")
    async with scripted(cookie) as server, door(server.url) as upstreams:
        await asked(upstreams)
        await asked(upstreams)
    assert b"cookie" not in server.requests[1].lower()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(answer(b"hi.")) as server, scripted(answer(b"evil.")) as evil:
        monkeypatch.setenv("HTTP_PROXY", evil.url)
        monkeypatch.setenv("http_proxy", evil.url)
        async with door(server.url) as upstreams:
            assert await asked(upstreams) == "hi"
    assert evil.connections == 0


# -- models


async def test_names_are_looked_up_byte_exact() -> None:
    async with door("http://127.0.0.1:1", residency="eu") as upstreams:
        assert upstreams.routes("small") == (UpstreamRoute("one", "org/small-1", "eu", ("toy",)),)
        assert upstreams.names() == ("small", "large")
        for name in ["Small", "small ", "org/small-1", "", "smal", "small\x00", "../small"]:
            assert upstreams.routes(name) == ()


async def test_each_model_goes_to_its_own_upstream() -> None:
    async with scripted(answer(b"a.")) as first, scripted(answer(b"b.")) as second:
        configured = [
            upstream(first.url, "a", models={"x": "x1"}),
            upstream(second.url, "b", models={"y": "y1"}),
        ]
        async with doors(*configured) as upstreams:
            assert await asked(upstreams, model="x") == "a"
            assert await asked(upstreams, model="y") == "b"
            assert [route.upstream for route in upstreams.routes("y")] == ["b"]


async def test_two_upstreams_of_one_name_are_refused_at_the_start() -> None:
    with pytest.raises(ConfigInvalid, match="same name"):
        async with doors(upstream("http://a", "a"), upstream("http://b", "a")):
            pass


async def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        async with doors(upstream("ftp://a", "a"), upstream("nonsense", "b")):
            pass
    assert len(caught.value.problems) == 2


async def test_an_upstream_without_a_table_is_known_by_what_it_lists() -> None:
    listed = answer(b'{"data": [{"id": "m1"}, {"id": "m 2"}, {"id": 3}, {"id": "m4"}]}')
    async with scripted(listed, answer(b"hi.")) as server, door(server.url, models={}) as upstreams:
        assert upstreams.names() == ()
        assert await upstreams.refresh() == {"one": ""}
        assert upstreams.names() == ("m1", "m4")
        assert await asked(upstreams, model="m4") == "hi"
    assert server.requests[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert server.connections == 1


async def test_a_listed_name_never_takes_over_or_joins_a_configured_one() -> None:
    async with scripted(answer(b'{"data": [{"id": "x"}, {"id": "y"}]}')) as server:
        own = upstream("http://127.0.0.1:1", "own", models={"x": "x1"})
        async with doors(upstream(server.url, "sly", models={}), own) as upstreams:
            assert (await upstreams.refresh())["sly"] == ""
            assert [(one.upstream, one.model) for one in upstreams.routes("x")] == [("own", "x1")]
            assert [(one.upstream, one.model) for one in upstreams.routes("y")] == [("sly", "y")]


async def test_a_name_that_two_list_belongs_to_the_one_that_stands_first() -> None:
    async with scripted(answer(b'{"data": [{"id": "x"}]}')) as one:
        both = [upstream(one.url, "a", models={}), upstream(one.url, "b", models={})]
        async with doors(*both) as upstreams:
            await upstreams.refresh()
            assert [route.upstream for route in upstreams.routes("x")] == ["a"]


async def test_a_configured_upstream_serves_its_table_and_not_what_it_lists() -> None:
    async with scripted(answer(b'{"data": [{"id": "other"}]}')) as server, door(server.url) as upstreams:
        assert await upstreams.refresh() == {"one": ""}
        assert upstreams.names() == ("small", "large")


async def test_an_upstream_that_stops_listing_keeps_its_names_and_is_not_ready() -> None:
    gone = answer(b"", status="503 Service Unavailable")
    listed = answer(b'{"data": [{"id": "m"}]}')
    async with scripted(listed, gone) as server, door(server.url, models={}) as upstreams:
        assert await upstreams.refresh() == {"one": ""}
        assert await upstreams.refresh() == {"one": "The model server answered with status 503."}
        assert upstreams.names() == ("m",)
        assert upstreams.cut_off() == ["one"]


@pytest.mark.parametrize(
    "listed", [answer(b"[]"), answer(b"{"), answer(b'{"data": 1}'), answer(b'{"data": ["m"]}'),
               answer(b"x" * 2_000_000), answer(b"", status="302 Found", more="Location: /x\r\n"),
               answer(b'{"data": []}', media_type="text/html"), b"nonsense\r\n\r\n"],
)  # fmt: skip
async def test_an_upstream_that_answers_nonsense_is_not_ready(listed: bytes) -> None:
    async with scripted(listed) as server, door(server.url) as upstreams:
        assert (await upstreams.refresh())["one"]
        assert upstreams.cut_off() == ["one"]


# -- what is taken for an answer


async def test_a_stream_arrives_piece_by_piece() -> None:
    script = then(STREAM + chunk(b"one "), chunk(b"two"), chunk(b".") + LAST)
    async with scripted(script) as server, door(server.url) as upstreams:
        begun = await opened(upstreams, stream=True)
        seen: list[Sequence[object]] = [events async for events in begun.events()]
    assert [len(events) for events in seen] == [1, 1, 2]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500, 503])
async def test_an_error_of_the_upstream_keeps_its_status_and_loses_its_words(status: int) -> None:
    error = await failure(answer(b'{"error": "SECRET prompt"}', status=f"{status} Whatever SECRET"))
    assert isinstance(error, UpstreamRefused)
    assert isinstance(error, UpstreamBusy) is (status in (429, 503))
    assert error.upstream_status == status
    assert "SECRET" not in str(error)


async def test_connections_of_small_error_answers_are_kept() -> None:
    refused = answer(b"no", status="429 Too Many Requests")
    async with scripted(refused, answer(b"hi.")) as server, door(server.url) as upstreams:
        with pytest.raises(UpstreamRefused):
            await asked(upstreams)
        assert await asked(upstreams) == "hi"
    assert server.connections == 1


async def test_an_endless_error_answer_is_not_read_to_its_end() -> None:
    written = 0

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(chunk(b"x" * 65536))
            await writer.drain()
            written += 65536

    async with asyncio.timeout(2):
        assert isinstance(await failure(endless), UpstreamRefused)
    assert written < 10_000_000, "only what fits into the buffers on the way"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_redirects_are_not_followed(status: str) -> None:
    async with scripted(answer(b"evil.")) as evil:
        error = await failure(
            answer(b"", status=status, more=f"Location: {evil.url}/v1/chat/completions\r\n")
        )
        assert type(error) is UpstreamUnavailable
        assert evil.connections == 0


@pytest.mark.parametrize(
    ("stream", "media_type"), [(True, "application/json"), (False, "text/event-stream"), (False, "text/html"),
                               (True, "text/plain"), (False, "application/jsonx"), (False, "")],
)  # fmt: skip
async def test_an_answer_of_another_type_is_none(stream: bool, media_type: str) -> None:
    error = await failure(answer(b"hi.", media_type=media_type), stream=stream)
    assert type(error) is UpstreamUnavailable


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "identity, gzip"])
async def test_a_compressed_answer_is_none(coding: str) -> None:
    error = await failure(answer(b"hi.", more=f"Content-Encoding: {coding}\r\n"))
    assert type(error) is UpstreamUnavailable


@pytest.mark.parametrize(
    "script",
    [
        then(STREAM + chunk(b"half")),
        then(STREAM + chunk(b"half"), b"ff\r\npart of a chunk"),
        then(STREAM + chunk(b"half") + LAST),
        then(STREAM + chunk(b"half"), b"nonsense\r\n"),
        then(STREAM + chunk(b"half"), b"nonsense\r\n", hang=True),
    ],
    ids=["closed", "closed inside a chunk", "ended without an end", "broken", "broken and left open"],
)
async def test_a_stream_that_is_cut_short_is_an_error(script: Script) -> None:
    async with asyncio.timeout(2):
        error = await failure(script, stream=True, silence_s=1.0)
    assert isinstance(error, UpstreamUnavailable)


async def test_a_stream_that_is_closed_by_a_reset_is_an_error() -> None:
    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b"half"))
        await asyncio.sleep(0.05)
        writer.transport.abort()
        raise ConnectionError

    assert type(await failure(reset, stream=True)) is UpstreamUnavailable


async def test_a_plain_answer_shorter_than_it_said_is_an_error() -> None:
    whole = answer(b"this is whole.")
    assert type(await failure(then(whole[:-3]))) is UpstreamUnavailable


async def test_an_answer_whose_reader_never_sees_an_end_is_an_error() -> None:
    assert type(await failure(answer(b"hi"), wire="silent")) is UpstreamUnavailable


async def test_what_a_reader_dropped_is_told() -> None:
    async with scripted(answer(b"hi")) as server, door(server.url) as upstreams:
        begun = await opened(upstreams, wire="silent")
        assert begun.dropped == {"surprise": 2}
        await begun.close()


async def test_an_answer_over_the_limit_is_cut_and_one_of_exactly_the_limit_is_not() -> None:
    async with scripted(answer(b"x" * 999 + b".")) as server:
        async with door(server.url, limits=Limits(answer_bytes=1000)) as upstreams:
            assert len(await asked(upstreams)) == 999
        async with door(server.url, limits=Limits(answer_bytes=999)) as upstreams:
            with pytest.raises(UpstreamUnavailable, match="too long"):
                await asked(upstreams)


async def test_an_endless_stream_is_cut_at_the_limit() -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        while True:
            writer.write(chunk(b"x" * 65536))
            await writer.drain()

    error = await failure(endless, stream=True, limits=Limits(answer_bytes=1_000_000))
    assert type(error) is UpstreamUnavailable


@pytest.mark.parametrize(
    "raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"\x00\x00", b"",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
)  # fmt: skip
async def test_what_is_not_http_is_an_error(raw: bytes) -> None:
    assert type(await failure(then(raw))) is UpstreamUnavailable


# -- silence, and being away


async def test_a_server_that_is_silent_before_its_answer_times_out() -> None:
    assert type(await failure(until_gone, silence_s=0.2)) is UpstreamTimeout


async def test_a_server_that_falls_silent_in_its_answer_times_out() -> None:
    script = then(STREAM + chunk(b"half"), hang=True)
    assert type(await failure(script, stream=True, silence_s=0.2)) is UpstreamTimeout


async def test_a_slow_answer_that_is_never_silent_does_not_time_out() -> None:
    script = then(STREAM, *[chunk(b"x")] * 6, chunk(b".") + LAST, pause=0.2)
    async with scripted(script) as server, door(server.url, silence_s=1.0) as upstreams:
        assert await asked(upstreams, stream=True) == "x" * 6


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with scripted(b"") as server:
        url = server.url
    async with door(url) as upstreams:
        with pytest.raises(UpstreamUnreached):
            await asked(upstreams)
        assert await upstreams.refresh() == {"one": "The model server cannot be reached."}


async def test_a_request_that_was_sent_is_never_sent_again() -> None:
    async with scripted(then(b"")) as server, door(server.url) as upstreams:
        with pytest.raises(UpstreamUnavailable) as caught:
            await asked(upstreams)
    assert type(caught.value) is UpstreamUnavailable, "elsewhere neither: it may be at work"
    assert len(server.requests) == 1


async def test_a_request_that_met_a_closing_connection_is_not_sent_again() -> None:
    """ "A proxy MUST NOT automatically retry non-idempotent requests" (RFC 9110, section 9.2.2)."""

    async def closing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        raise ConnectionError

    async with scripted(answer(b"hi."), closing, answer(b"again.")) as server, door(server.url) as upstreams:
        await asked(upstreams)
        with pytest.raises(UpstreamUnavailable) as caught:
            await asked(upstreams)
        assert not isinstance(caught.value, UpstreamUnreached)
        assert len(server.requests) == 2


async def test_nothing_is_sent_after_the_end() -> None:
    async with scripted(answer(b"hi.")) as server:
        async with door(server.url) as upstreams:
            await asked(upstreams)
        with pytest.raises(UpstreamUnreached):
            await asked(upstreams)
    assert server.connections == 1


# -- connections


async def test_connections_of_whole_answers_are_kept() -> None:
    whole = STREAM + chunk(b"a.") + LAST
    async with scripted(answer(b"hi."), whole, whole) as server, door(server.url) as upstreams:
        await asked(upstreams)
        await asked(upstreams, stream=True)
        await asyncio.sleep(REST_S * 1.5)
        await asked(upstreams, stream=True)
    assert server.connections == 1


async def test_a_connection_is_kept_when_the_last_chunk_comes_a_little_later() -> None:
    async def late(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + chunk(b"a."))
        await asyncio.sleep(0.02)
        writer.write(LAST)

    async with scripted(late) as server, door(server.url) as upstreams:
        await asked(upstreams, stream=True)
        await asyncio.sleep(0.1)
        await asked(upstreams, stream=True)
    assert server.connections == 1


async def test_a_stream_that_goes_on_after_its_end_is_whole_and_its_connection_is_closed() -> None:
    async with scripted(then(STREAM + chunk(b"a."), hang=True)) as server, door(server.url) as upstreams:
        assert await asked(upstreams, stream=True) == "a"
        await asyncio.wait_for(server.gone.wait(), 1)


async def test_a_cancelled_request_closes_its_connection_within_a_second() -> None:
    async with scripted(until_gone) as server, door(server.url) as upstreams:
        asking = asyncio.create_task(asked(upstreams))
        await asyncio.sleep(0.1)
        assert server.requests
        asking.cancel()
        await asyncio.wait_for(server.gone.wait(), 1)


async def test_a_cancelled_stream_closes_its_connection_within_a_second() -> None:
    async with scripted(then(STREAM + chunk(b"half"), hang=True)) as server, door(server.url) as upstreams:
        begun = await opened(upstreams, stream=True)
        reading = asyncio.create_task(text_of(begun))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.wait_for(server.gone.wait(), 1)


async def test_an_answer_that_is_closed_unread_closes_its_connection() -> None:
    async with scripted(then(STREAM + chunk(b"half"), hang=True)) as server, door(server.url) as upstreams:
        begun = await opened(upstreams, stream=True)
        await begun.close()
        await begun.close()
        await asyncio.wait_for(server.gone.wait(), 1)


async def test_a_server_on_a_unix_socket_is_reached(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"{}")
        assert headers_of(head)["host"] == "localhost"
        writer.write(answer(b"hi."))
        writer.close()

    socket = tmp_path / "model.sock"
    async with await asyncio.start_unix_server(serve, socket), door(f"unix:{socket}") as upstreams:
        assert await asked(upstreams) == "hi"
