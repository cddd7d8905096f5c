import asyncio
import os
import signal
import sys

import aiohttp
import pytest

from proxy.demo import model_server
from proxy.demo.model_server import MODEL, ModelFailed, ModelServer, weights

STARTER = """
import asyncio
from proxy.demo.model_server import ModelServer

async def main():
    async with ModelServer.start() as server:
        print(server.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_the_real_model_answers_a_chat_and_lists_itself() -> None:
    async with ModelServer.start() as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/v1/models") as listed:
            models = [one["id"] for one in (await listed.json())["data"]]
        question = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 4,
        }
        async with session.post(f"{server.url}/v1/chat/completions", json=question) as answered:
            answer = await answered.json()
    assert models == [MODEL]
    assert answer["choices"][0]["message"]["content"]
    assert await _ended(server.pid)


async def test_the_server_does_not_outlive_a_starter_that_is_killed() -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    pid = int(await starter.stdout.readline())
    os.kill(starter.pid, signal.SIGKILL)
    await starter.wait()
    assert await _ended(pid)


def test_missing_weights_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_server, "WEIGHTS_PACKAGE", "no_such_package")
    with pytest.raises(ModelFailed, match="make setup"):
        weights()


async def test_a_server_that_ends_before_it_is_ready_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_server, "MODULE", "proxy.demo.no_such_module")
    with pytest.raises(ModelFailed, match="ended before"):
        async with ModelServer.start():
            pass


async def _ended(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.05)
    return False
