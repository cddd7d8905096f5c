"""The official SDK's completions and embeddings on the real llama.cpp server, and at an upstream's socket."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from proxy.demo.model_server import ModelServer
from tests.flows.program import Program, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ASK: dict[str, Any] = {
    "model": "smollm2",
    "prompt": "The three colours of the flag are",
    "temperature": 0,
    "max_tokens": 16,
    "seed": 3,
}
INPUTS = ["The sea is blue.", "A dog barks."]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def writer() -> AsyncIterator[ModelServer]:
    async with ModelServer.start(slots=2, more=["--repeatable"]) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def measurer() -> AsyncIterator[ModelServer]:
    async with ModelServer.start(slots=1, context=512, more=["--embeddings"]) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    writer: ModelServer, measurer: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    upstreams = [
        {"name": "writer", "url": writer.url, "models": {"smollm2": "smollm2"}},
        {"name": "measurer", "url": measurer.url, "models": {"smollm2-finance": "smollm2"}},
    ]
    async with running(tmp_path_factory.mktemp("completions"), writer.url, upstreams=upstreams) as started:
        yield started


def direct(server: ModelServer) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


async def test_a_completion_is_the_same_as_without_the_proxy(program: Program, writer: ModelServer) -> None:
    async with program.client() as through, direct(writer) as beside:
        ours, theirs = [await client.completions.create(**ASK) for client in (through, beside)]
    assert ours.choices[0].text == theirs.choices[0].text
    assert ours.choices[0].finish_reason == theirs.choices[0].finish_reason
    assert ours.usage is not None
    assert theirs.usage is not None
    assert ours.usage.total_tokens == theirs.usage.total_tokens
    assert (ours.object, ours.model) == ("text_completion", "smollm2")


async def test_a_streamed_completion_is_the_same_as_without_the_proxy(
    program: Program, writer: ModelServer
) -> None:
    async def read(client: AsyncOpenAI) -> tuple[str, list[str]]:
        create: Any = client.completions.create
        chunks = [chunk async for chunk in await create(**ASK, stream=True)]
        text = "".join(one.text for chunk in chunks for one in chunk.choices)
        return text, [one.finish_reason for chunk in chunks for one in chunk.choices if one.finish_reason]

    async with program.client() as through, direct(writer) as beside:
        assert await read(through) == await read(beside)


@pytest.mark.parametrize("stream", [False, True])
async def test_two_prompts_come_back_as_two_texts(stream: bool, program: Program) -> None:
    asked = {**ASK, "prompt": ["The sea is", "A dog is"], "stream": stream}
    async with program.client() as client:
        create: Any = client.completions.create
        answer = await create(**asked)
        chunks = [chunk async for chunk in answer] if stream else [answer]
    texts: dict[int, str] = {}
    for choice in (one for chunk in chunks for one in chunk.choices):
        texts[choice.index] = texts.get(choice.index, "") + choice.text
    assert sorted(texts) == [0, 1]
    assert all(texts.values())


async def test_usage_of_a_stream_comes_when_it_is_asked_for(program: Program) -> None:
    async with program.client() as client:
        create: Any = client.completions.create
        stream = await create(**ASK, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert 0 < chunks[-1].usage.completion_tokens <= 16


@pytest.mark.parametrize("form", [openai.omit, "float", "base64"])
async def test_embeddings_are_the_same_as_without_the_proxy(
    form: Any, program: Program, measurer: ModelServer
) -> None:
    async with program.client() as through, direct(measurer) as beside:
        create: Any = through.embeddings.create
        ours = await create(model="smollm2-finance", input=INPUTS, encoding_format=form)
        create = beside.embeddings.create
        theirs = await create(model="smollm2", input=INPUTS, encoding_format=form)
    assert [one.embedding for one in ours.data] == [one.embedding for one in theirs.data]
    assert ours.usage.prompt_tokens == theirs.usage.prompt_tokens
    assert (ours.object, ours.model) == ("list", "smollm2-finance")


async def test_token_ids_are_refused_by_name(program: Program) -> None:
    async with program.client() as client:
        with pytest.raises(openai.BadRequestError, match="not token ids") as refused:
            await client.embeddings.create(model="smollm2-finance", input=[1, 2, 3])
        with pytest.raises(openai.BadRequestError, match="not token ids"):
            await client.completions.create(model="smollm2", prompt=[1, 2, 3])
    assert json.loads(refused.value.response.content)["error"]["code"] == "request_invalid"
