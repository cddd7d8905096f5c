"""The official SDK on the real llama.cpp server: with only base URL and key changed, the same answers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from proxy.demo.model_server import ModelServer
from tests.flows.program import Program, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ASK: dict[str, Any] = {
    "model": "smollm2",
    "messages": [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "Write two short sentences about the sea."},
    ],
    "temperature": 0,
    "max_tokens": 40,
    "seed": 3,
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer.start(slots=2) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    async with running(tmp_path_factory.mktemp("real"), model.url) as started:
        yield started


@pytest.fixture
def direct(model: ModelServer) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{model.url}/v1", api_key="none", max_retries=0)


async def test_an_answer_is_the_same_as_without_the_proxy(program: Program, direct: AsyncOpenAI) -> None:
    async with program.client() as through, direct:
        ours = await through.chat.completions.create(**ASK)
        theirs = await direct.chat.completions.create(**ASK)
    assert ours.choices[0].message.content == theirs.choices[0].message.content
    assert ours.choices[0].finish_reason == theirs.choices[0].finish_reason
    assert ours.usage is not None
    assert theirs.usage is not None
    assert ours.usage.completion_tokens == theirs.usage.completion_tokens
    assert ours.usage.prompt_tokens == theirs.usage.prompt_tokens
    assert ours.object == theirs.object == "chat.completion"
    assert ours.model == "smollm2"


async def test_a_stream_is_the_same_as_without_the_proxy(program: Program, direct: AsyncOpenAI) -> None:
    async def read(client: AsyncOpenAI) -> tuple[str, str | None, int]:
        text, finish, tokens = "", None, 0
        create: Any = client.chat.completions.create
        async for chunk in await create(**ASK, stream=True, stream_options={"include_usage": True}):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
            tokens = chunk.usage.completion_tokens if chunk.usage else tokens
        return text, finish, tokens

    async with program.client() as through, direct:
        assert await read(through) == await read(direct)


async def test_the_stream_helper_of_the_sdk_works(program: Program) -> None:
    async with program.client() as client, client.chat.completions.stream(**ASK) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content


async def test_raw_responses_carry_our_request_id(program: Program) -> None:
    async with program.client() as client:
        raw = await client.chat.completions.with_raw_response.create(**ASK)
    assert len(raw.headers["x-sluicegate-request-id"]) == 32
    assert raw.parse().choices[0].message.role == "assistant"


async def test_two_choices_come_back_as_two(program: Program) -> None:
    async with program.client() as client:
        answer = await client.chat.completions.create(**{**ASK, "temperature": 0.9}, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
