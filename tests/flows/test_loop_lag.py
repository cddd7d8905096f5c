"""While a megabyte of hostile text is looked at or refused, the loop goes on: others are answered at once."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
import yaml

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program, copy_policies, running

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

MEGABYTE = 1_000_000
TEXT_CHARS = 250_000
SAMPLES = 300  # so that three of them may be late
# Analysed in the loop it would be hundreds. The aim is 10 ms, which an idle machine keeps; here other
# tests run on the same two cores.
LAG_S = 0.030
TRIES = 5  # the least counts
HOSTILE = {
    "dots": "." * 4_000,
    "ats": "a@" * 20_000,
    "digits": "4111" * 10_000,
    "brackets": "[" * 50_000,
    "percents": "%40" * 20_000,
    "tags": "[PERSON_" * 5_000,
}


def hostile(name: str, number: int) -> bytes:
    """A megabyte in messages, none larger than a text may be. No cache knows it by another number."""
    text = HOSTILE[name]
    whole = text * (MEGABYTE // len(text))
    texts = [f"{number} {whole[at : at + TEXT_CHARS]}" for at in range(0, len(whole), TEXT_CHARS)]
    messages = [{"role": "user", "content": one} for one in texts]
    return json.dumps({"model": "smollm2", "messages": messages}).encode()


async def keep_asking(program: Program, bodies: Sequence[bytes]) -> None:
    while True:
        for body in bodies:
            assert (await program.post(body)).status in (200, 403, 413, 422, 503)


async def lags(program: Program) -> list[float]:
    """How long the loop made others wait: bytes sent to its admin side, until the first ones come back."""
    host, _, port = program.admin.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    seen: list[float] = []
    while len(seen) < SAMPLES:
        began = time.perf_counter()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        seen.append(time.perf_counter() - began)
        await asyncio.sleep(0.002)
    writer.close()
    return seen


def p99(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def patient(upstream: EchoUpstream, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """One whose policies allow so many tokens, so that all of the text is looked at."""
    folder = tmp_path_factory.mktemp("patient")
    ceilings = {"prompt_tokens": 10_000_000, "answer_tokens": 512, "choices": 1}
    limits = copy_policies(folder) / "gateway" / "config" / "limits" / "data.yaml"
    limits.write_text(yaml.safe_dump({"everyone": ceilings}))
    async with running(folder, upstream.url) as started:
        yield started


async def added_lag(program: Program, name: str) -> float:
    """How much longer others wait than usually, at p99, in seconds."""
    added = []
    for turn in range(TRIES):
        usual = p99(await lags(program))
        asking = asyncio.create_task(
            keep_asking(program, [hostile(name, 4 * turn + one) for one in range(4)])
        )
        added.append(p99(await lags(program)) - usual)
        assert not asking.done(), "it was answered with something else"
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        if added[-1] <= LAG_S:
            break
    return min(added)


@pytest.mark.parametrize("name", HOSTILE)
async def test_others_are_answered_while_hostile_text_is_refused(program: Program, name: str) -> None:
    assert await added_lag(program, name) <= LAG_S


@pytest.mark.parametrize("name", HOSTILE)
async def test_others_are_answered_while_hostile_text_is_looked_at(patient: Program, name: str) -> None:
    assert await added_lag(patient, name) <= LAG_S
