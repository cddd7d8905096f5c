"""Bodies: too big, too slow, too clever; over a real socket where the socket matters."""

import asyncio
import gzip
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestInvalid, RequestTooLarge
from proxy.settings import Limits
from proxy.web.body import inflated
from tests.web.fakes_front import QUICK, body_of, heard, house, request, status_of, talk

GZIP = b"Content-Encoding: gzip\r\n"
CHUNKED = (
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


async def test_a_body_arrives_whole_however_it_is_sent() -> None:
    async with house() as there:
        await talk(there, request(body=b"x" * 300_000))
        await talk(there, CHUNKED + b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n")
        await talk(there, request(body=b""))
    assert there.bodies == [b"x" * 300_000, b"abcde", b""]


async def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    async with house(body_bytes=10) as there:
        head = (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n"
        )
        answer = await talk(there, head)
    assert status_of(answer) == 413
    assert body_of(answer)["door"] == "request_too_large"
    assert there.bodies == []


async def test_a_body_of_exactly_the_limit_passes_and_one_more_byte_does_not() -> None:
    async with house(body_bytes=10) as there:
        assert status_of(await talk(there, request(body=b"x" * 10))) == 200
        assert status_of(await talk(there, CHUNKED + b"a\r\n" + b"x" * 10 + b"\r\n0\r\n\r\n")) == 200
        assert status_of(await talk(there, CHUNKED + b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n")) == 413
    assert there.bodies == [b"x" * 10] * 2


async def test_an_endless_chunked_body_is_cut_at_the_limit() -> None:
    async with house(body_bytes=100_000) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(CHUNKED)
        for _ in range(20):
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        assert status_of(await heard(reader)) == 413
        writer.close()
    assert there.bodies == []


async def test_a_sender_that_is_too_slow_is_cut_off() -> None:
    async with house(limits=QUICK, body_bytes_per_s=1000) as there:
        started = time.monotonic()
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(request(body=b"x" * 1000)[:-999])
        answer = asyncio.create_task(heard(reader))
        while not answer.done() and time.monotonic() < started + 3:
            writer.write(b"x")  # 20 bytes a second: never silent, and still too slow
            await asyncio.sleep(0.05)
        assert status_of(await answer) == 408
        assert time.monotonic() - started < 2.5
        writer.close()


async def test_a_sender_above_the_floor_may_take_longer_than_the_grace() -> None:
    async with house(limits=QUICK, body_bytes_per_s=1000) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(request(body=b"x" * 1000)[:-1000])
        for _ in range(10):
            writer.write(b"x" * 100)
            await asyncio.sleep(0.05)
        assert status_of(await heard(reader)) == 200
        writer.close()


@pytest.mark.parametrize("tail", [b"zz\r\n", b"-1\r\n", b"3\r\nabcd\r\n", b"0x1\r\na\r\n", b"3 \r\nabc\r\n"])
async def test_broken_chunks_end_the_request_at_once_and_without_an_echo(tail: bytes) -> None:
    async with house() as there:
        answer = await talk(there, CHUNKED + b"6\r\nSECRET\r\n" + tail, seconds=2)
    assert status_of(answer) == 400
    assert b"connection: close" in answer.lower()
    assert b"SECRET" not in answer
    assert there.bodies == []


async def test_broken_chunks_that_come_later_end_a_body_that_is_being_read() -> None:
    async with house() as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        writer.write(CHUNKED + b"3\r\nabc\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"nonsense\r\n")
        assert status_of(await heard(reader, seconds=2)) == 400
        writer.close()


async def test_a_gzip_body_is_decoded() -> None:
    async with house() as there:
        assert status_of(await talk(there, request(body=gzip.compress(b'{"a": 1}'), headers=GZIP))) == 200
    assert there.bodies == [b'{"a": 1}']


@pytest.mark.parametrize("cut", [1, 8, 9, 15])
async def test_a_truncated_gzip_body_is_refused(cut: int) -> None:
    async with house() as there:
        body = gzip.compress(b'{"messages": []}')[:-cut]
        assert status_of(await talk(there, request(body=body, headers=GZIP))) == 400
    assert there.bodies == []


@pytest.mark.parametrize("body", [b"", b"not gzip", zlib.compress(b"{}"), b"\x1f\x8b\x08" + bytes(20)])
async def test_what_is_not_gzip_is_refused(body: bytes) -> None:
    async with house() as there:
        assert status_of(await talk(there, request(body=body, headers=GZIP))) == 400


@pytest.mark.parametrize("coding", [b"gzip, gzip", b"br", b"deflate", b"zstd", b"\xff"])
async def test_other_codings_are_refused(coding: bytes) -> None:
    async with house() as there:
        headers = b"Content-Encoding: " + coding + b"\r\n"
        answer = await talk(there, request(body=gzip.compress(b"{}"), headers=headers))
    assert status_of(answer) == 415
    assert there.bodies == []


async def test_bytes_after_a_gzip_member_are_refused() -> None:
    async with house() as there:
        for tail in [b"x", gzip.compress(b"{}"), bytes(100_000)]:
            answer = await talk(there, request(body=gzip.compress(b"{}") + tail, headers=GZIP))
            assert status_of(answer) == 400
    assert there.bodies == []


async def test_a_gzip_bomb_is_refused_and_never_holds_the_loop() -> None:
    bomb = gzip.compress(bytes(256 * 1024 * 1024), 9)
    pauses = [0.0]

    async def watch() -> None:
        last = time.thread_time()  # what we take, not what the machine's other work takes
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            pauses.append(now - last)
            last = now

    async with house(inflated_ratio=10_000, body_bytes=100_000_000) as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        watching = asyncio.create_task(watch())
        writer.write(request(body=bomb, headers=GZIP))
        assert status_of(await heard(reader)) == 413
        watching.cancel()
        writer.close()
    assert max(pauses) < 0.05


LIMITS = Limits(body_bytes=1_000_000, inflated_ratio=20)


@given(
    st.binary(max_size=2000), st.integers(min_value=0, max_value=9), st.integers(min_value=1, max_value=90)
)
def test_inflating_undoes_compressing(body: bytes, level: int, times: int) -> None:
    raw = gzip.compress(body * times, level)
    assert b"".join(inflated(raw, LIMITS)) == body * times


@given(st.binary(max_size=200), st.integers(min_value=1, max_value=30))
def test_no_proper_prefix_of_a_gzip_body_is_taken_for_a_whole_one(body: bytes, cut: int) -> None:
    raw = gzip.compress(body)[:-cut]
    with pytest.raises(RequestInvalid):
        list(inflated(raw, LIMITS))


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072, 131073, 700_000])
def test_bodies_about_a_step_long_are_whole(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    for level in (0, 1, 9):
        assert (
            b"".join(inflated(gzip.compress(body[:size], level), Limits(inflated_ratio=2000))) == body[:size]
        )


def test_the_ratio_is_capped_but_not_for_small_bodies() -> None:
    assert len(b"".join(inflated(gzip.compress(bytes(65536)), LIMITS))) == 65536
    with pytest.raises(RequestTooLarge):
        list(inflated(gzip.compress(bytes(65537)), LIMITS))


def test_the_size_is_capped_at_exactly_the_limit() -> None:
    limits = Limits(body_bytes=1000)
    assert len(b"".join(inflated(gzip.compress(bytes(1000)), limits))) == 1000
    with pytest.raises(RequestTooLarge):
        list(inflated(gzip.compress(bytes(1001)), limits))


def test_no_step_is_larger_than_64_kib() -> None:
    steps = inflated(gzip.compress(bytes(4 * 1024 * 1024)), Limits(inflated_ratio=2000))
    assert max(map(len, steps)) <= 64 * 1024


async def test_a_body_that_waits_for_continue_is_asked_for() -> None:
    async with house() as there:
        reader, writer = await asyncio.open_connection(there.host, there.port)
        raw = request(body=b"{}", headers=b"Expect: 100-continue\r\n")
        writer.write(raw[:-2])
        assert await heard(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(raw[-2:])
        assert status_of(await heard(reader)) == 200
        writer.close()


async def test_a_body_that_would_be_refused_is_not_asked_for() -> None:
    async with house(body_bytes=1) as there:
        raw = request(body=b"{}", headers=b"Expect: 100-continue\r\n")
        assert status_of(await talk(there, raw[:-2])) == 413
