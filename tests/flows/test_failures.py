"""What fails, and what is then seen: at the upstream's socket and at the client's, never from our own log."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.flows.echo_upstream import SECRET_WORDS, EchoUpstream
from tests.flows.program import copy_policies, running

BODY = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello Anna Smith."}]}
STREAM = {**BODY, "stream": True}


def descendants(pid: int) -> dict[int, list[str]]:
    """The program's processes, by pid, with the words of their command lines."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(folder.name)] = (folder / "cmdline").read_text().split("\0")
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child: lines[child] for child in found - {pid} if child in lines}


def only(pid: int, word: str) -> int:
    """The one descendant that is this program, not a shell that watches it."""
    [found] = [
        child
        for child, words in descendants(pid).items()
        if words[0].endswith(word) or (word in words[:5] and not words[0].endswith("sh"))
    ]
    return found


async def test_a_dead_presidio_blocks_and_a_new_one_takes_its_place(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream, running(tmp_path, upstream.url) as program:
        worker = only(program.process.pid, "proxy.edges.presidio.worker")
        os.kill(worker, signal.SIGSTOP)
        asking = asyncio.ensure_future(program.post(BODY))
        await asyncio.sleep(0.3)
        os.kill(worker, signal.SIGKILL)
        answer = await asking
        assert (answer.status, answer.error["code"]) == (503, "engine_unavailable")
        assert upstream.bodies == []
        for _ in range(100):
            if (await program.post(BODY)).status == 200:
                break
            await asyncio.sleep(0.2)
        assert len(upstream.bodies) == 1


async def test_a_dead_opa_blocks_until_it_is_back(tmp_path: Path) -> None:
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, hard_rules={"engine": "opa"}) as program,
    ):
        assert (await program.post(BODY)).status == 200
        opa = only(program.process.pid, "/opa")
        os.kill(opa, signal.SIGSTOP)
        answer = await program.post({**BODY, "temperature": 0.3})
        assert (answer.status, answer.error["code"]) == (503, "engine_unavailable")
        assert len(upstream.bodies) == 1
        os.kill(opa, signal.SIGKILL)
        for _ in range(100):
            if (await program.post({**BODY, "temperature": 0.4})).status == 200:
                break
            await asyncio.sleep(0.2)
        assert len(upstream.bodies) == 2


async def test_a_judge_that_is_gone_blocks_by_default(tmp_path: Path) -> None:
    copy_policies(tmp_path, soft_rules=True)
    soft = {"judge": "openai", "url": "http://127.0.0.1:9", "model": "judge"}
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, soft_rules=soft) as program,
    ):
        answer = await program.post(BODY)
        assert answer.status == 403
        assert answer.error["code"] == "soft_rule_denied"
        assert upstream.bodies == []


async def test_an_upstream_that_is_gone_is_a_502(tmp_path: Path) -> None:
    async with running(tmp_path, "http://127.0.0.1:9") as program:
        answer = await program.post(BODY)
        assert (answer.status, answer.error["code"]) == (502, "upstream_unavailable")


async def test_an_upstreams_own_words_about_an_error_are_not_passed_on(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream, running(tmp_path, upstream.url) as program:
        upstream.mode = "error"
        answer = await program.post(BODY)
        assert answer.status >= 500
        assert answer.error["code"] == "upstream_refused"
        assert SECRET_WORDS.encode() not in answer.body
        assert SECRET_WORDS not in program.files()


async def test_an_upstream_that_dies_in_a_stream_gives_an_error_event_and_no_done(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream, running(tmp_path, upstream.url) as program:
        upstream.mode = "die"
        told = "The first sentence is whole. The second one will never be"
        answer = await program.post({**STREAM, "messages": [{"role": "user", "content": told}]})
        events = [line[6:] for line in answer.body.decode().split("\n") if line.startswith("data: ")]
        assert json.loads(events[-1])["error"]["code"] == "upstream_unavailable"
        assert b"[DONE]" not in answer.body


async def test_a_silent_upstream_is_given_up(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream:
        groups: dict[str, Any] = {
            "upstreams": [
                {"name": "test", "url": upstream.url, "models": {"smollm2": "echo"}, "silence_s": 1.0}
            ]
        }
        async with running(tmp_path, upstream.url, **groups) as program:
            upstream.mode = "hang"
            answer = await program.post(BODY)
            assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")


async def test_a_client_that_leaves_ends_the_models_work_within_a_second(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream, running(tmp_path, upstream.url) as program:
        upstream.mode, upstream.pause_s = "endless", 0.01
        host, port = program.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        payload = json.dumps(STREAM).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {program.keys['finance']}\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        writer.write(head.encode() + payload)
        await reader.readuntil(b"data: ")
        upstream.closed.clear()
        writer.close()
        async with asyncio.timeout(1.0):
            await upstream.closed.wait()


async def test_a_full_spool_refuses_before_the_model_is_asked(tmp_path: Path) -> None:
    nowhere = {"spool_bytes": 2**20, "outlet": "otlp_http", "endpoint": "http://127.0.0.1:9/v1/logs"}
    long = {"model": "smollm2", "messages": [{"role": "user", "content": "plain words " * 1500}]}
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, feedback=nowhere) as program,
    ):
        statuses = []
        for _ in range(100):
            answer = await program.post(long)
            statuses.append(answer.status)
            if answer.status == 503:
                break
        assert answer.error["code"] == "record_unavailable"
        assert len(upstream.bodies) == statuses.count(200)


async def test_killed_in_the_middle_an_exchange_is_found_again_as_aborted(tmp_path: Path) -> None:
    async with EchoUpstream.listening() as upstream:
        async with running(tmp_path, upstream.url) as program:
            done = (await program.post(BODY)).headers["x-sluicegate-request-id"]
            upstream.mode = "hang"
            asking = asyncio.ensure_future(program.post(BODY))
            while len(upstream.bodies) < 2:
                await asyncio.sleep(0.02)
            program.process.kill()
            with pytest.raises(Exception):  # noqa: B017 - the client's library has several words for it
                await asking
        async with running(tmp_path, upstream.url) as again:
            for _ in range(200):
                folder = again.folder / "state" / "decisions"
                lines = [
                    json.loads(line)
                    for path in folder.glob("*.jsonl")
                    for line in path.read_text().splitlines()
                ]
                if {"aborted", "complete"} <= {line["status"] for line in lines}:
                    break
                await asyncio.sleep(0.05)
        assert done in {line["decision_id"] for line in lines if line["status"] == "complete"}
        assert [line["status"] for line in lines].count("aborted") == 1


async def test_a_policy_that_does_not_compile_refuses_to_start_and_keeps_a_running_proxy(
    tmp_path: Path,
) -> None:
    policies = copy_policies(tmp_path)
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, hard_rules={"reload_s": 0.2}) as program,
    ):
        before = json.loads((await program.get("/readyz")).body)["policies"]["revision"]
        broken = policies / "gateway" / "rules" / "admission" / "broken"
        broken.mkdir()
        (broken / "broken.rego").write_text("package gateway.rules.admission.broken\n\nfindings contains {\n")
        for _ in range(100):
            state = json.loads((await program.get("/readyz")).body)["policies"]
            if state["problem"]:
                break
            await asyncio.sleep(0.1)
        assert "broken.rego" in state["problem"]
        assert state["revision"] == before
        assert (await program.post(BODY)).status == 200
    async with running(tmp_path, upstream.url, ready=False, hard_rules={"policies": "policies"}) as refused:
        assert await refused.process.wait() == 2
        await asyncio.sleep(0.1)
        assert any("broken.rego:" in line for line in refused.said)


async def test_a_new_rule_is_a_new_folder_and_works_without_a_restart(tmp_path: Path) -> None:
    policies = copy_policies(tmp_path)
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, hard_rules={"reload_s": 0.2}) as program,
    ):
        assert (await program.post({**BODY, "temperature": 1.5})).status == 200
        rule = policies / "gateway" / "rules" / "admission" / "cool"
        rule.mkdir()
        (rule / "cool.rego").write_text(
            """# METADATA
# title: Cool heads
# description: Temperatures above one are not allowed.
# custom:
#   id: parameters.cool
#   action: block
#   owner: tests
package gateway.rules.admission.cool

findings contains {
	"rule": "parameters.cool",
	"action": "block",
	"reason": "The temperature is above one.",
} if {
	not _cool
}

_cool if object.get(input.parameters, "temperature", 0) <= 1
"""
        )
        for _ in range(150):
            answer = await program.post({**BODY, "temperature": 1.5})
            if answer.status == 403:
                break
            await asyncio.sleep(0.1)
        assert answer.error["rules"] == ["parameters.cool"]
        assert (await program.post(BODY)).status == 200
