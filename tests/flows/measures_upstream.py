"""An upstream that measures texts as vLLM and TEI do, by their documentation: every answer tells of lengths.

It keeps what it received. What it echoes, where its real counterpart does, is words of its own.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

OWN_WORDS = "words of the model server"


@dataclass
class MeasuresUpstream:
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Self]:
        upstream = cls()
        application = web.Application()
        application.router.add_get("/v1/models", upstream._models)
        application.router.add_post("/{path:.*}", upstream._answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield upstream
        finally:
            await runner.cleanup()

    @property
    def received(self) -> str:
        return b"".join(self.bodies).decode()

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "echo", "object": "model"}]})

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        return web.json_response(ANSWERS[request.path](json.loads(body)))


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _completion(asked: dict[str, Any]) -> Any:
    choices = [
        {"index": index, "text": f"Again: {prompt}", "finish_reason": "stop", "logprobs": None}
        for index, prompt in enumerate(_many(asked["prompt"]))
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "cmpl-1", "object": "text_completion", "created": 1, "choices": choices, "usage": usage}


def _embeddings(asked: dict[str, Any]) -> Any:
    data = [
        {"object": "embedding", "index": index, "embedding": [len(text), 0.5]}
        for index, text in enumerate(_many(asked["input"]))
    ]
    return {"object": "list", "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def _rerank(asked: dict[str, Any]) -> Any:
    results = [
        {"index": index, "document": {"text": OWN_WORDS}, "relevance_score": len(text) / 100}
        for index, text in enumerate(asked["documents"])
    ]
    return {"id": "rerank-1", "results": results, "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def _score(asked: dict[str, Any]) -> Any:
    data = [
        {"index": index, "object": "score", "score": len(text) / 100}
        for index, text in enumerate(_many(asked["text_2"]))
    ]
    return {"id": "score-1", "object": "list", "data": data}


def _tokenize(asked: dict[str, Any]) -> Any:
    return {"count": 2, "max_model_len": 8192, "tokens": [7, 8], "token_strs": [asked["prompt"], OWN_WORDS]}


def _detokenize(_asked: dict[str, Any]) -> Any:
    return {"prompt": "Write to model.leak@example.com"}


def _tei_embed(asked: dict[str, Any]) -> Any:
    return [[len(text), 0.5] for text in _many(asked["inputs"])]


def _tei_rerank(asked: dict[str, Any]) -> Any:
    return [
        {"index": index, "text": OWN_WORDS, "score": len(text) / 100}
        for index, text in enumerate(asked["texts"])
    ]


def _tei_predict(_asked: dict[str, Any]) -> Any:
    return [{"score": 0.9, "label": "joy"}, {"score": 0.1, "label": "anger"}]


ANSWERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "/v1/completions": _completion,
    "/v1/embeddings": _embeddings,
    "/v1/rerank": _rerank,
    "/v1/score": _score,
    "/tokenize": _tokenize,
    "/detokenize": _detokenize,
    "/embed": _tei_embed,
    "/rerank": _tei_rerank,
    "/predict": _tei_predict,
}
