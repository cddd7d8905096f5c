"""The real SmolLM2 behind the real llama.cpp server, once for all tests of a process."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

import pytest

from proxy.demo.model_server import ModelServer

Held = TypeVar("Held")
Answer = TypeVar("Answer")


class Background:
    """A loop in a thread of its own: a session is longer than the loop of any test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, awaited: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(awaited, self._loop).result()

    @contextmanager
    def hold(self, manager: AbstractAsyncContextManager[Held]) -> Iterator[Held]:
        """Entered and left by one task there: a task group may be left by nobody else."""
        opened: asyncio.Future[Held] = self._loop.create_future()
        leave = asyncio.Event()

        async def held() -> None:
            try:
                async with manager as value:
                    opened.set_result(value)
                    await leave.wait()
            except Exception as error:  # it belongs to whoever waits
                if opened.done():
                    raise
                opened.set_exception(error)

        running = asyncio.run_coroutine_threadsafe(held(), self._loop)
        try:
            yield self.run(_result(opened))
        finally:
            self._loop.call_soon_threadsafe(leave.set)
            running.result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _result(opened: "asyncio.Future[Held]") -> Held:
    return await opened


@pytest.fixture(scope="session")
def real_model() -> Iterator[ModelServer]:
    background = Background()
    try:
        with background.hold(ModelServer.start()) as server:
            yield server
    finally:
        background.close()
