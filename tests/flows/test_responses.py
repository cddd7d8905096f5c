"""The official SDK's responses through the whole program: on a server that speaks them, and on one that has
chat alone."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel

from proxy.demo.model_server import ModelServer
from tests.flows.program import Program, running
from tests.flows.responses_upstream import ResponsesUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIL = "emma.thompson@example.com"
PRIVATE = f"Write to {MAIL}, please."
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "the weather of a place",
    "parameters": {"type": "object", "properties": {"note": {"type": "string"}}},
    "strict": False,
}


class Note(BaseModel):
    note: str


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[ResponsesUpstream]:
    async with ResponsesUpstream.listening() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    upstream: ResponsesUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    servers = [
        {
            "name": "native",
            "url": upstream.url,
            "models": {"smollm2": "echo"},
            "speaks": ["openai_responses"],
        },
        {
            "name": "chat",
            "url": upstream.url,
            "models": {"smollm2-finance": "echo"},
            "speaks": ["openai_chat"],
        },
    ]
    async with running(tmp_path_factory.mktemp("responses"), upstream.url, upstreams=servers) as started:
        yield started


MODELS = pytest.mark.parametrize("model", ["smollm2", "smollm2-finance"])


@MODELS
async def test_private_words_reach_the_client_and_never_the_model(
    model: str, program: Program, upstream: ResponsesUpstream
) -> None:
    async with program.client() as client:
        raw = await client.responses.with_raw_response.create(
            model=model, input=PRIVATE, instructions=PRIVATE
        )
    answer = raw.parse()
    assert raw.headers["x-sluicegate-decision"] == "redact"
    assert answer.output_text == PRIVATE
    assert answer.id == f"resp_{raw.headers['x-sluicegate-request-id']}"
    assert answer.model == model
    assert answer.instructions == PRIVATE
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (32, 8)
    path = b"/v1/responses" if model == "smollm2" else b"/v1/chat/completions"
    assert upstream.heads[-1].encode().startswith(b"POST " + path + b" ")
    assert MAIL not in upstream.received


@MODELS
async def test_a_stream_restores_them_in_text_and_in_the_arguments_of_calls(
    model: str, program: Program, upstream: ResponsesUpstream
) -> None:
    text = ""
    async with (
        program.client() as client,
        client.responses.stream(model=model, input=PRIVATE, tools=[WEATHER]) as stream,
    ):
        async for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
        final = await stream.get_final_response()
    assert text == final.output_text == PRIVATE
    call = final.output[-1]
    assert call.type == "function_call"
    assert call.name == "get_weather"
    assert Note.model_validate_json(call.arguments).note == PRIVATE
    assert MAIL not in upstream.received


@MODELS
async def test_an_answer_can_be_sent_back_as_the_sdk_gives_it(
    model: str, program: Program, upstream: ResponsesUpstream
) -> None:
    items: Any = [{"role": "user", "content": PRIVATE}]
    async with program.client() as client:
        first = await client.responses.create(model=model, input=items, tools=[WEATHER])
        items += first.output
        call: Any = first.output[-1]
        items += [{"type": "function_call_output", "call_id": call.call_id, "output": f"It rains, {MAIL}."}]
        items += [{"role": "user", "content": [{"type": "input_text", "text": "And now?"}]}]
        second = await client.responses.create(model=model, input=items)
    assert second.output_text == "And now?"
    assert MAIL not in upstream.received


@MODELS
async def test_the_sdk_parses_an_answer_into_a_model(
    model: str, program: Program, upstream: ResponsesUpstream
) -> None:
    async with program.client() as client:
        asked = Note(note=PRIVATE).model_dump_json()
        answer = await client.responses.parse(model=model, input=asked, text_format=Note)
    assert answer.output_parsed == Note(note=PRIVATE)
    sent = upstream.chats[-1]
    wanted = sent["text"]["format"] if model == "smollm2" else sent["response_format"]
    assert wanted["type"] == "json_schema"
    assert MAIL not in upstream.received


@MODELS
async def test_the_sdk_parses_the_arguments_of_a_call_into_a_model(model: str, program: Program) -> None:
    tool: Any = openai.pydantic_function_tool(Note, name="get_weather")
    async with program.client() as client:
        answer = await client.responses.parse(model=model, input=PRIVATE, tools=[tool])
    call = answer.output[-1]
    assert call.type == "function_call"
    assert call.parsed_arguments == Note(note=PRIVATE)


async def test_a_model_without_a_grant_is_refused_before_anything_is_said(program: Program) -> None:
    async with program.client("engineering") as client:
        for stream in (False, True):
            with pytest.raises(openai.PermissionDeniedError) as refused:
                await client.responses.create(model="smollm2-finance", input="Hello", stream=stream)
            assert refused.value.code == "policy_denied"
            assert refused.value.body["rules"]


async def test_a_field_that_nobody_governs_is_refused_by_name(program: Program) -> None:
    async with program.client() as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="smollm2", input="Hello", previous_response_id="resp_1")
    assert (refused.value.code, refused.value.param) == ("request_invalid", "previous_response_id")


@MODELS
async def test_a_rule_stops_a_stream_in_its_middle(
    model: str, program: Program, upstream: ResponsesUpstream
) -> None:
    seen: list[Any] = []
    upstream.arguments = "[1]"  # which no rule can judge
    try:
        async with program.client() as client:
            ask: Any = {"model": model, "input": "One two. " * 400, "tools": [WEATHER], "stream": True}
            stream = await client.responses.create(**ask)
            with pytest.raises(openai.APIError) as raised:
                await _read(stream, seen)
    finally:
        upstream.arguments = ""
    assert raised.value.code == "policy_denied"
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["rules"] == ["tools.arguments"]
    assert seen[-1].type == "response.incomplete"
    assert seen[-1].response.incomplete_details.reason == "content_filter"
    assert "One two" in "".join(one.delta for one in seen if one.type == "response.output_text.delta")
    assert not any(one.type.startswith("response.function_call") for one in seen)


async def _read(stream: AsyncIterator[Any], seen: list[Any]) -> None:
    async for event in stream:
        seen.append(event)  # noqa: PERF401  what came before the error counts


ASK: Any = {
    "model": "smollm2",
    "instructions": "You are brief.",
    "input": [
        {"role": "user", "content": "Say something of the sea."},
        {"role": "assistant", "content": "It is wide."},
        {"role": "user", "content": [{"type": "input_text", "text": "And more?"}]},
    ],
    "temperature": 0,
    "max_output_tokens": 24,
}


@pytest.mark.slow
async def test_llama_cpp_answers_as_it_does_without_the_proxy(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Asked for a response and for a chat; directly it wants an earlier answer as parts."""
    said = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "It is wide."}],
    }
    async with (
        ModelServer.start(slots=1) as model,
        openai.AsyncOpenAI(base_url=f"{model.url}/v1", api_key="none", max_retries=0) as direct,
    ):
        alone = await direct.responses.create(**{**ASK, "input": [ASK["input"][0], said, ASK["input"][2]]})
        servers = [
            {"name": wire, "url": model.url, "models": {name: "smollm2"}, "speaks": [wire]}
            for name, wire in (("smollm2", "openai_responses"), ("smollm2-finance", "openai_chat"))
        ]
        folder = tmp_path_factory.mktemp("llama")
        async with running(folder, model.url, upstreams=servers) as program, program.client() as client:
            for name in ("smollm2", "smollm2-finance"):
                whole = await client.responses.create(**{**ASK, "model": name})
                async with client.responses.stream(**{**ASK, "model": name}) as stream:
                    final = await stream.get_final_response()
                assert whole.output_text == final.output_text == alone.output_text
                assert whole.usage is not None
                assert final.usage is not None
                assert alone.usage is not None
                assert whole.usage.output_tokens == final.usage.output_tokens == alone.usage.output_tokens
