import asyncio
import json
from typing import Any

import pytest
from openai import AsyncOpenAI

from load.corpus import MODEL, Marks, question
from load.driver import Target, ask, callers, fresh
from load.targets import Process


@pytest.fixture
async def client(stand_in: Process) -> Any:
    async with AsyncOpenAI(
        base_url=f"http://127.0.0.1:{stand_in.port}/v1", api_key="none", max_retries=0
    ) as opened:
        yield opened


async def test_the_official_client_reads_its_answer(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "About [[bcdf]]."}]
    )
    assert "[[bcdf]]" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 64


async def test_the_official_client_reads_its_stream(client: AsyncOpenAI) -> None:
    chunks = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "About [[bcdf]]."}], stream=True
    )
    events = [chunk async for chunk in chunks]
    pieces = [event.choices[0].delta.content for event in events if event.choices]
    assert len(list(filter(None, pieces))) == 24
    assert "Ticket [[bcdf]]" in "".join(piece or "" for piece in pieces)
    assert events[-1].usage is not None


async def test_it_lists_its_model(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == [MODEL]


async def test_as_a_judge_it_says_no_with_probabilities(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Yes or no?"}],
        logprobs=True,
        top_logprobs=2,
        max_tokens=1,
    )
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content is not None
    assert answer.choices[0].logprobs.content[0].token == " No"


async def test_a_stream_comes_at_the_rate_that_its_request_names(direct: Target) -> None:
    async with callers(direct, 1) as [caller]:
        paced = await ask(direct, caller, question(300, stream=True, rate=100), fresh(1))
        at_once = await ask(direct, caller, question(300, stream=True), fresh(2))
    assert paced.ended - paced.asked >= 0.23
    assert at_once.ended - at_once.asked < 0.1


async def test_a_request_that_comes_byte_by_byte_is_answered_once(stand_in: Process) -> None:
    body = question(30).body(Marks(1).fresh())
    reader, writer = await asyncio.open_connection("127.0.0.1", stand_in.port)
    for byte in Target("direct", stand_in.port).request(body):
        writer.write(bytes([byte]))
        await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
    assert json.loads(await reader.readexactly(length))["object"] == "chat.completion"
    writer.close()


async def test_a_chunked_request_finds_the_door_shut(stand_in: Process) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand_in.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
