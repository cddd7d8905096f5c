"""Anthropic's messages through the whole program: on a server that speaks them, and on one that has chat
alone."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from proxy.demo.model_server import ModelServer
from tests.flows.anthropic_upstream import AnthropicUpstream
from tests.flows.program import Program, Said, running
from tests.wire.anthropic.assembling import Assembled, assemble

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIL = "emma.thompson@example.com"
PRIVATE = f"Write to {MAIL}, please."
WEATHER: Any = {
    "name": "get_weather",
    "description": "the weather of a place",
    "input_schema": {"type": "object", "properties": {"note": {"type": "string"}}},
}
NATIVE = ["anthropic_messages", "anthropic_count_tokens"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[AnthropicUpstream]:
    async with AnthropicUpstream.listening() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    upstream: AnthropicUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    servers = [
        {"name": "native", "url": upstream.url, "models": {"smollm2": "echo"}, "speaks": NATIVE},
        {
            "name": "chat",
            "url": upstream.url,
            "models": {"smollm2-finance": "echo"},
            "speaks": ["openai_chat"],
        },
    ]
    async with running(tmp_path_factory.mktemp("anthropic"), upstream.url, upstreams=servers) as started:
        yield started


MODELS = pytest.mark.parametrize("model", ["smollm2", "smollm2-finance"])


def asking(model: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": content}],
        **fields,
    }


async def post(
    program: Program, body: Any, path: str = "/v1/messages", who: str = "finance", **headers: str
) -> Said:
    """As Anthropic's clients send it."""
    payload = io.BytesIO(json.dumps(body).encode())
    sent = {
        "x-api-key": program.keys[who],
        "anthropic-version": "2023-06-01",
        "Content-Type": "application/json",
        **headers,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{program.url}{path}", data=payload, headers=sent) as answer,
    ):
        return Said(answer.status, dict(answer.headers), await answer.read())


async def message(program: Program, body: Any, *, stream: bool) -> dict[str, Any]:
    """The message, in whichever way it is asked for."""
    answer = await post(program, {**body, "stream": stream})
    assert answer.status == 200, answer.body
    if not stream:
        whole: dict[str, Any] = json.loads(answer.body)
        return whole
    made: Assembled = assemble(answer.body)
    assert made.ended
    return made.message


@MODELS
@pytest.mark.parametrize("stream", [False, True])
async def test_private_words_reach_the_client_and_never_the_model(
    stream: bool, model: str, program: Program, upstream: AnthropicUpstream
) -> None:
    told = await message(program, asking(model, PRIVATE, system=PRIVATE), stream=stream)
    assert told["content"] == [{"type": "text", "text": PRIVATE}]
    assert (told["model"], told["role"], told["stop_reason"]) == (model, "assistant", "end_turn")
    assert told["usage"]["output_tokens"] == 8
    assert told["usage"]["input_tokens"] + told["usage"]["cache_read_input_tokens"] == 32
    path = b"/v1/messages" if model == "smollm2" else b"/v1/chat/completions"
    assert upstream.heads[-1].encode().startswith(b"POST " + path + b" ")
    assert MAIL not in upstream.received


@MODELS
@pytest.mark.parametrize("stream", [False, True])
async def test_the_input_of_a_tool_is_restored_for_the_client(
    stream: bool, model: str, program: Program, upstream: AnthropicUpstream
) -> None:
    told = await message(program, asking(model, PRIVATE, tools=[WEATHER]), stream=stream)
    text, call = told["content"]
    assert text == {"type": "text", "text": PRIVATE}
    assert (call["type"], call["name"], call["input"]) == ("tool_use", "get_weather", {"note": PRIVATE})
    assert told["stop_reason"] == "tool_use"
    assert MAIL not in upstream.received


@MODELS
async def test_an_answer_can_be_sent_back_with_the_result_of_its_tool(
    model: str, program: Program, upstream: AnthropicUpstream
) -> None:
    body = asking(model, PRIVATE, tools=[WEATHER])
    first = await message(program, body, stream=False)
    result = {"type": "tool_result", "tool_use_id": first["content"][1]["id"], "content": f"Rain, {MAIL}."}
    body["messages"] += [
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [result, {"type": "text", "text": "And now?"}]},
    ]
    second = await message(program, {**body, "tools": []}, stream=False)
    assert second["content"][0]["text"].endswith("And now?")
    assert MAIL not in upstream.received


@MODELS
async def test_a_document_is_withheld_from_those_without_its_label(
    model: str, program: Program, upstream: AnthropicUpstream
) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Revenue fell by eleven percent."}
    body = asking(model, [{"type": "document", "source": source, "title": "fin-2026-q3"}])
    upstream.bodies.clear()
    await post(program, {**body, "model": "smollm2"}, who="engineering")
    assert "eleven" not in upstream.received
    await post(program, body | {"messages": [*body["messages"], {"role": "user", "content": "So?"}]})
    assert "eleven" in upstream.received


async def test_tokens_are_counted_of_what_the_model_would_read(
    program: Program, upstream: AnthropicUpstream
) -> None:
    body = {"model": "smollm2", "messages": [{"role": "user", "content": PRIVATE}]}
    for path in ("/v1/messages/count_tokens", "/v1/messages/count_tokens?beta=true"):
        answer = await post(program, body, path)
        assert (answer.status, json.loads(answer.body)) == (200, {"input_tokens": 32})
    assert upstream.heads[-1].startswith("POST /v1/messages/count_tokens ")
    assert MAIL not in upstream.received


async def test_a_count_that_the_server_has_no_wire_for_is_refused_by_name(program: Program) -> None:
    body = {"model": "smollm2-finance", "messages": [{"role": "user", "content": "Hello"}]}
    answer = await post(program, body, "/v1/messages/count_tokens")
    assert (answer.status, answer.error["code"]) == (400, "not_translatable")


async def test_a_beta_of_the_caller_reaches_the_door_and_no_upstream(
    program: Program, upstream: AnthropicUpstream
) -> None:
    answer = await post(
        program,
        asking("smollm2", "Hi"),
        "/v1/messages?beta=true",
        **{"anthropic-beta": "files-api-2025-04-14"},
    )
    assert answer.status == 200
    head = upstream.heads[-1].lower()
    assert head.startswith("post /v1/messages ")
    assert "anthropic-version: 2023-06-01" in head
    for name in ("anthropic-beta", "x-api-key", "authorization"):
        assert name not in head


@pytest.mark.parametrize("path", ["/v1/messages?beta=false", "/v1/messages?beta=true&a=b", "/v1/messages/"])
async def test_only_the_paths_that_the_clients_know_are_routes(path: str, program: Program) -> None:
    answer = await post(program, asking("smollm2", "Hi"), path)
    assert answer.status in (400, 404)  # a query where none belongs; a path that is none


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_without_a_grant_is_refused_before_anything_is_said(
    stream: bool, program: Program
) -> None:
    answer = await post(program, asking("smollm2-finance", "Hello", stream=stream), who="engineering")
    assert answer.status == 403
    told = json.loads(answer.body)
    assert (told["type"], told["error"]["type"]) == ("error", "permission_error")
    assert told["error"]["code"] == told["error"]["details"]["error_code"] == "policy_denied"
    assert told["error"]["rules"]
    assert told["request_id"] == answer.headers["x-sluicegate-request-id"]


async def test_who_cannot_be_known_is_refused_in_anthropics_shape(program: Program) -> None:
    answer = await post(program, asking("smollm2", "Hello"), **{"x-api-key": "nobody"})
    assert (answer.status, answer.error["type"]) == (401, "authentication_error")


async def test_a_field_that_nobody_governs_is_refused_by_name(program: Program) -> None:
    answer = await post(program, asking("smollm2", "Hello", mcp_servers=[{"url": "https://example.org"}]))
    assert (answer.status, answer.error["param"]) == (400, "mcp_servers")


@MODELS
async def test_a_rule_stops_a_stream_in_its_middle(
    model: str, program: Program, upstream: AnthropicUpstream
) -> None:
    upstream.arguments = "[1]"  # which no rule can judge
    try:
        answer = await post(program, asking(model, "One two. " * 400, tools=[WEATHER], stream=True))
    finally:
        upstream.arguments = ""
    made = assemble(answer.body)
    assert answer.status == 200
    assert made.error_event is not None
    assert made.error_event["error"]["rules"] == ["tools.arguments"]
    assert made.error_event["request_id"] == answer.headers["x-sluicegate-request-id"]
    assert (made.ended, made.message["stop_reason"]) == (False, "refusal")
    [text] = made.message["content"]
    assert "One two" in text["text"]


@pytest.mark.slow
@pytest.mark.parametrize("speaks", [NATIVE, ["openai_chat"]])
async def test_llama_cpp_answers_as_it_does_without_the_proxy(
    speaks: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = asking("smollm2", "Say something of the sea.", system="You are brief.", temperature=0)
    body |= {"max_tokens": 24}
    async with ModelServer.start(slots=1) as model:
        server = {"name": "llama", "url": model.url, "models": {"smollm2": "smollm2"}, "speaks": speaks}
        folder = tmp_path_factory.mktemp("llama")
        async with running(folder, model.url, upstreams=[server]) as program:
            whole = await message(program, body, stream=False)
            streamed = await message(program, body, stream=True)
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"{model.url}/v1/messages", json=body) as answer,
        ):
            alone = await answer.json()
    assert whole["content"] == streamed["content"] == alone["content"]
    assert whole["stop_reason"] == streamed["stop_reason"] == alone["stop_reason"]
    assert whole["usage"]["output_tokens"] == alone["usage"]["output_tokens"]
