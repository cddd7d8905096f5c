"""The real SmolLM2 behind the real llama.cpp server, once for all tests of a process."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from proxy.demo.model_server import ModelServer


@pytest.fixture(scope="session")
def real_model() -> Iterator[ModelServer]:
    """Runs on a loop of its own: a session is longer than the loop of any test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = ModelServer.start()
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
