"""The proxies that stand in front of us in the field, as processes: nginx and HAProxy, from Debian."""

import asyncio
import contextlib
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template

PEERS = Path(__file__).parents[1] / "peers"
START_S = 15.0

COMMANDS = {
    "nginx": ("nginx.conf", ["nginx", "-p", "{folder}", "-e", "{folder}/start.log", "-c", "{config}"]),
    "haproxy": ("haproxy.cfg", ["haproxy", "-db", "-f", "{config}"]),
}


@asynccontextmanager
async def in_front(name: str, url: str, folder: Path) -> AsyncIterator[str]:
    """The URL of a peer that passes everything on to `url`. Fails if it is not installed: `make peers`."""
    template, command = COMMANDS[name]
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program is not None, f"{name} is not installed: make peers"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / template
    words = {"folder": folder, "port": port, "address": url.removeprefix("http://")}
    config.write_text(Template((PEERS / template).read_text()).substitute(words))
    arguments = [word.format(folder=folder, config=config) for word in command[1:]]
    process = await asyncio.create_subprocess_exec(program, *arguments)
    try:
        await _listening(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_S):
        while True:
            assert process.returncode is None, "the peer ended at once"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
