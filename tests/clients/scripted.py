"""A model server whose words are known: it repeats its user, calls every tool twice, or is cut off.

Beside the real model, for what a small one does not do reliably. It speaks OpenAI's chat and completions, and
keeps what it received.
"""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import web

ECHO, FILTERED = "echo", "filtered"


class ScriptedModel:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Self]:
        model = cls()
        app = web.Application()
        app.router.add_get("/v1/models", model._models)
        app.router.add_post("/v1/chat/completions", model._chat)
        app.router.add_post("/v1/completions", model._completion)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        model.url = f"http://{host}:{port}"
        try:
            yield model
        finally:
            await runner.cleanup()

    @property
    def received(self) -> bytes:
        return b"\n".join(self.bodies)

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name} for name in (ECHO, FILTERED)]})

    async def _asked(self, request: web.Request) -> dict[str, Any]:
        self.bodies.append(await request.read())
        asked: dict[str, Any] = json.loads(self.bodies[-1])
        return asked

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request)
        finish = "content_filter" if asked["model"] == FILTERED else "tool_calls" if _tools(asked) else "stop"
        if not asked.get("stream"):
            message = {"role": "assistant", "content": _words(asked), "tool_calls": _calls(asked)}
            return web.json_response(_envelope(message=message, finish_reason=finish))
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for delta in _deltas(asked):
            await answer.write(_event(_envelope(delta=delta, finish_reason=None), usage=False))
        await answer.write(_event(_envelope(delta={}, finish_reason=finish), usage=False))
        await answer.write(_event(_envelope() | {"choices": []}, usage=True))
        await answer.write(b"data: [DONE]\n\n")
        return answer

    async def _completion(self, request: web.Request) -> web.Response:
        asked = await self._asked(request)
        return web.json_response(_envelope(text=asked["prompt"], finish_reason="stop", logprobs=None))


def _envelope(**choice: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return {"id": "scripted-1", "created": 1, "choices": [{"index": 0, **choice}], "usage": usage}


def _event(envelope: dict[str, Any], *, usage: bool) -> bytes:
    shown = envelope if usage else {key: value for key, value in envelope.items() if key != "usage"}
    return b"data: " + json.dumps(shown).encode() + b"\n\n"


def _words(asked: dict[str, Any]) -> str:
    if _tools(asked):
        return "One moment."
    content = asked["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _tools(asked: dict[str, Any]) -> list[dict[str, Any]]:
    return asked.get("tools") or []


def _calls(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Each tool twice: with the user's words, and with others."""
    user = next(one["content"] for one in reversed(asked["messages"]) if one["role"] == "user")
    words = user if isinstance(user, str) else "".join(part["text"] for part in user)
    asks = [(tool["function"]["name"], city) for tool in _tools(asked) for city in (words, "Rome")]
    return [
        {
            "index": index,
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps({"city": city})},
        }
        for index, (name, city) in enumerate(asks)
    ]


def _deltas(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Letter by letter; the arguments of several calls take turns."""
    yield {"role": "assistant", "content": ""}
    for letter in _words(asked):
        yield {"content": letter}
    calls = _calls(asked)
    for call in calls:
        yield {"tool_calls": [{**call, "function": {**call["function"], "arguments": ""}}]}
    for letters in itertools.zip_longest(*(call["function"]["arguments"] for call in calls)):
        for call, letter in zip(calls, letters, strict=True):
            if letter:
                yield {"tool_calls": [{"index": call["index"], "function": {"arguments": letter}}]}
