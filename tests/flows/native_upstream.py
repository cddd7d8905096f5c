"""An upstream that speaks Ollama's and TGI's wires, and OpenAI's beside them: keeps what it received, and
answers with the last user's own words, word by word in a stream.

Where a chat offers a tool, it calls it with these words. `arguments`: what it calls it with instead.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

AT = "2023-12-12T14:13:43Z"
FIGURES = {"prompt_eval_count": 5, "eval_count": 3, "total_duration": 7}
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}

Frames = Iterator[bytes]


@dataclass
class NativeUpstream:
    url: str = ""
    paths: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    arguments: str = ""

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Self]:
        upstream = cls()
        runner = web.ServerRunner(web.Server(upstream._serve))
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
        return json.dumps(self.bodies, ensure_ascii=False)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response(
                {"data": [{"id": "echo"}], "models": [{"name": "echo"}], "model_id": "echo"}
            )
        asked = await request.json()
        self.paths.append(request.path)
        self.bodies.append(asked)
        answer = getattr(self, f"_{request.path.strip('/').replace('/', '_')}")(asked)
        if isinstance(answer, dict):
            return web.json_response(answer)
        kind = "application/x-ndjson" if request.path.startswith("/api") else "text/event-stream"
        stream = web.StreamResponse(headers={"content-type": kind})
        await stream.prepare(request)
        for piece in answer:
            await stream.write(piece)
        return stream

    # -- Ollama

    def _api_chat(self, asked: dict[str, Any]) -> dict[str, Any] | Frames:
        words = asked["messages"][-1]["content"]
        calls = [{"function": {"name": _tool(asked), "arguments": {"note": words}}}] if _tool(asked) else []
        end = {"model": "echo", "created_at": AT, "done": True, "done_reason": "stop", **FIGURES}
        if not asked["stream"]:
            return {**end, "message": {"role": "assistant", "content": words, "tool_calls": calls}}
        said: list[dict[str, Any]] = [{"role": "assistant", "content": word} for word in _split(words)]
        said += [{"role": "assistant", "content": "", "tool_calls": calls}] if calls else []
        chunks = [{"model": "echo", "created_at": AT, "message": one, "done": False} for one in said]
        return _lines(*chunks, {**end, "message": {"role": "assistant", "content": ""}})

    def _api_generate(self, asked: dict[str, Any]) -> dict[str, Any] | Frames:
        end = {"model": "echo", "created_at": AT, "done": True, "done_reason": "stop", **FIGURES}
        if not asked["stream"]:
            return {**end, "response": asked["prompt"], "context": [1, 2]}
        said = ({"response": word, "done": False} for word in _split(asked["prompt"]))
        return _lines(*said, {**end, "response": ""})

    def _api_embed(self, asked: dict[str, Any]) -> dict[str, Any]:
        many = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        return {
            "model": "echo",
            "embeddings": [[0.5, float(len(one))] for one in many],
            "prompt_eval_count": 5,
        }

    # -- TGI

    def _generate(self, asked: dict[str, Any]) -> dict[str, Any]:
        details = {"finish_reason": "eos_token", "generated_tokens": 3, "prefill": [], "tokens": []}
        return {"generated_text": asked["inputs"], "details": details}

    def _generate_stream(self, asked: dict[str, Any]) -> Frames:
        for word in _split(asked["inputs"]):
            token = {"id": 1, "text": word, "logprob": -0.1, "special": False}
            yield _sse({"index": 1, "token": token, "generated_text": None, "details": None})
        end = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
        details = {"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 5, "seed": None}
        yield _sse({"index": 9, "token": end, "generated_text": asked["inputs"], "details": details})

    # -- OpenAI

    def _v1_chat_completions(self, asked: dict[str, Any]) -> dict[str, Any] | Frames:
        words = asked["messages"][-1]["content"]
        arguments = self.arguments or json.dumps({"note": words})
        function = {"name": _tool(asked), "arguments": arguments}
        calls = [{"index": 0, "id": "c1", "type": "function", "function": function}] if _tool(asked) else []
        message = {"role": "assistant", "content": words, **({"tool_calls": calls} if calls else {})}
        if not asked["stream"]:
            return _openai({"index": 0, "message": message, "finish_reason": "stop"}) | {"usage": USAGE}
        deltas: list[dict[str, Any]] = [{"content": word} for word in _split(words)]
        deltas += [{"tool_calls": calls}] if calls else []
        return _events(*({"delta": delta} for delta in deltas), {"delta": {}, "finish_reason": "stop"})

    def _v1_completions(self, asked: dict[str, Any]) -> dict[str, Any] | Frames:
        if not asked["stream"]:
            return _openai({"index": 0, "text": asked["prompt"], "finish_reason": "stop"}) | {"usage": USAGE}
        said = ({"text": word} for word in _split(asked["prompt"]))
        return _events(*said, {"text": "", "finish_reason": "stop"})

    def _v1_embeddings(self, asked: dict[str, Any]) -> dict[str, Any]:
        many = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        vectors = [
            {"object": "embedding", "index": index, "embedding": [0.5, float(len(one))]}
            for index, one in enumerate(many)
        ]
        return {
            "object": "list",
            "data": vectors,
            "model": "echo",
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
        }


def _tool(asked: dict[str, Any]) -> str:
    return asked["tools"][0]["function"]["name"] if asked.get("tools") else ""


def _split(words: str) -> list[str]:
    return [f"{word} " for word in words.split(" ")[:-1]] + words.split(" ")[-1:]


def _openai(choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "e1", "object": "x", "created": 1_702_390_423, "model": "echo", "choices": [choice]}


def _events(*choices: dict[str, Any]) -> Frames:
    for choice in choices:
        yield _sse(_openai({"index": 0, "finish_reason": None, **choice}))
    yield _sse({**_openai({}), "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def _sse(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _lines(*documents: dict[str, Any]) -> Frames:
    return (json.dumps(one).encode() + b"\n" for one in documents)
