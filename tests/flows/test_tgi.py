"""TGI's calls through the whole program: to a server of its own kind, and to one that speaks OpenAI's."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.flows.native import LONG, MAIL, NATIVE, PRIVATE, TRANSLATED, ask, governed
from tests.flows.native_upstream import NativeUpstream
from tests.flows.program import Program, Said

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHOLE = pytest.mark.parametrize(("path", "wire"), [("/generate", "/generate"), ("/", "/v1/completions")])
STREAM = pytest.mark.parametrize(
    ("path", "wire"), [("/generate_stream", "/generate_stream"), ("/", "/v1/completions")]
)
"""The models of the paths are set so that one is native and the other is translated."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[NativeUpstream]:
    async with NativeUpstream.listening() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    upstream: NativeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    listen = {
        "address": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "default_models": {"tgi": TRANSLATED, "tgi_generate": NATIVE, "tgi_generate_stream": NATIVE},
    }
    folder = tmp_path_factory.mktemp("tgi")
    async with governed(folder, upstream, ["tgi_generate"], listen=listen) as started:
        yield started


def parts(said: Said) -> list[Any]:
    return [json.loads(line[5:]) for line in said.body.decode().splitlines() if line.startswith("data:")]


def prompt(text: str, *, stream: bool = False, **parameters: Any) -> dict[str, Any]:
    return {"inputs": text, "parameters": parameters, "stream": stream}


@WHOLE
async def test_private_words_reach_the_client_and_never_the_model(
    path: str, wire: str, program: Program, upstream: NativeUpstream
) -> None:
    said = await ask(program, path, prompt(PRIVATE, details=True, stop=[MAIL]))
    assert (said.status, said.headers["x-sluicegate-decision"]) == (200, "redact")
    told = json.loads(said.body)
    answer = told[0] if path == "/" else told
    assert answer["generated_text"] == PRIVATE
    assert answer["details"]["finish_reason"] == "eos_token"
    assert answer["details"]["generated_tokens"] == 3
    assert upstream.paths[-1] == wire
    assert MAIL not in upstream.received


@STREAM
async def test_a_stream_restores_them_piece_by_piece(
    path: str, wire: str, program: Program, upstream: NativeUpstream
) -> None:
    said = await ask(program, path, prompt(PRIVATE, stream=True, details=True))
    *pieces, last = parts(said)
    assert "".join(one["token"]["text"] for one in pieces) == last["generated_text"] == PRIVATE
    assert [one["index"] for one in pieces] == list(range(1, len(pieces) + 1))
    assert last["details"]["generated_tokens"] == 3
    assert last["details"]["input_length"] == 5
    assert "[DONE]" not in said.body.decode()
    assert upstream.paths[-1] == wire
    assert MAIL not in upstream.received


@WHOLE
async def test_the_prompt_before_the_answer_is_the_callers_own_and_was_not_the_models(
    path: str, wire: str, program: Program, upstream: NativeUpstream
) -> None:
    told = json.loads((await ask(program, path, prompt(PRIVATE, return_full_text=True))).body)
    assert (told[0] if path == "/" else told)["generated_text"] == PRIVATE * 2
    assert "true" not in json.dumps(upstream.bodies[-1].get("parameters", {}).get("return_full_text"))
    assert upstream.paths[-1] == wire
    assert MAIL not in upstream.received


async def test_a_denial_is_an_error_as_tgis_clients_read_it(
    program: Program, upstream: NativeUpstream
) -> None:
    before = len(upstream.bodies)
    for stream in (False, True):
        said = await ask(program, "/", prompt("Hello", stream=stream), "engineering")
        told = json.loads(said.body)
        assert said.status == 403
        assert (told["code"], told["error_type"]) == ("policy_denied", "validation")
        assert isinstance(told["error"], str)
        assert told["rules"]
    assert len(upstream.bodies) == before


@STREAM
async def test_a_rule_stops_a_stream_in_its_middle(
    path: str, wire: str, program: Program, upstream: NativeUpstream
) -> None:
    *pieces, last = parts(await ask(program, path, prompt(LONG, stream=True, details=True)))
    text = "".join(one["token"]["text"] for one in pieces)
    assert LONG.startswith(text)
    assert 1_000 < len(text) < len(LONG)
    assert (last["code"], last["rules"], last["error_type"]) == (
        "policy_denied",
        ["test.length"],
        "validation",
    )
    assert not any(one["details"] for one in pieces)
    assert upstream.paths[-1] == wire


@pytest.mark.parametrize("name", ["truncate", "top_n_tokens", "adapter_id", "surprise"])
async def test_what_is_not_governed_is_refused_by_name(name: str, program: Program) -> None:
    said = await ask(program, "/generate", {"inputs": "Hello", "parameters": {name: 1}})
    assert said.status == 400
    assert json.loads(said.body)["param"] == f"parameters/{name}"


async def test_the_server_is_told_of_as_the_model_that_its_caller_may_use(program: Program) -> None:
    assert json.loads((await ask(program, "/info")).body)["model_id"] == TRANSLATED
    hidden = await ask(program, "/info", who="engineering")
    assert hidden.status == 404
    assert TRANSLATED not in hidden.body.decode()
