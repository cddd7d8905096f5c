"""All parts of the clients' tests, running: two real model servers, a scripted one, the program, the taps.

One program serves the same model twice: as `smollm2` from an upstream that speaks OpenAI's chat, completions
and embeddings alone, so that every other dialect is translated; and as `smollm2-native` from one that speaks
all that llama.cpp's server does.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proxy.demo.model_server import MODEL, ModelServer
from proxy.demo.tap import Tap
from proxy.wire.registers import DIALECTS, WIRES
from tests.clients.asks import ASKS
from tests.clients.catalogue import ROOT, Client, Where
from tests.clients.page import RUN_BY, filled
from tests.clients.scripted import ECHO, FILTERED, ScriptedModel
from tests.flows.program import Program, copy_policies, running
from tests.pages import Block

TEMPLATE = Path(__file__).parent / "tools.jinja"
NATIVE, EMBED = f"{MODEL}-native", f"{MODEL}-embed"
MODELS = (MODEL, NATIVE, EMBED, ECHO, FILTERED)
PLAIN = ("openai_chat", "openai_completions")
LLAMA_CPP = (*PLAIN, "openai_responses", "anthropic_messages", "anthropic_count_tokens")

RUN_S = 240.0  # all features of a client where other tests take the cores; alone it takes ten to twenty


@dataclass(frozen=True)
class Run:
    """One client's answers in one place. `asked`: the bodies of its requests, as they left it."""

    answers: dict[str, dict[str, Any]]
    asked: list[bytes]


@dataclass(frozen=True)
class House:
    program: Program
    model: Tap
    embedder: Tap
    scripted: ScriptedModel

    async def run(self, client: Client, where: Where) -> Run:
        """Every feature of a client that is for this place, in one process."""
        features = client.features(where)
        if where == "direct":
            measures = tuple(name for name in features if "embed" in name)
            rest = tuple(name for name in features if name not in measures)
            chats = await self._run(client, where, self.model.url, rest)
            return Run(
                chats.answers | (await self._run(client, where, self.embedder.url, measures)).answers, []
            )
        return await self._run(client, where, self.program.url, features)

    async def _run(self, client: Client, where: Where, url: str, features: tuple[str, ...]) -> Run:
        if not features:
            return Run({}, [])
        async with Tap.start(url) as door:
            asks = ASKS | self._names(where) | {"url": door.url, "features": features}
            said = await spoken(client.command, json.dumps(asks).encode())
            lines = [json.loads(line) for line in said.splitlines() if line.startswith(b'{"feature"')]
            return Run({line["feature"]: line for line in lines}, door.bodies())

    async def try_out(self, block: Block) -> bytes:
        """A snippet of the page. What it asked, if it did not fail."""
        command, folder = RUN_BY[block.kind]
        async with Tap.start(self.program.url) as door:
            key = self.program.keys["finance"]
            await spoken(command, filled(block, door.url, key), folder)
            return b"".join(door.bodies())

    def _names(self, where: Where) -> dict[str, Any]:
        served = {"native": NATIVE, "translated": MODEL, "direct": MODEL}
        return {
            "key": self.program.keys["finance"],
            "stranger": self.program.keys["engineering"],
            "chat": served[where],
            "echo": ECHO,
            "filtered": FILTERED,
            "embed": MODEL if where == "direct" else EMBED,
        }


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    more = [f"--template={TEMPLATE}", "--repeatable"]
    async with (
        ModelServer.start(slots=1, context=2048, more=more) as server,
        ModelServer.start(slots=1, context=512, more=["--embeddings"]) as measurer,
        Tap.start(server.url) as model,
        Tap.start(measurer.url) as embedder,
        ScriptedModel.listening() as scripted,
        running(folder, "", **_groups(folder, model.url, embedder.url, scripted.url)) as program,
    ):
        yield House(program, model, embedder, scripted)


def _groups(folder: Path, model: str, embedder: str, scripted: str) -> dict[str, Any]:
    _grant(copy_policies(folder) / "gateway" / "config")
    return {
        "upstreams": [
            _upstream("plain", model, {MODEL: MODEL}, PLAIN),
            _upstream("native", model, {NATIVE: MODEL}, LLAMA_CPP),
            _upstream("measures", embedder, {EMBED: MODEL}, ("openai_embeddings",)),
            _upstream("scripted", scripted, {ECHO: ECHO, FILTERED: FILTERED}, PLAIN),
        ],
        "listen": {
            "address": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "default_models": {
                name: EMBED if name.startswith("tei") else MODEL
                for name in DIALECTS
                if name.startswith(("tei", "tgi"))
            },
        },
    }


def _upstream(name: str, url: str, models: dict[str, str], speaks: tuple[str, ...]) -> dict[str, Any]:
    wires = [wire for wire in speaks if wire in WIRES]
    return {"name": name, "url": url, "models": models, "speaks": wires}


def _grant(config: Path) -> None:
    """Finance may use every model, engineering none; and an answer that a filter ended is cut off."""
    _change(config / "grants", models={"finance": list(MODELS), "engineering": []})
    _change(config / "answers", finish=["stop", "length", "tool_calls"])


def _change(folder: Path, **values: Any) -> None:
    file = folder / "data.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | values))


async def spoken(command: tuple[str, ...], told: bytes, folder: Path = ROOT) -> bytes:
    """What a client's script says. A script that cannot even be started has failed, and so has its test."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_S):
            said, complained = await process.communicate(told)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, complained.decode()
    return said


def _environment() -> dict[str, str]:
    """Clients may not look anything up in the world, and have no keys but those that they are given."""
    quiet = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LANGSMITH_TRACING": "false",
        "AI_SDK_LOG_WARNINGS": "false",
        "NEXT_TELEMETRY_DISABLED": "1",
    }
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | quiet | {"NO_PROXY": "127.0.0.1"}
