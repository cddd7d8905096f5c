"""What asking an upstream costs: our own client beside aiohttp's, in turn, against the same stand-in.

    python -m load.upstream_client [--runs N]

prints processor time of this process alone, in microseconds: for a request with its whole answer, and for a
chunk of a stream. The readers of both only look for the end, so that nothing but the clients is measured.
aiohttp's is set up as a proxy must have it: no cookies, redirects or decompression, a time-out for silence.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import uvloop

from load.corpus import MODEL, Marks, question
from load.machine import pin, share_out
from load.targets import module
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.exchange import AnswerEvent, End
from proxy.settings import Limits, Upstream
from proxy.wire.dialect import EVENT_STREAM, JSON, UpstreamRequest, Wire

CALLERS = 16  # enough to keep one core busy
REQUESTS = 4_000
STREAMS = 200
CHUNKS = 64
RATE = 40  # chunks a second and stream: each comes by itself, as from a model
SILENCE_S = 120.0

Ask = Callable[[bytes, bool], Awaitable[None]]
"""Sends a body and reads the whole answer; the flag asks for a stream."""


class EndReader:
    """Looks for nothing but the end."""

    def __init__(self, stream: bool) -> None:
        self.dropped: Counter[str] = Counter()
        self._stream = stream

    def feed(self, piece: bytes) -> Sequence[AnswerEvent]:
        return (End(),) if self._stream and piece.endswith(b"[DONE]\n\n") else ()

    def finish(self) -> Sequence[AnswerEvent]:
        return (End(),)


@asynccontextmanager
async def of_aiohttp(url: str) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1024, keepalive_timeout=4.0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=5.0, sock_connect=5.0, sock_read=SILENCE_S),
        headers={"content-type": JSON, "accept-encoding": "identity", "user-agent": "load"},
        auto_decompress=False,
        trust_env=False,
    ) as session:

        async def ask(body: bytes, stream: bool) -> None:
            reader = EndReader(stream)
            headers = {"accept": EVENT_STREAM if stream else JSON}
            target = f"{url}/v1/chat/completions"
            answer = await session.post(target, data=body, headers=headers, allow_redirects=False)
            try:
                assert answer.status == 200  # noqa: S101 - a measurement of errors is none
                while piece := await answer.content.readany():
                    reader.feed(piece)
            finally:
                answer.close()

        yield ask


@asynccontextmanager
async def of_ours(url: str) -> AsyncIterator[Ask]:
    upstream = Upstream("stand-in", url, {MODEL: MODEL}, speaks=("bare",), silence_s=SILENCE_S)
    upstreams = Upstreams([upstream], Limits(), {"bare": Wire("bare", "/v1/chat/completions", EndReader)})
    (route,) = upstreams.routes(MODEL)

    async def ask(body: bytes, stream: bool) -> None:
        answer = await upstreams.open(route, UpstreamRequest("bare", body, stream))
        try:
            async for _events in answer.events():
                pass
        finally:
            await answer.close()

    try:
        yield ask
    finally:
        await upstreams.close()


async def whole(ask: Ask, marks: Marks) -> float:
    """Microseconds of a request of 3 kB."""
    asked = question(3_000)

    async def caller() -> None:
        for _ in range(REQUESTS // CALLERS):
            await ask(asked.body(marks.fresh()), False)

    await caller()  # warm
    before = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())
    return (time.process_time() - before) / REQUESTS * 1e6


async def streamed(ask: Ask, marks: Marks) -> float:
    """Microseconds of a chunk, with its part of the stream's beginning and end."""
    asked = question(3_000, stream=True, rate=RATE)

    async def answered(body: bytes) -> None:
        await ask(body, True)

    before = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(STREAMS):
            group.create_task(answered(asked.body(marks.fresh())))
            await asyncio.sleep(1 / RATE / STREAMS)  # or all the chunks would come at the same moments
    return (time.process_time() - before) / (STREAMS * CHUNKS) * 1e6


async def measure(url: str, runs: int) -> dict[str, tuple[list[float], list[float]]]:
    """Of aiohttp and of ours, one after the other in each run."""
    marks = Marks(1)
    found: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(runs):
        for name, step in (("request, 3 kB, whole answer", whole), ("streamed chunk", streamed)):
            for index, client in enumerate((of_aiohttp, of_ours)):
                async with client(url) as ask:
                    found.setdefault(name, ([], []))[index].append(await step(ask, marks))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m load.upstream_client", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args(argv).runs
    cores = share_out()
    with module(cores.load, "load.stand_in", "--chunks", str(CHUNKS)) as stand_in:
        pin(0, cores.proxy)
        found = uvloop.run(measure(f"http://127.0.0.1:{stand_in.port}", runs))
    print(
        f"{'median of ' + str(runs) + ' runs, µs of processor time':<42}{'aiohttp':>9}{'ours':>9}{'ratio':>8}"
    )
    for name, (theirs, ours) in found.items():
        left, right = statistics.median(theirs), statistics.median(ours)
        print(f"{name:<42}{left:>9.1f}{right:>9.1f}{right / left:>8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
