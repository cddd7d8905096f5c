"""Embeddings, scores, classes and tokens through the whole program, to servers scripted by their pages."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.flows.measures_upstream import OWN_WORDS, MeasuresUpstream
from tests.flows.program import Program, Said, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIL = "emma.thompson@example.com"
TEXT = f"Write to {MAIL} about it."
SPEAKS = {
    "vllm": [
        "openai_completions",
        "openai_embeddings",
        "vllm_rerank",
        "vllm_score",
        "vllm_tokenize",
        "vllm_detokenize",
    ],
    "tei": ["tei_embed", "tei_rerank", "tei_predict"],
}
DOORS = ("tei_embed", "tei_rerank", "tei_predict", "vllm_score", "vllm_tokenize")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[MeasuresUpstream]:
    async with MeasuresUpstream.listening() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    upstream: MeasuresUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    """`smollm2` is served by a server that speaks as vLLM does, `smollm2-finance` by one like TEI."""
    upstreams = [
        {"name": "vllm", "url": upstream.url, "models": {"smollm2": "echo"}, "speaks": SPEAKS["vllm"]},
        {"name": "tei", "url": upstream.url, "models": {"smollm2-finance": "echo"}, "speaks": SPEAKS["tei"]},
    ]
    listen = {
        "address": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "default_models": dict.fromkeys(DOORS, "smollm2-finance") | {"vllm_tokenize": "smollm2"},
    }
    folder = tmp_path_factory.mktemp("measures")
    async with running(
        folder, upstream.url, upstreams=upstreams, listen=listen, redaction={"deadline_s": 30}
    ) as started:
        yield started


async def post(program: Program, path: str, body: dict[str, Any], who: str = "finance") -> Said:
    headers = {"Authorization": f"Bearer {program.keys[who]}", "Content-Type": "application/json"}
    payload = io.BytesIO(json.dumps(body).encode())
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{program.url}{path}", data=payload, headers=headers) as answer,
    ):
        return Said(answer.status, dict(answer.headers), await answer.read())


VLLM: dict[str, dict[str, Any]] = {
    "/v1/completions": {"model": "smollm2", "prompt": TEXT},
    "/v1/embeddings": {"model": "smollm2", "input": [TEXT, "short"]},
    "/v1/rerank": {"model": "smollm2", "query": TEXT, "documents": [TEXT, "short"]},
    "/v2/rerank": {"model": "smollm2", "query": TEXT, "documents": [{"text": TEXT}, "short"], "top_n": 1},
    "/v1/score": {"model": "smollm2", "text_1": TEXT, "text_2": [TEXT, "short"]},
    "/score": {"model": "smollm2", "text_1": TEXT, "text_2": TEXT},
    "/tokenize": {"prompt": TEXT},
}
TEI: dict[str, dict[str, Any]] = {
    "/embed": {"inputs": [TEXT, "short"]},
    "/rerank": {"query": TEXT, "texts": [TEXT, "short"], "return_text": True},
    "/predict": {"inputs": TEXT},
}


@pytest.mark.parametrize(("path", "body"), [*VLLM.items(), *TEI.items()])
async def test_private_words_never_reach_the_server_nor_its_own_the_caller(
    path: str, body: dict[str, Any], program: Program, upstream: MeasuresUpstream
) -> None:
    answer = await post(program, path, body)
    assert answer.status == 200, answer.body
    assert answer.headers["x-sluicegate-decision"] == "redact"
    assert "Write to" in upstream.bodies[-1].decode()
    assert MAIL not in upstream.received
    assert OWN_WORDS not in answer.body.decode()


async def test_a_completion_comes_back_with_the_callers_own_words(program: Program) -> None:
    answer = await post(program, "/v1/completions", VLLM["/v1/completions"])
    assert json.loads(answer.body)["choices"][0]["text"] == f"Again: {TEXT}"


async def test_reranked_documents_are_the_callers_own(program: Program) -> None:
    answer = json.loads((await post(program, "/v1/rerank", VLLM["/v1/rerank"])).body)
    assert [one["document"]["text"] for one in answer["results"]] == [TEXT, "short"]
    answer = json.loads((await post(program, "/rerank", TEI["/rerank"])).body)
    assert [one["text"] for one in answer] == [TEXT, "short"]


async def test_a_document_is_withheld_from_a_reranker_for_those_without_its_label(
    program: Program, upstream: MeasuresUpstream
) -> None:
    documents = [{"text": "Revenue fell by eleven percent.", "id": "fin-2026-q3"}, "Water."]
    body = {"model": "smollm2", "query": "What fell?", "documents": documents}
    answer = json.loads((await post(program, "/v1/rerank", body, "engineering")).body)
    assert "eleven" not in upstream.bodies[-1].decode()
    assert {one["index"] for one in answer["results"]} == {0, 1}
    await post(program, "/v1/rerank", body, "finance")
    assert "eleven" in upstream.bodies[-1].decode()


async def test_callers_of_one_server_are_served_by_another(program: Program) -> None:
    """A vLLM body to TEI's path, on a server that speaks as TEI does; and back."""
    body = {"query": "q", "documents": ["longer", "short"]}
    answer = json.loads((await post(program, "/rerank", {**body, "model": "smollm2-finance"})).body)
    assert [one["index"] for one in answer["results"]] == [0, 1]
    answer = json.loads((await post(program, "/rerank", {**body, "model": "smollm2"})).body)
    assert answer["results"][0]["document"]["text"] == "longer"


async def test_token_ids_need_a_rule_that_allows_them(program: Program, upstream: MeasuresUpstream) -> None:
    before = len(upstream.bodies)
    answer = await post(program, "/detokenize", {"model": "smollm2", "tokens": [7, 8]})
    assert answer.status == 403
    assert answer.error["rules"] == ["media.unscannable"]
    assert len(upstream.bodies) == before


@pytest.mark.parametrize(("path", "body"), [("/predict", {"inputs": "a"}), ("/embed", {"inputs": "a"})])
async def test_a_refusal_is_told_as_the_dialect_tells_it(
    path: str, body: dict[str, Any], program: Program
) -> None:
    answer = await post(program, path, body, "engineering")
    told = json.loads(answer.body)
    assert answer.status == 403
    assert (told["code"], told["error_type"], told["rules"]) == (
        "policy_denied",
        "validation",
        ["model.grant"],
    )
    assert told["request_id"] == answer.headers["x-sluicegate-request-id"]


async def test_five_hundred_texts_pass_in_one_call(program: Program) -> None:
    body = {"model": "smollm2", "input": [f"Text number {number}." for number in range(512)]}
    answer = await post(program, "/v1/embeddings", body)
    assert answer.status == 200, answer.body
    assert len(json.loads(answer.body)["data"]) == 512


async def test_the_decision_log_tells_what_was_asked(program: Program) -> None:
    figures = (await program.get("/metrics")).body.decode()
    assert 'dialect="openai_embeddings",status="complete"' in figures
    assert MAIL not in program.files()
