"""The whole program as a process, started as anybody would start it, on ports of its own."""

import asyncio
import io
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from openai import AsyncOpenAI

from proxy.edges.identity.keys import hashed, new_key

READY_S = 60.0


@dataclass
class Program:
    """`log`: every line that it wrote on stderr, parsed where it is JSON."""

    process: asyncio.subprocess.Process
    folder: Path
    keys: dict[str, str]
    url: str = ""
    admin: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def client(self, who: str = "finance") -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=self.keys[who], max_retries=0)

    async def post(self, body: bytes | dict[str, Any], who: str = "finance", **headers: str) -> "Said":
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.keys[who]}", "Content-Type": "application/json", **headers}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/v1/chat/completions", data=io.BytesIO(payload), headers=sent) as answer,
        ):
            return Said(answer.status, dict(answer.headers), await answer.read())

    async def get(self, path: str) -> "Said":
        async with aiohttp.ClientSession() as session, session.get(f"{self.admin}{path}") as answer:
            return Said(answer.status, dict(answer.headers), await answer.read())

    async def saw(self, event: str) -> dict[str, Any]:
        """The first log line of this event, waited for."""
        async with asyncio.timeout(READY_S):
            while True:
                for line in self.log:
                    if line.get("event") == event:
                        return line
                if self.process.returncode is not None:
                    raise AssertionError(f"the program ended: {self.said}")
                await asyncio.sleep(0.02)

    def files(self) -> str:
        """Everything it wrote under its state directory, and on stderr."""
        texts = [
            path.read_bytes().decode("utf-8", "replace") for path in self.folder.rglob("*") if path.is_file()
        ]
        return "\n".join([*texts, *self.said])


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.body)["error"]


@asynccontextmanager
async def running(
    folder: Path, upstream: str, *, ready: bool = True, **groups: Any
) -> AsyncIterator[Program]:
    """`groups`: groups of sluicegate.yaml that win over these."""
    keys = {name: new_key() for name in ("finance", "engineering")}
    copy_policies(folder)
    groups.setdefault("hard_rules", {}).setdefault("policies", "policies")
    config = write_config(folder, upstream, keys, {"smollm2": "echo", "smollm2-finance": "echo"}, groups)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "serve", "-c", str(config), stderr=asyncio.subprocess.PIPE
    )
    program = Program(process, folder, keys)
    reading = asyncio.create_task(_read(program))
    try:
        if ready:
            line = await program.saw("listening")
            program.url, program.admin = f"http://{line['address']}", f"http://{line['admin']}"
        yield program
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_S):
            await process.wait()
        await reading


def copy_policies(folder: Path, *, soft_rules: bool = False) -> Path:
    """The sample policies; without their soft rules, which would need a judge."""
    target = folder / "policies"
    if not target.exists():
        shutil.copytree(Path(__file__).parents[2] / "policies", target)
        if not soft_rules:
            (target / "gateway" / "config" / "soft_rules" / "data.yaml").write_text("rules: []\n")
    return target


def write_config(
    folder: Path, upstream: str, keys: dict[str, str], models: dict[str, str], groups: dict[str, Any]
) -> Path:
    entries = [
        {
            "id": name,
            "sha256": hashed(key),
            "actor": "tests",
            "subject": {"id": f"{name}-person", "tenant": "acme", "groups": [name]},
        }
        for name, key in keys.items()
    ]
    _private(folder / "keys.yaml", {"keys": entries})
    document = {
        "state": "state",
        "listen": {"address": "127.0.0.1:0", "admin": "127.0.0.1:0"},
        "upstreams": [{"name": "test", "url": upstream, "models": models}],
        "identity": {"keys_file": "keys.yaml"},
        **groups,
    }
    return _private(folder / "sluicegate.yaml", document)


def _private(path: Path, document: Any) -> Path:
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


async def _read(program: Program) -> None:
    assert program.process.stderr is not None
    async for raw in program.process.stderr:
        text = raw.decode()
        program.said.append(text)
        try:
            program.log.append(json.loads(text))
        except ValueError:
            continue
