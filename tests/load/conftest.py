"""The load's own parts, running: small, on ephemeral ports, and gone with the module."""

from collections.abc import Iterator

import pytest

from load.driver import Target
from load.targets import Process, module


@pytest.fixture(scope="package")
def stand_in() -> Iterator[Process]:
    with module(None, "load.stand_in", "--chunks", "24") as process:
        yield process


@pytest.fixture(scope="package")
def direct(stand_in: Process) -> Target:
    return Target("direct", stand_in.port)


@pytest.fixture(scope="package")
def bare(stand_in: Process) -> Iterator[Target]:
    with module(None, "load.bare", "--upstream", f"http://127.0.0.1:{stand_in.port}") as process:
        yield Target("bare aiohttp", process.port, process.pid)
