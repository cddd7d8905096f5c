"""The main job over loopback: what the model received, what the client read, what was recorded."""

import asyncio
import json

import pytest
from openai import PermissionDeniedError

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME, MAIL, CARD = "Emma Thompson", "emma.thompson@example.com", "4111 1111 1111 1111"
PRIVATE = f"My name is {NAME}, write to {MAIL}, my card is {CARD}."


async def _records(program: Program, count: int) -> list[str]:
    for _ in range(200):
        folder = program.folder / "state" / "feedback"
        lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
        if len(lines) >= count:
            return lines
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(lines)} records after ten seconds")


@pytest.mark.parametrize("stream", [False, True])
async def test_private_words_reach_the_client_and_never_the_model_or_the_record(
    stream: bool, program: Program, upstream: EchoUpstream
) -> None:
    body = {"model": "smollm2", "stream": stream, "messages": [{"role": "user", "content": PRIVATE}]}
    answer = await program.post(body)
    assert answer.status == 200
    assert answer.headers["x-sluicegate-decision"] == "redact"
    received = upstream.bodies[-1].decode()
    for words in (NAME, MAIL, CARD):
        assert words not in received
    if stream:
        events = [line[6:] for line in answer.body.decode().split("\n") if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        deltas = [json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events[:-1]]
        assert "".join(deltas) == PRIVATE
    else:
        assert json.loads(answer.body)["choices"][0]["message"]["content"] == PRIVATE
    for line in await _records(program, 1):
        assert not any(words in line for words in (NAME, MAIL, CARD))


async def test_the_sdk_reads_a_stream_with_usage(program: Program) -> None:
    async with program.client() as client:
        stream = await client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "One two three."}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "One two three."
    assert chunks[-1].usage is not None
    assert {chunk.model for chunk in chunks} == {"smollm2"}


async def test_a_model_without_a_grant_is_refused_with_its_rule_and_reason(
    program: Program, upstream: EchoUpstream
) -> None:
    before = len(upstream.bodies)
    async with program.client("engineering") as client:
        with pytest.raises(PermissionDeniedError) as refused:
            await client.chat.completions.create(
                model="smollm2-finance", messages=[{"role": "user", "content": "Hello"}]
            )
    assert refused.value.code == "policy_denied"
    assert refused.value.response.headers["x-sluicegate-decision"] == "block"
    assert refused.value.body["rules"]
    assert len(upstream.bodies) == before


async def test_each_person_sees_the_models_that_are_granted(program: Program) -> None:
    seen = {}
    for who in ("finance", "engineering"):
        async with program.client(who) as client:
            seen[who] = sorted([model.id async for model in await client.models.list()])
    assert seen == {"finance": ["smollm2", "smollm2-finance"], "engineering": ["smollm2"]}


async def test_a_document_is_withheld_from_those_without_its_label(
    program: Program, upstream: EchoUpstream
) -> None:
    text = 'Read <document id="fin-2026-q3">Revenue fell by eleven percent.</document> please.'
    body = {"model": "smollm2", "messages": [{"role": "user", "content": text}]}
    await program.post(body, "engineering")
    assert "eleven" not in upstream.bodies[-1].decode()
    await program.post(body, "finance")
    assert "eleven" in upstream.bodies[-1].decode()


async def test_the_upstream_gets_a_body_of_ours_and_no_header_of_the_callers(
    program: Program, upstream: EchoUpstream
) -> None:
    body = {"model": "smollm2", "user": "somebody", "messages": [{"role": "user", "content": "Hi"}]}
    await program.post(body, **{"X-Mine": "1"})
    sent = upstream.chats[-1]
    assert sent["model"] == "echo"
    assert "user" not in sent
    assert "x-mine" not in upstream.heads[-1].lower()
    assert "authorization" not in upstream.heads[-1].lower()


async def test_the_decision_log_tells_of_every_exchange_without_content(program: Program) -> None:
    words = "unlikely-words-in-a-log"
    answer = await program.post({"model": "smollm2", "messages": [{"role": "user", "content": words}]})
    request_id = answer.headers["x-sluicegate-request-id"]
    for _ in range(100):
        log = "".join(path.read_text() for path in (program.folder / "state" / "decisions").glob("*.jsonl"))
        if request_id in log:
            break
        await asyncio.sleep(0.05)
    assert request_id in log
    assert words not in log
    assert words not in "".join(program.said)


async def test_figures_and_health_are_on_the_admin_side(program: Program) -> None:
    assert (await program.get("/healthz")).status == 200
    assert (await program.get("/readyz")).status == 200
    figures = (await program.get("/metrics")).body.decode()
    assert 'sluicegate_exchanges_total{code="",dialect="openai_chat",status="complete"}' in figures
