"""Broken requests by the hundred, at every door: never a 5xx, never a hang, never an echo, nothing upstream.

Each is a good request with a few wounds. A seed makes all of them, so a failure tells the one to play again.
"""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import settings

from tests import raw_http
from tests.web.fakes_front import House
from tests.web.test_every_door import DOORS, SMALL, gate

CANARY = b"zq7canary"
AT_ONCE = 80
HANG_S = 8.0
QUICK = replace(SMALL, header_s=0.3, idle_s=0.3, stall_s=0.3, body_grace_s=0.3, body_s=0.5)
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

TOKENS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b":",
    b";",
    b"%2f",
    b"%00",
    b"\\",
    b"/",
    b"?",
    b"#",
    b"{",
    b"}",
    b"[",
    b'"',
    b",",
    b"-1",
    b"0",
    b"0x",
    b"+",
    b"1e400",
    b"NaN",
    b"null",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"HTTP/1.1",
    b"HTTP/9.9",
    b"GET ",
    b"POST ",
    b"\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"\r\n ",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, upgrade\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"X-Api-Key: key\r\n",
    b"http://evil",
    b"\xc3\xa4",
    b"\x7f",
    b"\x1b",
    CANARY,
    b"X: " + b"y" * 9000 + b"\r\n",
    b"[" * 300,
]

Wound = Callable[[random.Random, bytes], bytes]


def cut_out(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + raw[at + chance.randrange(1, 20) :]


def double(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw))
    end = at + chance.randrange(1, 60)
    return raw[:end] + raw[at:end] + raw[end:]


def insert(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + chance.choice(TOKENS) + raw[at:]


def insert_line(chance: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    lines.insert(chance.randrange(len(lines)), chance.choice(TOKENS).removesuffix(b"\r\n"))
    return b"\r\n".join(lines)


def flip(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]


def swap_lines(chance: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\r\n".join(lines)


def end_early(chance: random.Random, raw: bytes) -> bytes:
    return raw[: chance.randrange(1, len(raw))]


def append(chance: random.Random, raw: bytes) -> bytes:
    return raw + raw[chance.randrange(len(raw)) :]


WOUNDS: list[Wound] = [
    cut_out,
    double,
    insert,
    insert,
    insert_line,
    insert_line,
    flip,
    swap_lines,
    end_early,
    append,
]


def broken(chance: random.Random) -> bytes:
    dialect, path = chance.choice(DOORS)
    body = raw_http.ask(dialect).replace(b"Hello.", CANARY)
    if chance.random() < 0.3:
        pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        raw = raw_http.head(path, b"Transfer-Encoding: chunked") + b"\r\n" + pieces + b"0\r\n\r\n"
    else:
        raw = raw_http.post(path, body)
    for _ in range(chance.randrange(1, 4)):
        raw = chance.choice(WOUNDS)(chance, raw) or b"\r\n"
    return raw


async def said_to(there: House, raw: bytes, chance: random.Random) -> bytes:
    """Sent in a few pieces, cut anywhere; everything that comes until the front closes, as it must."""
    reader, writer = await asyncio.open_connection(there.host, there.port)
    cuts = sorted(chance.randrange(len(raw) + 1) for _ in range(chance.randrange(3)))
    answer = b""
    try:
        async with asyncio.timeout(HANG_S):
            for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
                writer.write(raw[start:end])
                await asyncio.sleep(0.001)
            while piece := await reader.read(65_536):
                answer += piece
    except ConnectionError:
        pass  # it was closed on bytes that were not read: what it said before counts
    finally:
        writer.close()
    return answer


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_broken_request_is_refused_in_time_and_goes_no_further(seed: int) -> None:
    chance = random.Random(seed)
    room = asyncio.Semaphore(AT_ONCE)
    heard: list[bytes] = []

    async with gate(QUICK) as (there, scripted, _):

        async def one(raw: bytes, cuts: random.Random) -> None:
            async with room:
                try:
                    answer = await said_to(there, raw, cuts)
                except TimeoutError:
                    raise AssertionError(f"it hangs: {raw!r}") from None
            assert CANARY not in answer, raw
            assert not [line for line in answer.split(b"\r\n") if line.lower().startswith(b"server:")], raw
            statuses = {int(status) for status in STATUS.findall(answer)}
            # What reached the fake upstream may be answered with the wrong kind of answer: that is its fault.
            assert all(status < 500 or status == 502 for status in statuses), raw
            heard.append(answer)

        async with asyncio.TaskGroup() as group:
            for _ in range(settings().max_examples * 10):
                group.create_task(one(broken(chance), random.Random(chance.random())))

        answered = sum(len(re.findall(rb"HTTP/1\.1 (?:200|502) ", answer)) for answer in heard)
        assert len(scripted.bodies) <= answered
        assert sum(bool(answer) for answer in heard) > len(heard) // 2
        assert not there.events("internal_error")
        assert not there.events("connection_fault")
        assert CANARY.decode() not in repr(there.log)
