"""The public benchmark of leaks, `pii-leak-benchmark`, run as its users run it. `make clients` installs it.

Its capture server stands where the model server would be; its commands ask through the proxy, compare what
came to the capture, and read what comes back.
"""

import asyncio
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.flows.program import Program

COMMANDS = Path(__file__).parents[2] / ".tools" / "clients" / "bin"
RUN_S = 240.0  # the longest takes half a minute alone: it waits half a second for each of its servers


@dataclass(frozen=True)
class Ran:
    code: int
    said: str
    folder: Path

    def report(self, name: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / name).read_text())
        return report


def free_port() -> int:
    """The capture is told its port beforehand, and so is the proxy."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port: int = once.getsockname()[1]
        return port


async def check(folder: Path, port: int, program: Program | None, *arguments: str) -> Ran:
    """`pii-leak-benchmark ci`; without a program against its own capture, which hides nothing."""
    url = f"{program.url}/v1" if program else "capture://self"
    return await _run(
        "pii-leak-benchmark", program, folder,
        "ci", "--target-base-url", url, "--target-model", "smollm2", "--capture-port", str(port),
        "--out", str(folder), *arguments,
    )  # fmt: skip


async def split(folder: Path, port: int, program: Program | None, name: str, *arguments: str) -> Ran:
    """`pii-leak-benchmark-v2`, with values cut in two; without a program its own gateway of that name."""
    where = ["--gateway-url", f"{program.url}/v1/chat/completions"] if program else []
    return await _run(
        "pii-leak-benchmark-v2", program, folder,
        *where, "--upstream-port", str(port), "--model", "smollm2", "--only", name, "--seed", "5106",
        "--out", str(folder), "--json-out", str(folder / "rows.json"), *arguments,
    )  # fmt: skip


async def _run(command: str, program: Program | None, folder: Path, *arguments: str) -> Ran:
    await asyncio.to_thread(folder.mkdir, parents=True)
    key = program.keys["finance"] if program else "none"
    process = await asyncio.create_subprocess_exec(
        COMMANDS / command,
        *arguments,
        env={**os.environ, "CONFORMANCE_TARGET_API_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return Ran(await process.wait(), said.decode(), folder)
