"""The lists behind a front of their own: who is told of which model, and how names in paths are matched."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from proxy.engines import UpstreamRoute
from proxy.errors import Unauthenticated
from proxy.exchange import Identity
from proxy.settings import Limits
from proxy.verdict import Decision
from proxy.web.front import Front
from proxy.web.lists import Lists
from proxy.wire.openai_errors import error_body
from tests.conductor.plays import ANNA, BERT, Play
from tests.fakes import ScriptedPolicies, ScriptedUpstream, allow, block

GRANTED = {"anna": {"small", "team/large:7b"}, "bert": {"small"}}


def granted(document: Mapping[str, Any]) -> Decision:
    return allow() if document["model"] in GRANTED[document["subject"]["id"]] else block()


async def identify(request: web.BaseRequest) -> Identity:
    who = {"Bearer anna": ANNA, "Bearer bert": BERT}.get(request.headers.get("Authorization", ""))
    if who is None:
        raise Unauthenticated("A valid API key or token is needed.")
    return who


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    upstream = ScriptedUpstream()
    upstream.served = {name: (UpstreamRoute("local", name, "", ()),) for name in ("small", "team/large:7b")}
    conductor = Play(policies=ScriptedPolicies(admission=granted), upstream=upstream).conductor
    lists = Lists(conductor, identify, Limits(), 5, lambda _dialect: "small")
    front = Front(lists.routes(), Limits(), error_body, lambda _event, _fields: None)
    host, port = await front.start("127.0.0.1:0")
    try:
        yield f"http://{host}:{port}"
    finally:
        await front.drain(0)


async def get(
    url: str, path: str, who: str = "anna", method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, Any]:
    sent = {"Authorization": f"Bearer {who}", "Content-Type": "application/json", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, URL(f"{url}{path}", encoded=True), headers=sent, json=body) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize("spelled", ["team/large:7b", "team%2Flarge:7b", "team%2flarge%3A7b"])
async def test_a_model_is_told_under_its_name_however_a_url_spells_it(spelled: str) -> None:
    async with listening() as url:
        status, told = await get(url, f"/v1/models/{spelled}")
        assert (status, told["id"]) == (200, "team/large:7b")
        status, told = await get(url, f"/v1/models/{spelled}", **{"anthropic-version": "2023-06-01"})
        assert (status, told["type"], told["id"]) == (200, "model", "team/large:7b")


async def test_a_hidden_model_and_none_are_told_of_in_the_same_words() -> None:
    async with listening() as url:
        hidden = await get(url, "/v1/models/team%2Flarge:7b", "bert")
        missing = await get(url, "/v1/models/nothing", "bert")
        for status, told in (hidden, missing):
            del told["error"]["request_id"]
            assert (status, told["error"]["code"]) == (404, "model_unknown")
        assert hidden == missing


@pytest.mark.parametrize(
    "path",
    [
        "/v1/modelss",
        "/v1/models/small?x=1",
        "/v1/models/small;x",
        "/v1/models/" + "a" * 1025,
        "/v1/model/small",
        "//v1/models/small",
        "/V1/models/small",
        "/api/tags/small",
        "/info/small",
    ],
)
async def test_only_a_name_may_follow_and_only_there(path: str) -> None:
    async with listening() as url:
        status, told = await get(url, path)
        assert status in (400, 404)
        assert told["error"]["code"] in ("route_unknown", "request_invalid")


@pytest.mark.parametrize(
    "path",
    ["/v1/models/", "/v1/models/../../info", "/v1/models/small/", "/v1/models/%00", "/v1/models/sm%20all"],
)
async def test_what_follows_and_is_no_name_is_no_model(path: str) -> None:
    async with listening() as url:
        status, told = await get(url, path)
        assert (status, told["error"]["code"]) == (404, "model_unknown")


async def test_a_method_that_a_named_path_does_not_take_is_refused() -> None:
    async with listening() as url:
        status, told = await get(url, "/v1/models/small", method="DELETE")
        assert (status, told["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/small", "/api/tags", "/api/version", "/info"])
async def test_nobody_learns_anything_without_saying_who_they_are(path: str) -> None:
    async with listening() as url:
        status, told = await get(url, path, "nobody")
        assert status == 401
        assert "small" not in str(told)


async def test_each_family_is_told_the_same_names() -> None:
    async with listening() as url:
        for who, names in (("anna", ["small", "team/large:7b"]), ("bert", ["small"])):
            for headers in ({}, {"anthropic-version": "2023-06-01"}):
                _, told = await get(url, "/v1/models", who, **headers)
                assert [one["id"] for one in told["data"]] == names
            _, told = await get(url, "/api/tags", who)
            assert [one["name"] for one in told["models"]] == names


async def test_a_model_is_shown_to_those_who_may_use_it() -> None:
    async with listening() as url:
        asked = {"model": "team/large:7b"}
        status, told = await get(url, "/api/show", "anna", "POST", asked)
        assert (status, told["model_info"]) == (200, {})
        for who, body in (("bert", asked), ("anna", {"model": "nothing"})):
            status, told = await get(url, "/api/show", who, "POST", body)
            assert (status, told["code"]) == (404, "model_unknown")
        status, told = await get(url, "/api/show", "anna", "POST", {"model": "small", "other": 1})
        assert (status, told["code"]) == (400, "request_invalid")
