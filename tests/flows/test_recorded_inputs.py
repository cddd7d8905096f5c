"""What the whole program writes down for `sluicegate policy replay`; replayed, it is what was decided."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import running

CANARY = "heliotrope-7141"
CALL = {"id": "c1", "type": "function", "function": {"name": "read_ledger", "arguments": ""}}
CONVERSATION: dict[str, Any] = {
    "model": "smollm2",
    "messages": [
        {"role": "user", "content": f"Look up {CANARY} in the ledger."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    **CALL,
                    "function": {**CALL["function"], "arguments": json.dumps({"quarter": CANARY})},  # type: ignore[dict-item]
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": f"{CANARY}: 7"},
    ],
}


@pytest.mark.slow
async def test_recorded_inputs_hold_no_text_and_replay_to_what_was_decided(tmp_path: Path) -> None:
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, hard_rules={"record_inputs": True}) as program,
    ):
        assert (await program.post(CONVERSATION)).status == 200
        refused = await program.post({**CONVERSATION, "model": "smollm2-finance"}, who="engineering")
        assert refused.status == 403
    folder = tmp_path / "state" / "inputs"
    texts = await asyncio.to_thread(lambda: [file.read_text() for file in folder.iterdir()])
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert not any(CANARY in text for text in texts)
    phases = [line["input"]["phase"] for line in lines]
    assert phases[:3] == ["admission", "tool_call", "prompt"]
    assert "answer" in phases
    assert [line["left_out"] for line in lines if line["input"]["phase"] == "tool_call"] == [
        ["tool_call.arguments"]
    ]
    assert lines[-1]["decision"]["action"] == "block"
    report = await replayed(folder, tmp_path / "policies")
    assert report["inputs"] == len(lines)
    assert report["rows"] == []


async def replayed(folder: Path, policies: Path) -> dict[str, Any]:
    command = ["-m", "proxy", "policy", "replay", str(folder), "-p", str(policies), "--json"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    report: dict[str, Any] = json.loads(out)
    return report


@pytest.mark.slow
async def test_nothing_is_recorded_unless_it_was_asked_for(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream, running(tmp_path, upstream.url) as program:
        assert (await program.post(CONVERSATION)).status == 200
    assert not await asyncio.to_thread((tmp_path / "state" / "inputs").exists)
