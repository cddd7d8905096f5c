"""The keeper of the worker processes; what workers do together is in the flows."""

import asyncio
import sys
from pathlib import Path

import pytest

from proxy.edges.log import start_log
from proxy.workers import Worker, _keep


async def test_a_worker_that_starts_while_the_proxy_stops_is_stopped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "worker"
    stand_in.write_text("#!/bin/sh\nexec sleep 20\n")
    stand_in.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    stop = asyncio.Event()
    worker = Worker(0, tmp_path)
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(5):
        await _keep(worker, (), stop, start_log("error"))
    assert worker.process is not None
    assert worker.process.returncode
