"""Ollama's calls through the whole program: to a server of its own kind, and to one that speaks OpenAI's."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.flows.native import LONG, MAIL, NATIVE, PRIVATE, TRANSLATED, ask, governed
from tests.flows.native_upstream import NativeUpstream
from tests.flows.program import Program, Said

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIRES = ("ollama_chat", "ollama_generate", "ollama_embed")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "the weather of a place",
        "parameters": {"type": "object", "properties": {"note": {"type": "string"}}},
    },
}
models = pytest.mark.parametrize("model", [NATIVE, TRANSLATED])
streams = pytest.mark.parametrize("stream", [False, True])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[NativeUpstream]:
    async with NativeUpstream.listening() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    upstream: NativeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    async with governed(tmp_path_factory.mktemp("ollama"), upstream, WIRES) as started:
        yield started


def parts(said: Said) -> list[Any]:
    return [json.loads(line) for line in said.body.decode().splitlines()]


def chat(model: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


@models
@streams
async def test_private_words_reach_the_client_and_never_the_model(
    model: str, stream: bool, program: Program, upstream: NativeUpstream
) -> None:
    said = await ask(program, "/api/chat", chat(model, PRIVATE, stream=stream, options={"stop": [MAIL]}))
    assert (said.status, said.headers["x-sluicegate-decision"]) == (200, "redact")
    assert said.headers["Content-Type"] == ("application/x-ndjson" if stream else "application/json")
    told = parts(said)
    assert "".join(one["message"]["content"] for one in told) == PRIVATE
    assert {one["model"] for one in told} == {model}
    last = told[-1]
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (5, 3)
    assert last["created_at"] == "2023-12-12T14:13:43Z"
    assert upstream.paths[-1] == ("/api/chat" if model == NATIVE else "/v1/chat/completions")
    assert MAIL not in upstream.received


@models
@streams
async def test_the_arguments_of_a_call_are_objects_and_hold_the_callers_own_words(
    model: str, stream: bool, program: Program, upstream: NativeUpstream
) -> None:
    said = await ask(program, "/api/chat", chat(model, PRIVATE, stream=stream, tools=[WEATHER]))
    [call] = [one for part in parts(said) for one in part["message"].get("tool_calls", [])]
    assert call["function"] == {"index": 0, "name": "get_weather", "arguments": {"note": PRIVATE}}
    history = [
        {"role": "user", "content": PRIVATE},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "get_weather", "content": f"Rain, says {MAIL}."},
    ]
    again = await ask(program, "/api/chat", {"model": model, "stream": stream, "messages": history})
    assert "".join(one["message"]["content"] for one in parts(again)) == f"Rain, says {MAIL}."
    assert MAIL not in upstream.received


@models
@streams
async def test_a_prompt_is_continued_and_its_private_words_stay_here(
    model: str, stream: bool, program: Program, upstream: NativeUpstream
) -> None:
    body = {"model": model, "prompt": PRIVATE, "system": f"You know {MAIL}.", "stream": stream}
    told = parts(await ask(program, "/api/generate", body))
    assert "".join(one["response"] for one in told) == PRIVATE
    assert told[-1]["done_reason"] == "stop"
    assert "context" not in told[-1]
    assert MAIL not in upstream.received


@models
async def test_embeddings_are_made_of_redacted_texts(
    model: str, program: Program, upstream: NativeUpstream
) -> None:
    said = await ask(program, "/api/embed", {"model": model, "input": ["ab", PRIVATE]})
    [told] = parts(said)
    assert told["embeddings"][0] == [0.5, 2.0]
    assert told["prompt_eval_count"] == 5
    [old] = parts(await ask(program, "/api/embeddings", {"model": model, "prompt": "abc"}))
    assert old == {"embedding": [0.5, 3.0]}
    assert MAIL not in upstream.received


async def test_a_denial_is_an_error_as_ollamas_clients_read_it(
    program: Program, upstream: NativeUpstream
) -> None:
    before = len(upstream.bodies)
    for path, body in (
        ("/api/chat", chat(TRANSLATED, "Hello")),
        ("/api/generate", {"model": TRANSLATED, "prompt": "Hello"}),
        ("/api/embed", {"model": TRANSLATED, "input": "Hello"}),
    ):
        said = await ask(program, path, body, "engineering")
        told = json.loads(said.body)
        assert said.status == 403
        assert isinstance(told["error"], str)
        assert told["code"] == "policy_denied"
        assert told["rules"]
        assert told["request_id"] == said.headers["x-sluicegate-request-id"]
    assert len(upstream.bodies) == before


@models
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_a_rule_stops_a_stream_in_its_middle(model: str, path: str, program: Program) -> None:
    body = chat(model, LONG) if path == "/api/chat" else {"model": model, "prompt": LONG}
    said = await ask(program, path, body)
    *pieces, last = parts(said)
    assert said.status == 200
    text = "".join(one["message"]["content"] if "message" in one else one["response"] for one in pieces)
    assert LONG.startswith(text)
    assert 1_000 < len(text) < len(LONG)
    assert (last["code"], last["rules"]) == ("policy_denied", ["test.length"])
    assert (last["done"], last["done_reason"]) == (True, "content_filter")
    assert not any(one["done"] for one in pieces)


async def test_arguments_that_are_no_object_are_no_answer(program: Program, upstream: NativeUpstream) -> None:
    upstream.arguments = "[1]"
    try:
        said = await ask(program, "/api/chat", chat(TRANSLATED, "Hello", tools=[WEATHER]))
    finally:
        upstream.arguments = ""
    assert parts(said)[-1]["rules"] == ["tools.arguments"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"options": {"num_ctx": 5}}, "options/num_ctx"),
        ({"template": "x"}, "template"),
        ({"Messages": []}, "Messages"),
        ({"logprobs": True}, "logprobs"),
    ],
)
async def test_what_is_not_governed_is_refused_by_name(
    fields: dict[str, Any], param: str, program: Program
) -> None:
    said = await ask(program, "/api/chat", chat(NATIVE, "Hello", **fields))
    assert said.status == 400
    assert json.loads(said.body)["param"] == param


async def test_what_the_models_server_has_no_word_for_is_refused_by_name(program: Program) -> None:
    body = {"model": TRANSLATED, "prompt": "Hello", "suffix": "bye"}
    said = await ask(program, "/api/generate", body)
    assert (said.status, json.loads(said.body)["code"]) == (400, "not_translatable")
    assert (await ask(program, "/api/generate", body | {"model": NATIVE})).status == 200


async def test_each_person_is_told_of_the_models_that_are_granted(program: Program) -> None:
    for who, names in (("finance", [NATIVE, TRANSLATED]), ("engineering", [NATIVE])):
        said = json.loads((await ask(program, "/api/tags", who=who)).body)
        assert sorted(one["model"] for one in said["models"]) == names
    shown = await ask(program, "/api/show", {"model": NATIVE}, "engineering")
    assert shown.status == 200
    hidden = await ask(program, "/api/show", {"model": TRANSLATED}, "engineering")
    missing = await ask(program, "/api/show", {"model": "nothing"}, "engineering")
    assert hidden.status == missing.status == 404
    assert json.loads(hidden.body)["error"] == json.loads(missing.body)["error"]
    assert (await ask(program, "/api/version")).status == 200


@pytest.mark.parametrize("path", ["/api/tags", "/api/version", "/v1/models", "/v1/models/smollm2", "/info"])
async def test_nobody_learns_anything_without_saying_who_they_are(path: str, program: Program) -> None:
    said = await ask(program, path, Authorization="Bearer nobody")
    assert said.status == 401
    assert "smollm2" not in said.body.decode()


async def test_one_model_is_told_to_those_who_may_use_it(program: Program) -> None:
    for name, who, status in (
        (NATIVE, "engineering", 200),
        (TRANSLATED, "engineering", 404),
        (TRANSLATED, "finance", 200),
        ("nothing", "finance", 404),
        ("", "finance", 404),
        ("smollm2/../smollm2-finance", "engineering", 404),
    ):
        said = await ask(program, f"/v1/models/{name}", who=who)
        assert said.status == status, (name, who)
    told = await ask(program, f"/v1/models/{NATIVE}", **{"anthropic-version": "2023-06-01"})
    assert json.loads(told.body)["display_name"] == NATIVE
    listed = await ask(program, "/v1/models?limit=1000", **{"anthropic-version": "2023-06-01"})
    assert [one["id"] for one in json.loads(listed.body)["data"]] == [NATIVE, TRANSLATED]


@pytest.mark.parametrize(
    "path", ["/api/pull", "/api/delete", "/api/create", "/api/push", "/api/copy", "/api/blobs/x"]
)
async def test_what_would_change_a_server_is_no_route(
    path: str, program: Program, upstream: NativeUpstream
) -> None:
    before = len(upstream.bodies)
    assert (await ask(program, path, {"model": NATIVE})).status == 404
    assert len(upstream.bodies) == before
