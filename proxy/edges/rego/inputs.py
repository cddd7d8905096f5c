"""What policies were asked and what they said, a JSON line each, for `sluicegate policy replay` and `diff`.

Facts only: the arguments of a tool call are text, and are left out. Written beside the path of a decision:
what cannot be written is dropped and counted, and no decision waits for it.
"""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from proxy.edges.log import Log
from proxy.edges.records.spool_files import open_private, private_directory
from proxy.engines import Clock, PolicyEngine
from proxy.errors import EngineUnavailable
from proxy.exchange import Json
from proxy.policy import decision_document
from proxy.verdict import Decision

FOLDER = Path("inputs")
ARGUMENTS = "tool_call.arguments"

# Lines gather for this long, so that one write takes many; so much is lost when the process is killed.
FLUSH_S = 1.0

# Some 5,000 lines: five seconds of a disk that hangs, at a thousand decisions a second.
WAITING_BYTES = 16 * 1024 * 1024

# A file of some 5,000 lines; a full folder holds about 80,000 decisions and then forgets the oldest.
FILE_BYTES = 16 * 1024 * 1024
FOLDER_BYTES = 256 * 1024 * 1024


class InputLog:
    """A `PolicyEngine`: asks another one, and notes what was asked and said."""

    def __init__(self, policies: PolicyEngine, folder: Path, clock: Clock, log: Log) -> None:
        self._policies = policies
        self._files = InputFiles(folder)
        self._clock = clock
        self._log = log
        self._lines: list[bytes] = []
        self._waiting_bytes = 0
        self._failing = False
        self._writing = asyncio.Lock()
        self.dropped = 0

    @property
    def revision(self) -> str:
        return self._policies.revision

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        try:
            decision = await self._policies.decide(document)
        except EngineUnavailable:
            self._note(document, None)
            raise
        self._note(document, decision)
        return decision

    async def run(self) -> None:
        """Writes what was noted, every second, and the rest when it is cancelled. Never returns."""
        try:
            while True:
                await asyncio.sleep(FLUSH_S)
                await asyncio.shield(self.flush())  # lines on their way to the disk are not lost on the way
        finally:
            await self.flush()

    async def flush(self) -> None:
        async with self._writing:
            await self._write()

    async def _write(self) -> None:
        lines, self._lines, self._waiting_bytes = self._lines, [], 0
        if not lines:
            return
        try:
            await asyncio.to_thread(self._files.append, lines, self._clock.now())
        except OSError as error:
            self.dropped += len(lines)
            if not self._failing:
                self._log.failure("inputs_not_recorded", error)
            self._failing = True
        else:
            self._failing = False

    def _note(self, document: Mapping[str, Json], decision: Decision | None) -> None:
        noted = line(document, decision, self.revision, self._clock.now())
        if self._waiting_bytes + len(noted) > WAITING_BYTES:
            self.dropped += 1
            return
        self._lines.append(noted)
        self._waiting_bytes += len(noted)


class InputFiles:
    """Blocking. One writer a folder. A life of the proxy never writes on where an earlier one stopped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None

    def append(self, lines: list[bytes], now: float) -> None:
        """Raises OSError. A file ends where the next lines would make it too large."""
        path = self._path
        if path is None or not path.exists() or path.stat().st_size >= FILE_BYTES:
            path = self._path = self._next(now)
        descriptor = open_private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with os.fdopen(descriptor, "ab") as file:
            file.writelines(lines)

    def _next(self, now: float) -> Path:
        """Named by its first moment, so that names are in the order of time."""
        private_directory(self._folder)
        files = sorted(self._folder.glob("*.jsonl"))
        sizes = {path: path.stat().st_size for path in files}
        while files and sum(sizes[path] for path in files) > FOLDER_BYTES - FILE_BYTES:
            files.pop(0).unlink(missing_ok=True)
        return self._folder / f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H%M%S.%fZ}.jsonl"


def line(document: Mapping[str, Json], decision: Decision | None, revision: str, now: float) -> bytes:
    """`{"time", "revision", "decision", "left_out", "input"}`; `decision` is null when there was none."""
    facts, left_out = without_text(document)
    entry = {
        "time": round(now, 3),
        "revision": decision.revision if decision else revision,
        "decision": decision_document(decision) if decision else None,
        "left_out": left_out,
        "input": facts,
    }
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def without_text(document: Mapping[str, Json]) -> tuple[Mapping[str, Json], list[str]]:
    """The document, and what was taken out of it. An empty object stands where there were arguments, for
    whether there were any is a fact."""
    call = document.get("tool_call")
    if call is None or not call["arguments"]:
        return document, []
    return {**document, "tool_call": {**call, "arguments": {}}}, [ARGUMENTS]
