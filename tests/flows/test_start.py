"""Starting: what stands in the way is one sentence, and several workers are one proxy."""

import asyncio
import json
import socket
from pathlib import Path

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import running

BODY = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello there."}]}


async def test_a_port_in_use_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        listen = {"address": address, "admin": "127.0.0.1:0"}
        async with running(tmp_path, "http://127.0.0.1:9", ready=False, listen=listen) as program:
            assert await program.process.wait() == 2
            await asyncio.sleep(0.1)
            assert any(address in line for line in program.said)
            assert not any("Traceback" in line for line in program.said)


async def test_soft_rules_without_a_judge_are_told_before_the_start(tmp_path: Path) -> None:
    shipped = str(Path(__file__).parents[2] / "policies")
    async with running(
        tmp_path, "http://127.0.0.1:9", ready=False, hard_rules={"policies": shipped}
    ) as program:
        assert await program.process.wait() == 2
        await asyncio.sleep(0.1)
        assert any("soft_rules.judge" in line for line in program.said)


async def test_no_key_and_no_identity_at_all_refuses_every_call(tmp_path: Path) -> None:
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, identity={}) as program,
    ):
        answer = await program.post(BODY)
        assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
        assert upstream.bodies == []


async def test_workers_share_the_port_and_speak_through_one_admin_side(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [taken.getsockname()[1] for taken in (one, two)]
    listen = {"address": f"127.0.0.1:{ports[0]}", "admin": f"127.0.0.1:{ports[1]}", "workers": 2}
    async with (
        EchoUpstream.listening() as upstream,
        running(tmp_path, upstream.url, listen=listen) as program,
    ):
        program.admin = f"http://127.0.0.1:{ports[1]}"
        for _ in range(300):
            if (await program.get("/readyz")).status == 200:
                break
            await asyncio.sleep(0.1)
        answers = [await program.post(BODY) for _ in range(8)]
        assert {answer.status for answer in answers} == {200}
        pseudonyms = {json.dumps(chat["messages"]) for chat in upstream.chats}
        assert len(pseudonyms) == 1  # the workers share the key
        figures = (await program.get("/metrics")).body.decode()
        done = [line for line in figures.splitlines() if line.startswith("sluicegate_exchanges_total{")]
        assert sum(float(line.rpartition(" ")[2]) for line in done) == 8
        assert {'worker="0"' in line or 'worker="1"' in line for line in done} == {True}
