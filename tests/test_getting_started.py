"""Does what docs/getting-started.md says, step by step in one shell, against a scripted upstream."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from tests.flows.echo_upstream import EchoUpstream
from tests.pages import Page

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "getting-started.md"

# A reader opens a second shell when the proxy stays in the first. This one is to be ended with its proxy.
IN_THE_BACKGROUND = """sluicegate serve 2> log & served=$!
trap 'kill $served; wait $served || true' EXIT
for _ in $(seq 100); do curl -sf http://127.0.0.1:8081/readyz > ready && break; sleep 0.1; done"""
# The outlets read the spool every now and then.
AFTER_A_MOMENT = """until sluicegate records ls | grep -q model.grant; do sleep 0.1; done
sluicegate records ls"""


@pytest.mark.slow
async def test_who_follows_the_page_gets_a_first_answer_and_sees_what_was_decided(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream:
        said = await shell(script(upstream.url, tmp_path))
    assert "good\n" in said
    assert '"status":"ready"' in said
    assert "x-sluicegate-decision: redact" in said
    assert "Say hello to jane@example.com." in said
    assert '"rules":["model.grant"]' in said
    assert "[EMAIL_ADDRESS_" in said
    assert "jane@example.com" not in upstream.received
    assert [chat["model"] for chat in upstream.chats] == ["Qwen/Qwen3-8B"]


def script(upstream: str, folder: Path) -> str:
    """The commands of the page, on free ports and in a folder of the test."""
    blocks = [block.text for block in Page(PAGE, "", PAGE.read_text("utf-8")).blocks() if block.kind == "sh"]
    text = "".join(blocks)
    callers, admin = free_ports(2)
    listen = f'listen: {{address: "127.0.0.1:{callers}", admin: "127.0.0.1:{admin}"}}'
    in_place_of = {
        "make setup\n": "",
        "../my-gate": str(folder / "my-gate"),
        "sluicegate serve\n": f"{IN_THE_BACKGROUND}\n",
        "sluicegate records ls\n": f"{AFTER_A_MOMENT}\n",
        "upstreams:\n": f"{listen}\nupstreams:\n",
        "http://127.0.0.1:8000": upstream,
        "http://127.0.0.1:8080": f"http://127.0.0.1:{callers}",
        "http://127.0.0.1:8081": f"http://127.0.0.1:{admin}",
    }
    for words, others in in_place_of.items():
        assert words in text, f"the page no longer says {words!r}"
        text = text.replace(words, others)
    return text


def free_ports(count: int) -> list[int]:
    """Free a moment ago: the page wants ports that are known before the start."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


async def shell(text: str) -> str:
    """Everything that the commands say; each of them has to succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    running = await asyncio.create_subprocess_exec(
        *("timeout", "60", "bash", "-euo", "pipefail", "-c", text),
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()
    return said.decode()
