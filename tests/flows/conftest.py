"""One program for the tests that do not break it: starting it (Presidio, policies) takes seconds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program, running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[EchoUpstream]:
    async with EchoUpstream.listening() as echo:
        yield echo


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(upstream: EchoUpstream, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    folder: Path = tmp_path_factory.mktemp("program")
    async with running(folder, upstream.url) as started:
        yield started
