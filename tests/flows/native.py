"""The program before an upstream that speaks a family's own wires (`smollm2`) and, under another model's
name, OpenAI's alone (`smollm2-finance`); with a rule that stops long answers in their middle.
"""

import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.flows.native_upstream import NativeUpstream
from tests.flows.program import Program, Said, copy_policies, running

MAIL = "emma.thompson@example.com"
PRIVATE = f"Write to {MAIL} and say hello, please."
LONG = "One two three. " * 1_000
NATIVE, TRANSLATED = "smollm2", "smollm2-finance"

_RULE = """# METADATA
# title: Long answers
# description: Stops an answer that is longer than a few thousand characters.
# scope: package
# custom:
#   id: test.length
#   action: block
#   owner: tests
package gateway.rules.answer.length

findings contains {
	"rule": "test.length",
	"action": "block",
	"reason": "The answer is too long.",
} if {
	not _short
}

_short if {
	every lane in input.answer.lanes {
		lane.chars < 4000
	}
}
"""


@asynccontextmanager
async def governed(
    folder: Path, upstream: NativeUpstream, wires: Sequence[str], **groups: Any
) -> AsyncIterator[Program]:
    rule = copy_policies(folder) / "gateway" / "rules" / "answer" / "length"
    rule.mkdir()
    (rule / "length.rego").write_text(_RULE)
    servers = [
        {"name": "native", "url": upstream.url, "models": {NATIVE: "echo"}, "speaks": list(wires)},
        {"name": "openai", "url": upstream.url, "models": {TRANSLATED: "echo"}},
    ]
    async with running(folder, upstream.url, upstreams=servers, **groups) as program:
        yield program


async def ask(program: Program, path: str, body: Any = None, who: str = "finance", **headers: str) -> Said:
    """POST a body, or GET without one."""
    sent = {"Authorization": f"Bearer {program.keys[who]}", "Content-Type": "application/json", **headers}
    payload = None if body is None else io.BytesIO(json.dumps(body).encode())
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{program.url}{path}", data=payload, headers=sent) as answer,
    ):
        return Said(answer.status, dict(answer.headers), await answer.read())
