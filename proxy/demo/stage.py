"""Sets the stage of the tour: a real model, a tap in front of it, two API keys, a configuration, the proxy.

The proxy is the installed program, started as anybody would start it; nothing of it runs in this process.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from openai import AsyncOpenAI

from proxy.demo.model_server import ModelServer
from proxy.demo.show import Show
from proxy.demo.tap import Tap
from proxy.demo.tour import FINANCE_MODEL, MODEL, Guests
from proxy.edges.identity.keys import hashed, new_key

# No secret: every tour asks the small model to copy the same pseudonyms, so that it goes the same way twice.
PSEUDONYM_KEY = b"the key of the guided tour alone"

READY_S = 60.0  # loading spaCy takes three seconds; a busy machine may take ten times that


@dataclass(frozen=True, slots=True)
class Stage:
    guests: Guests
    url: str
    config: Path
    finance_key: str = field(repr=False)


class ProxyFailed(Exception):
    """The proxy ended before it was ready; its own words stand on the screen."""


@asynccontextmanager
async def set_stage(folder: Path, listen: str, admin: str, show: Show) -> AsyncIterator[Stage]:
    """Everything up and ready; everything down again at the end, also after a failure."""
    async with AsyncExitStack() as stack:
        show.note("Loading SmolLM2-135M-Instruct into llama.cpp …")
        model = await stack.enter_async_context(ModelServer.start())
        # A server of its own: one that batches answers with verdicts rounds differently from run to run.
        judge = await stack.enter_async_context(ModelServer.start())
        tap = await stack.enter_async_context(Tap.start(model.url))
        keys = {name: new_key() for name in ("finance", "engineering")}
        config = _write_config(folder, tap.url, judge.url, keys, listen, admin)
        show.note(f"Starting the proxy: sluicegate serve -c {config}")
        url = await stack.enter_async_context(_proxy(config, listen, admin))
        finance, engineering, direct = [
            await stack.enter_async_context(AsyncOpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0))
            for base, key in ((url, keys["finance"]), (url, keys["engineering"]), (model.url, "none"))
        ]
        guests = Guests(finance, engineering, direct, tap, folder / "state" / "feedback")
        yield Stage(guests, url, config, keys["finance"])


def _write_config(
    folder: Path, upstream: str, judge: str, keys: dict[str, str], listen: str, admin: str
) -> Path:
    entries = [
        {
            "id": f"demo-{name}",
            "sha256": hashed(key),
            "actor": "guided-tour",
            "subject": {"id": f"someone-in-{name}", "tenant": "demo", "groups": [name]},
        }
        for name, key in keys.items()
    ]
    _write_private(folder / "keys.yaml", {"keys": entries})
    _new_private(folder / "pseudonym.key").write_bytes(PSEUDONYM_KEY)
    return _write_private(
        folder / "sluicegate.yaml",
        {
            "state": "state",
            "listen": {"address": listen, "admin": admin},
            "upstreams": [{"name": "llama", "url": upstream, "models": {MODEL: MODEL, FINANCE_MODEL: MODEL}}],
            "identity": {"keys_file": "keys.yaml"},
            "redaction": {"key_file": "pseudonym.key"},
            "soft_rules": {
                "judge": "openai",
                "method": "description",
                "url": judge,
                "model": MODEL,
                "deadline_s": 60,
            },
        },
    )


def _write_private(path: Path, document: object) -> Path:
    _new_private(path).write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def _new_private(path: Path) -> Path:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    return path


@asynccontextmanager
async def _proxy(config: Path, listen: str, admin: str) -> AsyncIterator[str]:
    """Gives the proxy's URL once it says that it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy",
        "serve",
        "-c",
        str(config),
        stderr=(config.parent / "proxy.log").open("w"),
    )
    try:
        await _until_ready(process, f"http://{admin}/readyz")
        yield f"http://{listen}"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(READY_S):
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise ProxyFailed
