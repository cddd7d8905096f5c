"""Bad input at the real door: a 4xx in OpenAI's shape with a stable code, no echo, and nothing upstream."""

import json
from typing import Any

import pytest

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "canary-4f1d"
GOOD: dict[str, Any] = {"model": "smollm2", "messages": [{"role": "user", "content": "Hello there."}]}


def with_(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def part(kind: str, **fields: Any) -> bytes:
    return with_(messages=[{"role": "user", "content": [{"type": kind, **fields}]}])


BAD: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "request_invalid"),
    "not JSON": (b"{" + CANARY.encode(), 400, "request_invalid"),
    "truncated": (with_()[:-3], 400, "request_invalid"),
    "an array": (b"[]", 400, "request_invalid"),
    "a byte order mark": (b"\xef\xbb\xbf" + with_(), 400, "request_invalid"),
    "UTF-16": (with_().decode().encode("utf-16-le"), 400, "request_invalid"),
    "a duplicate key": (b'{"model":"smollm2","model":"smollm2","messages":[]}', 400, "request_invalid"),
    "a key twice in two cases": (
        b'{"model":"smollm2","messages":[{"role":"user","content":"a"}],"Messages":[]}',
        400,
        "request_invalid",
    ),
    "NaN": (with_()[:-1] + b', "temperature": NaN}', 400, "request_invalid"),
    "an integer beyond 2^53": (with_(seed=2**60), 400, "request_invalid"),
    "too deep": (b'{"messages":' + b"[" * 500 + b"]" * 500 + b"}", 400, "request_invalid"),
    "stream as a word": (with_(stream="true"), 400, "request_invalid"),
    "a wrong type": (with_(messages=CANARY), 400, "request_invalid"),
    "an unknown role": (with_(messages=[{"role": CANARY, "content": "x"}]), 400, "request_invalid"),
    "an unknown field": (with_(frobnicate=CANARY), 400, "request_invalid"),
    "a chat template": (with_(chat_template=CANARY), 400, "request_invalid"),
    "a cache salt": (with_(cache_salt=CANARY), 400, "request_invalid"),
    "an unknown part": (part("hologram", hologram=CANARY), 400, "request_invalid"),
    "remote media": (part("image_url", image_url={"url": f"http://{CANARY}/x.png"}), 400, "request_invalid"),
    "an unscannable part": (
        part("image_url", image_url={"url": "data:image/png;base64,iVBORw0KGgo="}),
        403,
        "policy_denied",
    ),
    "an unknown model": (with_(model=CANARY), 404, "model_unknown"),
    "a model in other letters": (with_(model="SmolLM2"), 404, "model_unknown"),
    "too large": (with_(messages=[{"role": "user", "content": "x" * (5 * 2**20)}]), 413, "request_too_large"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_bodies_are_refused_without_an_echo(
    name: str, program: Program, upstream: EchoUpstream
) -> None:
    body, status, code = BAD[name]
    before = len(upstream.bodies)
    answer = await program.post(body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert set(answer.error) >= {"message", "type", "param", "code", "request_id"}
    assert CANARY.encode() not in answer.body
    assert answer.headers["x-sluicegate-request-id"] == answer.error["request_id"]
    assert len(upstream.bodies) == before


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/audio/speech", 404, "route_unknown"),
        ("/v1/images/generations", 404, "route_unknown"),
        ("/invocations", 404, "route_unknown"),
        ("/v1/realtime", 404, "route_unknown"),
        ("/v1/chat/completions/", 404, "route_unknown"),
        ("//v1/chat/completions", 404, "route_unknown"),
        ("/v1%2fchat/completions", 404, "route_unknown"),
        ("/V1/chat/completions", 404, "route_unknown"),
        ("/metrics", 404, "route_unknown"),
    ],
)
async def test_other_routes_are_refused_and_not_forwarded(
    path: str, status: int, code: str, program: Program, upstream: EchoUpstream
) -> None:
    import aiohttp
    from yarl import URL

    before = upstream.connections
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            URL(program.url + path, encoded=True), data=with_(), headers={"Content-Type": "application/json"}
        ) as answer,
    ):
        assert answer.status == status
        assert json.loads(await answer.read())["error"]["code"] == code
    assert upstream.connections <= before + 1  # the proxy's own look for models may come in between


@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer sg-wrong", "Basic Zm9vOmJhcg==", "Bearer a.b.c"])
async def test_a_wrong_key_is_unauthenticated(key: str, program: Program, upstream: EchoUpstream) -> None:
    before = len(upstream.bodies)
    answer = await program.post(with_(), Authorization=key)
    assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
    assert len(upstream.bodies) == before


async def test_no_header_of_the_caller_identifies_anybody_or_reaches_the_model(
    program: Program, upstream: EchoUpstream
) -> None:
    claims = {
        "X-Forwarded-User": CANARY,
        "X-User-Groups": "finance",
        "OpenAI-Organization": CANARY,
        "Cookie": CANARY,
    }
    answer = await program.post(with_(model="smollm2-finance"), "engineering", **claims)
    assert answer.error["code"] == "policy_denied"
    assert (await program.post(with_(), "engineering", **claims)).status == 200
    assert CANARY not in upstream.received
    assert program.keys["engineering"] not in upstream.received


async def test_nothing_that_was_refused_is_written_anywhere(program: Program) -> None:
    assert CANARY not in program.files()
