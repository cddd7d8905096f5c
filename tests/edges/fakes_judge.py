"""A server that a judge could stand behind: it speaks HTTP by hand, so that it can also speak it badly."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

YES = {"token": "Yes", "logprob": -0.2}
NO = {"token": "No", "logprob": -1.8}


def completion(*top: dict[str, Any], content: str = "Yes") -> dict[str, Any]:
    """A chat completion as vLLM, SGLang, llama.cpp and TGI write it."""
    told = {"token": content, "logprob": -0.2, "bytes": None, "top_logprobs": list(top)}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "logprobs": {"content": [told]} if top else None,
        "finish_reason": "length",
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "judge",
        "system_fingerprint": "3.3.6-native",
        "choices": [choice],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }


def answer(document: object, status: str = "200 OK", *headers: str) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class JudgeServer:
    """Gives the same bytes for every question, after `delay_s`, and keeps the questions."""

    def __init__(self, said: bytes, delay_s: float = 0.0) -> None:
        self.said = said
        self.delay_s = delay_s
        self.questions: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.open = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self._answer_one(reader, writer)
        self.open -= 1
        writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length:")[2].split()[0])
        self.heads.append(head)
        self.questions.append(json.loads(await reader.readexactly(length)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.delay_s:
                async with asyncio.timeout(self.delay_s):
                    await reader.read(1)  # only a hang-up can arrive here
                    raise ConnectionResetError
        except TimeoutError:
            pass
        finally:
            self.at_once -= 1
        writer.write(self.said)
        await writer.drain()


@contextlib.asynccontextmanager
async def judge_server(said: bytes, delay_s: float = 0.0) -> AsyncIterator[JudgeServer]:
    fake = JudgeServer(said, delay_s)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield fake
