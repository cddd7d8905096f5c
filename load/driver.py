"""The load: callers that keep their connections, in a closed loop, at a fixed rate, or with many streams.

Every answer is read to its end and must carry the mark of its own request; a wrong one ends the measurement,
because the cost of errors is not the cost of answers.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import orjson

from load.corpus import Marks, Question
from load.machine import Cpu, cpu_of

ANSWER_S = 30.0  # an answer that takes longer is wrong
AT_ONCE = 128  # open questions of an open loop: 50 a second, each streaming for two seconds, and some air
CALLERS = 16  # enough to keep one core busy, few enough for their queueing to say nothing
FIRST_TEXT = re.compile(rb'"content": ?"[^"]')
LAST_CHUNK = b"\r\n0\r\n\r\n"


class WrongAnswer(Exception):
    """An answer with another status than 200, or without its own mark."""


class TooSlow(Exception):
    """More questions stand open than an open loop at this rate should ever have."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked. `pid`: whose processor time counts; None for the upstream itself."""

    name: str
    port: int
    pid: int | None = None
    key: str = field(default="", repr=False)

    def request(self, body: bytes) -> bytes:
        bearer = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{bearer}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


@dataclass(slots=True)
class Reply:
    """Times are of the monotonic clock, in seconds. `first_text`: when the first word had come."""

    asked: float
    raw: bytearray = field(default_factory=bytearray, repr=False)
    first_text: float = 0.0
    ended: float = 0.0
    arrivals: list[float] = field(default_factory=list, repr=False)

    def check(self, mark: str) -> None:
        status = bytes(self.raw[9:12])
        if status != b"200":
            raise WrongAnswer(f"status {status.decode(errors='replace')} {_code(self.raw)}")
        if mark.encode() not in self.raw and mark not in _text(self.raw):
            raise WrongAnswer("an answer without the mark of its request")


def _code(raw: bytearray) -> str:
    """The stable code of an error answer."""
    found = re.search(rb'"code": ?"([a-z_]{1,40})"', raw)
    return found[1].decode() if found else ""


def _text(raw: bytearray) -> str:
    """The text of a streamed answer, which may have been framed anew on its way."""
    events = re.findall(rb"data: (\{.*\})", raw)
    choices = [choice for event in events for choice in orjson.loads(event).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


class Caller(asyncio.Protocol):
    """One kept connection with at most one question on it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._reply = Reply(0.0)
        self._length: int | None = None
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its type

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - either way it has gone
        if self._done is not None and not self._done.done():
            self._done.set_exception(WrongAnswer("the connection was closed before the answer's end"))

    async def ask(self, request: bytes) -> Reply:
        self._done = asyncio.get_running_loop().create_future()
        self._length = None
        self._reply = Reply(time.perf_counter())
        self._transport.write(request)
        async with asyncio.timeout(ANSWER_S):
            await self._done
        return self._reply

    def data_received(self, data: bytes) -> None:
        now, reply = time.perf_counter(), self._reply
        reply.raw += data
        reply.arrivals.append(now)
        if not reply.first_text and FIRST_TEXT.search(data):
            reply.first_text = now
        if self._ended(reply.raw) and self._done is not None and not self._done.done():
            reply.ended = now
            self._done.set_result(None)

    def _ended(self, raw: bytearray) -> bool:
        if self._length is None:
            self._length = _whole_length(raw)
        return len(raw) >= self._length if self._length else raw.endswith(LAST_CHUNK)

    def close(self) -> None:
        self._transport.close()


def _whole_length(raw: bytearray) -> int | None:
    """Of head and body; 0 for a chunked one, None while the head is not whole."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", raw[:end])
    return end + 4 + int(found[1]) if found else 0


@asynccontextmanager
async def callers(target: Target, number: int) -> AsyncIterator[list[Caller]]:
    loop = asyncio.get_running_loop()
    opened: list[Caller] = []
    try:
        for _ in range(number):
            _, caller = await loop.create_connection(Caller, "127.0.0.1", target.port)
            opened.append(caller)
        yield opened
    finally:
        for caller in opened:
            caller.close()


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that fails with the first of its errors, alone."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


Marking = Callable[[], str]


def fresh(seed: int) -> Marking:
    """A new last message in every request: no cache knows it, nor the answer to it."""
    return Marks(seed).fresh


def same(seed: int) -> Marking:
    """The same body again and again: whatever can be remembered is."""
    mark = Marks(seed).fresh()
    return lambda: mark


async def ask(target: Target, caller: Caller, question: Question, marking: Marking) -> Reply:
    mark = marking()
    try:
        reply = await caller.ask(target.request(question.body(mark)))
        reply.check(mark)
    except WrongAnswer as error:
        raise WrongAnswer(f"{target.name}: {error}") from None
    except TimeoutError:
        raise WrongAnswer(f"{target.name}: no answer within {ANSWER_S:.0f} seconds") from None
    return reply


@dataclass(frozen=True, slots=True)
class Saturated:
    """A closed loop: every caller asks again as soon as it was answered."""

    requests: int
    seconds: float
    cpu: Cpu


async def saturate(
    target: Target, question: Question, marking: Marking, seconds: float, most: int = 200_000
) -> Saturated:
    """The processor time covers every request from its start to its end: nothing is cut off at the edges."""
    asked = 0

    async def keep_asking(caller: Caller, until: float) -> None:
        nonlocal asked
        while time.perf_counter() < until and asked < most:
            asked += 1
            await ask(target, caller, question, marking)

    async with callers(target, CALLERS) as lines:
        before, began = cpu_of(target.pid), time.perf_counter()
        async with together() as group:
            for caller in lines:
                group.create_task(keep_asking(caller, began + seconds))
        return Saturated(asked, time.perf_counter() - began, cpu_of(target.pid) - before)


async def pace(
    target: Target, question: Question, marking: Marking, seconds: float, rate: float = 50.0
) -> list[Reply]:
    """An open loop: a request every 1/rate seconds, whether or not the ones before it were answered.

    Raises TooSlow, by itself, when the answers fall so far behind that their times would say nothing.
    """
    replies: list[Reply] = []

    async def one(caller: Caller) -> None:
        replies.append(await ask(target, caller, question, marking))
        idle.append(caller)

    number = int(seconds * rate)
    async with callers(target, min(number, AT_ONCE)) as lines:
        idle = list(lines)
        began = time.perf_counter()
        async with together() as group:
            for turn in range(number):
                await asyncio.sleep(began + turn / rate - time.perf_counter())
                if not idle:
                    break
                group.create_task(one(idle.pop(0)))
    if len(replies) < number:
        raise TooSlow(f"{target.name}: cannot keep up with {rate:.0f} requests a second")
    return replies


@dataclass(frozen=True, slots=True)
class Streamed:
    """Streams that ran side by side. In seconds: from question to first text, and between two arrivals."""

    chunks: int
    cpu: Cpu
    first_texts: list[float] = field(repr=False)
    gaps: list[float] = field(repr=False)


async def stream(target: Target, question: Question, marking: Marking, streams: int, chunks: int) -> Streamed:
    """Every stream once, from its request to its end: a chunk's cost holds its share of the request's."""
    async with callers(target, streams) as lines:
        before = cpu_of(target.pid)
        async with together() as group:
            asking = []
            for caller in lines:
                asking.append(group.create_task(ask(target, caller, question, marking)))
                await asyncio.sleep(0.002)  # spread over the time between two chunks, as people are
        replies = [task.result() for task in asking]
        gaps = [
            later - earlier
            for reply in replies
            for earlier, later in zip(reply.arrivals, reply.arrivals[1:], strict=False)
        ]
        first_texts = [reply.first_text - reply.asked for reply in replies]
        return Streamed(streams * chunks, cpu_of(target.pid) - before, first_texts, gaps)
