import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.edges.rego.opa import OpaEngine, read_token
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.verdict import Action
from tests.fakes_policies import ALLOW, answering, scripted_opa

RIGHT = {"result": ALLOW, "provenance": {"bundles": {"gateway": {"revision": "r7"}}}}


async def engine(url: str, **options: Any) -> OpaEngine:
    given = {"socket": None, "token": None, "deadline_s": 2.0, "revision": None, **options}
    return await OpaEngine.open(url=url, **given)


async def test_the_question_is_one_path_with_everything_in_the_input() -> None:
    seen: list[tuple[str, str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, await request.json()))
        return web.json_response(RIGHT)

    async with scripted_opa(handler) as url:
        asked = await engine(url)
        decision = await asked.decide({"phase": "é/../admission"})
        await asked.close()
    assert seen == [
        ("POST", "/v1/data/gateway/main/decision?provenance=true", {"input": {"phase": "é/../admission"}})
    ]
    assert (decision.action, decision.revision, asked.revision) == (Action.ALLOW, "r7", "r7")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"result": None},
        {"result": {}},
        {"result": [ALLOW]},
        {"result": True},
        {"decision_id": "x"},
        [],
        None,
        b"",
        b"not json",
        b'{"result": ',
        {"result": {**ALLOW, "extra": 1}},
    ],
    ids=str,
)
async def test_what_is_no_whole_decision_blocks(body: Any) -> None:
    async with scripted_opa(answering(body)) as url:
        asked = await engine(url)
        with pytest.raises(EngineUnavailable):
            await asked.decide({})
        await asked.close()


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 404, 500, 502, 503, 504])
async def test_every_other_status_blocks_at_the_first_try(status: int) -> None:
    asked_times = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal asked_times
        asked_times += 1
        headers = {"Location": "/elsewhere"} if status == 302 else None
        return web.Response(body=b"{}", status=status, content_type="application/json", headers=headers)

    async with scripted_opa(handler) as url:
        asked = await engine(url)
        with pytest.raises(EngineUnavailable):
            await asked.decide({})
        await asked.close()
    assert asked_times == 1


async def test_a_server_that_is_late_blocks_in_time_and_loses_the_question() -> None:
    gone = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        try:
            await asyncio.sleep(30)
        finally:
            gone.set()
        raise AssertionError

    async with scripted_opa(handler) as url:
        asked = await engine(url, deadline_s=0.1)
        began = asyncio.get_running_loop().time()
        with pytest.raises(EngineUnavailable):
            await asked.decide({})
        assert asyncio.get_running_loop().time() - began < 1.5
        await asyncio.wait_for(gone.wait(), 2)
        await asked.close()


async def test_a_server_that_is_away_blocks(unused_tcp_port: int, tmp_path: Path) -> None:
    asked = await engine(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(EngineUnavailable):
        await asked.decide({})
    assert not await asked.healthy()
    await asked.close()
    by_socket = await OpaEngine.open(
        url=None, socket=tmp_path / "none.sock", token=None, deadline_s=1, revision=None
    )
    with pytest.raises(EngineUnavailable):
        await by_socket.decide({})
    await by_socket.close()


@pytest.mark.parametrize(
    "provenance",
    [
        None,
        {},
        {"bundles": {}},
        {"bundles": {"gateway": {}}},
        {"bundles": {"gateway": {"revision": "r8"}}},
        [],
        "r7",
    ],
    ids=str,
)
async def test_another_revision_than_the_pinned_one_blocks(provenance: Any) -> None:
    async with scripted_opa(answering({"result": ALLOW, "provenance": provenance})) as url:
        asked = await engine(url, revision="r7")
        with pytest.raises(EngineUnavailable):
            await asked.decide({})
        await asked.close()


async def test_the_pinned_revision_decides() -> None:
    async with scripted_opa(answering(RIGHT)) as url:
        asked = await engine(url, revision="r7")
        assert (await asked.decide({})).revision == "r7"
        await asked.close()


async def test_the_token_is_sent_and_shown_nowhere() -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response(RIGHT)

    async with scripted_opa(handler) as url:
        asked = await engine(url, token="s3cret")
        await asked.decide({})
        await asked.close()
    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in repr(asked) + repr(asked._client)


async def test_a_server_below_a_path_is_asked_there() -> None:
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.json_response(RIGHT)

    async with scripted_opa(handler) as url:
        asked = await engine(f"{url}/opa/")
        await asked.decide({})
        assert await asked.healthy()
        await asked.close()
    assert paths == ["/opa/v1/data/gateway/main/decision", "/opa/health"]


async def test_no_cookie_is_kept() -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.json_response(RIGHT)
        response.set_cookie("a", "b")
        return response

    async with scripted_opa(handler) as url:
        asked = await engine(url.replace("127.0.0.1", "localhost"))
        await asked.decide({})
        await asked.decide({})
        await asked.close()
    assert cookies == [None, None]


async def test_after_many_cancelled_questions_every_answer_is_to_its_own_question() -> None:
    chance = random.Random(1)

    async def handler(request: web.Request) -> web.Response:
        nonce = (await request.json())["input"]["nonce"]
        await asyncio.sleep(chance.random() * 0.02)
        provenance = {"bundles": {"gateway": {"revision": nonce}}}
        return web.json_response({"result": ALLOW, "provenance": provenance})

    async with scripted_opa(handler) as url:
        asked = await engine(url)

        async def ask(nonce: str) -> None:
            try:
                async with asyncio.timeout(chance.random() * 0.03):
                    assert (await asked.decide({"nonce": nonce})).revision == nonce
            except (TimeoutError, EngineUnavailable):
                pass

        for round_ in range(20):
            await asyncio.gather(*(ask(f"{round_}.{index}") for index in range(30)))
        assert (await asked.decide({"nonce": "last"})).revision == "last"
        await asked.close()


@pytest.mark.parametrize("text", ["", "  \n", "two words", "a\nb"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigInvalid) as refused:
        read_token(tmp_path / "token")
    assert refused.value.problems == (f"{tmp_path / 'token'}: holds no token",)


def test_a_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    assert read_token(tmp_path / "token") == "abc"
    assert read_token(None) is None
    with pytest.raises(ConfigInvalid):
        read_token(tmp_path / "missing")
