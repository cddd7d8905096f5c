"""A real OPA as our own child: made of the policy repository, on a unix socket, started again when it dies.

While it is away every decision is refused. It is stopped with us, and it does not outlive us: when this
process ends in any way, the pipe to the child's keeper closes, and the keeper stops it.
"""

import asyncio
import contextlib
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path

from proxy.edges.rego.compile import compile_bundle
from proxy.edges.rego.files import PolicyFiles, read_policies
from proxy.edges.rego.opa import OpaEngine
from proxy.errors import ConfigInvalid
from proxy.exchange import Json
from proxy.verdict import Decision

# Holds standard input open; when that ends, OPA is told to stop. When OPA ends, so does the keeper.
KEEPER = (
    'exec 3<&0; "$@" </dev/null & child=$!; { cat <&3 >/dev/null; kill $child; } 2>/dev/null & wait $child'
)

# OPA is up in 0.1 s; a busy machine may need longer.
START_S = 20.0

# What a child that is asked to stop may take, before it is made to.
STOP_S = 3.0

# Between two tries of a child that dies at once: it must not eat the machine.
PAUSE_S = 0.5


class OpaChild:
    """A `PolicyEngine` that owns its server."""

    pure = False

    def __init__(self, opa: Path, files: PolicyFiles, folder: Path, deadline_s: float) -> None:
        self._opa = opa
        self._files = files
        self._folder = folder
        self._socket = folder / "opa.sock"
        self._deadline_s = deadline_s
        self._process: Process | None = None
        self._engine: OpaEngine | None = None

    @classmethod
    async def start(cls, policies: Path, *, opa: Path, deadline_s: float) -> "OpaChild":
        """Raises ConfigInvalid when the policies do not compile, or OPA does not come up."""
        files = await asyncio.to_thread(read_policies, policies)
        # Not under the state directory: a socket's path may have 107 bytes only.
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="sluicegate-"))
        child = cls(await asyncio.to_thread(opa.resolve), files, folder, deadline_s)
        try:
            bundle = await asyncio.to_thread(compile_bundle, opa, files, place=policies)
            await asyncio.to_thread((folder / "bundle.tar.gz").write_bytes, bundle)
            await child.restart()
        except BaseException:
            await child.close()
            raise
        return child

    @property
    def revision(self) -> str:
        return self._files.revision

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        return await self._server().decide(document)

    async def decide_bytes(self, document: bytes) -> Decision:
        return await self._server().decide_bytes(document)

    async def ended(self) -> None:
        """Returns when the server has died."""
        if self._process is not None:
            await self._process.wait()

    async def restart(self) -> None:
        """Raises ConfigInvalid if it does not come up. Until it has, decisions are refused."""
        await self._stop()
        self._process = await self._spawn()
        self._engine = self._engine or await OpaEngine.open(
            url=None, socket=self._socket, token=None, deadline_s=self._deadline_s, revision=self.revision
        )
        try:
            async with asyncio.timeout(START_S):
                while not await self._engine.healthy():
                    if self._process.returncode is not None:
                        raise ConfigInvalid(
                            [f"{self._opa}: ended with {self._process.returncode} at its start"]
                        )
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise ConfigInvalid([f"{self._opa}: did not come up in {START_S:.0f} s"]) from error

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()
        await self._stop()
        await asyncio.to_thread(_remove, self._folder)

    def _server(self) -> OpaEngine:
        assert self._engine is not None  # noqa: S101  # `start` has made it
        return self._engine

    async def _spawn(self) -> Process:
        await asyncio.to_thread(self._socket.unlink, missing_ok=True)
        arguments = [
            "run",
            "--server",
            "--skip-version-check",
            "--log-level",
            "error",
            "--shutdown-grace-period",
            "1",
        ]
        place = ["--addr", f"unix://{self._socket}", "--unix-socket-perm", "700"]
        return await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", KEEPER, "sh", str(self._opa), *arguments, *place,
            "--bundle", str(self._folder / "bundle.tar.gz"),
            stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, cwd=self._folder, env={}, start_new_session=True,
        )  # fmt: skip

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()
