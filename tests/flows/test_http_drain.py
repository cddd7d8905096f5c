"""SIGTERM while exchanges run: what ends in time ends whole, and the others are told so in their words."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.flows.callers import OLLAMA, Caller, decisions, request, unchunked
from tests.flows.counting_upstream import CountingUpstream
from tests.flows.program import running

DRAIN_S = 1.0


@pytest.mark.slow
async def test_a_stopping_program_ends_its_streams_politely(tmp_path: Path) -> None:
    listen = {"address": "127.0.0.1:0", "admin": "127.0.0.1:0", "drain_s": DRAIN_S}
    async with (
        CountingUpstream.listening(pause_s=0.02) as upstream,
        running(tmp_path, upstream.url, listen=listen) as program,
    ):
        words = {
            "endless": request(program, "endless words"),
            "ollama": request(program, "endless words", path=OLLAMA),
            "short": request(program, "these are a few words that end in time"),
            "whole": request(program, "hang", stream=False),
        }
        callers = {name: await Caller.at(program.url) for name in words}
        idle, sending = await Caller.at(program.url), await Caller.at(program.url)
        for name, caller in callers.items():
            caller.send(words[name])
        sending.send(words["short"][:-20])
        while len(upstream.asked) < len(words):
            await asyncio.sleep(0.02)
        for name in ("endless", "ollama"):
            await callers[name].reader.readuntil(b"words")
        program.process.send_signal(signal.SIGTERM)
        await program.saw("draining")
        assert await idle.rest(DRAIN_S) == b""
        with pytest.raises(OSError):
            await Caller.at(program.url)
        heard = {name: await caller.rest() for name, caller in callers.items()}
        refused = await sending.rest()
        assert await asyncio.wait_for(program.process.wait(), 10) == 0

    events, ended = unchunked(b"\r\n\r\n" + heard["endless"].partition(b"\r\n")[2])
    assert ended
    assert json.loads(events.split(b"data: ")[-1])["error"]["code"] == "stopping"
    assert b"[DONE]" not in events
    lines, ended = unchunked(b"\r\n\r\n" + heard["ollama"].partition(b"\r\n")[2])
    assert ended
    assert json.loads(lines.splitlines()[-1])["code"] == "stopping"
    assert b'"done":true' not in lines
    short, ended = unchunked(heard["short"])
    assert ended
    assert short.endswith(b"data: [DONE]\n\n")
    assert heard["whole"].startswith(b"HTTP/1.1 503")
    assert refused.startswith(b"HTTP/1.1 503")
    for answer in (heard["whole"], refused):
        assert b'"stopping"' in answer
        assert b"Connection: close" in answer

    log = {line["decision_id"]: line for line in decisions(program)}
    assert sorted(line["status"] for line in log.values()) == ["complete", "partial", "partial", "partial"]
    for line in log.values():
        assert line["error"] == (None if line["status"] == "complete" else "stopping")
        assert line["usage"]["estimated"] is (line["status"] != "complete")
    assert upstream.streams == 0
    assert upstream.faults == []


@pytest.mark.slow
async def test_a_stopping_program_does_not_wait_for_a_caller_that_does_not_listen(tmp_path: Path) -> None:
    listen = {"address": "127.0.0.1:0", "admin": "127.0.0.1:0", "drain_s": 0.2}
    async with (
        CountingUpstream.listening() as upstream,
        running(tmp_path, upstream.url, listen=listen) as program,
    ):
        caller = await Caller.deaf(program.url)
        caller.send(request(program, "endless " + "word " * 2_000))
        while not upstream.streams:
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)  # until every buffer on the way is full
        program.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.process.wait(), 8) == 0
        caller.leave(hard=True)
        assert upstream.streams == 0
