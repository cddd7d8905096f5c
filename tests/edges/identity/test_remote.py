"""Signing keys from a URL: fetched in the background, asked for seldom, outliving the provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.edges.identity.jwks import MAX_BYTES
from proxy.edges.identity.remote import ASK_AGAIN_S, KEEP_S, RemoteKeys
from proxy.edges.identity.tokens import JwtIdentity
from proxy.errors import EngineUnavailable
from tests.edges.fakes_identity import (
    OTHER_RSA,
    RSA,
    HandClock,
    Provider,
    jwk,
    key_set,
    provider,
    settings,
    token,
    until,
)


@pytest.fixture
async def idp() -> AsyncIterator[Provider]:
    async with provider() as serving:
        yield serving


@asynccontextmanager
async def running(keys: RemoteKeys) -> AsyncIterator[RemoteKeys]:
    task = asyncio.create_task(keys.run())
    try:
        yield keys
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def remote(serving: Provider, clock: HandClock | None = None, refresh_s: float = 300.0) -> RemoteKeys:
    return RemoteKeys(settings(jwks_url=serving.url, refresh_s=refresh_s), clock or HandClock())


def known(keys: RemoteKeys, key_id: str) -> bool:
    return keys.current().find(key_id, "RS256") is not None


async def test_keys_are_there_after_the_first_fetch(idp: Provider) -> None:
    async with running(remote(idp)) as keys:
        await until(lambda: keys.problem() is None)
        assert known(keys, "one")


async def test_before_the_first_fetch_there_is_no_answer(idp: Provider) -> None:
    keys = remote(idp)
    with pytest.raises(EngineUnavailable):
        keys.current()
    assert keys.problem() == "no signing keys were read from identity.jwt.jwks_url yet"


async def test_the_question_carries_nothing_but_itself(
    idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    idp.headers = {"Set-Cookie": "a=b"}
    idp.url = idp.url.replace("127.0.0.1", "localhost")  # cookies of an address alone are never kept
    async with running(remote(idp, refresh_s=0.01)):
        await until(lambda: len(idp.requests) > 1)
    asked = idp.requests[1]
    assert asked.headers.keys() <= {"Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert asked.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "content", "headers"),
    [
        (500, key_set(jwk(RSA)), {}),
        (302, b"", {"Location": "/keys"}),
        (200, b"<html>", {}),
        (200, b'{"keys": []}', {}),
        (200, key_set(jwk(RSA)) + b" " * MAX_BYTES, {}),
        (200, key_set(jwk(RSA)), {"Content-Encoding": "gzip"}),
    ],
)
async def test_an_answer_that_is_no_key_set_gives_no_keys(
    idp: Provider, status: int, content: bytes, headers: dict[str, str]
) -> None:
    idp.status, idp.content, idp.headers = status, content, headers
    async with running(remote(idp)) as keys:
        await until(lambda: len(idp.requests) > 0)
        await asyncio.sleep(0.02)
        with pytest.raises(EngineUnavailable):
            keys.current()
        assert len(idp.requests) == 1


async def test_an_answer_without_an_end_is_cut_off(idp: Provider) -> None:
    idp.url = idp.url.replace("/keys", "/endless")
    async with running(remote(idp)) as keys:
        await until(lambda: keys._failed)
        assert 0 < idp.endless < 16 * 1024 * 1024, "what the sockets hold, and no more"


async def test_a_provider_that_is_gone_gives_no_keys() -> None:
    keys = RemoteKeys(settings(jwks_url="http://127.0.0.1:9/keys"), HandClock())
    async with running(keys):
        await asyncio.sleep(0.05)
        with pytest.raises(EngineUnavailable):
            keys.current()


async def test_a_rotated_key_arrives_with_the_next_fetch(idp: Provider) -> None:
    async with running(remote(idp, refresh_s=0.01)) as keys:
        await until(lambda: keys.problem() is None)
        idp.content = key_set(jwk(OTHER_RSA, "two"))
        await until(lambda: known(keys, "two"))
        assert not known(keys, "one")


async def test_the_same_keys_again_change_nothing(idp: Provider) -> None:
    async with running(remote(idp, refresh_s=0.01)) as keys:
        await until(lambda: keys.problem() is None)
        before, asked = keys.current(), len(idp.requests)
        await until(lambda: len(idp.requests) > asked + 2)
        assert keys.current() is before


async def test_keys_outlive_the_provider_for_an_hour(idp: Provider) -> None:
    clock = HandClock()
    async with running(remote(idp, clock, refresh_s=0.01)) as keys:
        await until(lambda: keys.problem() is None)
        idp.status = 500
        clock.seconds += KEEP_S - 1
        await until(lambda: keys.problem() is not None)
        assert keys.problem() == "identity.jwt.jwks_url gives no keys now; older ones are in use"
        assert known(keys, "one")
        clock.seconds += 2
        with pytest.raises(EngineUnavailable):
            keys.current()
        idp.status = 200
        await until(lambda: keys.problem() is None)
        assert known(keys, "one")


async def test_an_unknown_key_is_fetched_at_once_but_seldom(idp: Provider) -> None:
    clock = HandClock()
    async with running(remote(idp, clock)) as keys:
        await until(lambda: keys.problem() is None)
        checking = JwtIdentity(settings(), keys, clock)
        new = token(key=OTHER_RSA, header={"kid": "two"})
        idp.content = key_set(jwk(RSA), jwk(OTHER_RSA, "two"))
        assert await checking.identify(new) is None, "just asked: not again so soon"
        clock.seconds += ASK_AGAIN_S
        answers = await asyncio.gather(*(checking.identify(new) for _ in range(20)))
        assert all(answers), "they wait for one fetch together"
        assert len(idp.requests) == 2
        for number in range(20):
            assert await checking.identify(token(header={"kid": f"made-up-{number}"})) is None
        assert len(idp.requests) == 2


async def test_who_comes_while_keys_are_fetched_waits_for_them(idp: Provider) -> None:
    clock = HandClock()
    async with running(remote(idp, clock)) as keys:
        await until(lambda: keys.problem() is None)
        idp.content = key_set(jwk(RSA), jwk(OTHER_RSA, "two"))
        idp.open.clear()
        clock.seconds += ASK_AGAIN_S
        async with asyncio.TaskGroup() as callers:
            first = callers.create_task(keys.renewed())
            await until(lambda: len(idp.requests) == 2)
            second = callers.create_task(keys.renewed())
            await asyncio.sleep(0.02)
            idp.open.set()
        assert first.result() is second.result()
        assert second.result().find("two", "RS256") is not None


async def test_a_caller_that_leaves_does_not_end_the_fetch(idp: Provider) -> None:
    clock = HandClock()
    async with running(remote(idp, clock)) as keys:
        await until(lambda: keys.problem() is None)
        clock.seconds += ASK_AGAIN_S
        waiting = asyncio.create_task(keys.renewed())
        await asyncio.sleep(0)
        waiting.cancel()
        await until(lambda: len(idp.requests) == 2)
        await until(lambda: keys.problem() is None)


# -- discovery


@asynccontextmanager
async def found_by_itself(idp: Provider, configuration: dict[str, object]) -> AsyncIterator[RemoteKeys]:
    origin = idp.url.removesuffix("/keys")
    whole = {"issuer": origin, "jwks_uri": idp.url, **configuration}
    idp.configuration = json.dumps(whole).encode()
    async with running(RemoteKeys(settings(issuer=origin, discovery=True), HandClock())) as keys:
        yield keys


async def test_an_issuer_that_is_asked_tells_where_its_keys_are(idp: Provider) -> None:
    async with found_by_itself(idp, {}) as keys:
        await until(lambda: keys.problem() is None)
        assert known(keys, "one")
    assert [request.path for request in idp.requests] == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "https://elsewhere.example/keys"},
        {"jwks_uri": "http://127.0.0.1:9/keys"},
        {"jwks_uri": "http://127.0.0.1@elsewhere.example/keys"},
        {"jwks_uri": "//elsewhere.example/keys"},
        {"jwks_uri": "/keys"},
        {"jwks_uri": "http://[::1"},
        {"jwks_uri": ["a"]},
    ],
)
async def test_an_issuer_cannot_send_us_to_another_host_or_be_another(
    idp: Provider, configuration: dict[str, object]
) -> None:
    async with found_by_itself(idp, configuration) as keys:
        await until(lambda: len(idp.requests) > 0)
        await asyncio.sleep(0.02)
        assert keys.problem() == "no signing keys were read from identity.jwt.discovery yet"
        assert [request.path for request in idp.requests] == ["/.well-known/openid-configuration"]
        with pytest.raises(EngineUnavailable):
            keys.current()


@pytest.mark.parametrize("content", [b"<html>", b"[]", b""])
async def test_a_configuration_that_is_none_gives_no_keys(idp: Provider, content: bytes) -> None:
    async with found_by_itself(idp, {}) as keys:
        idp.configuration = content
        await until(lambda: len(idp.requests) > 0)
        await asyncio.sleep(0.02)
        assert keys.problem() is not None


async def test_no_other_host_is_asked_for_an_issuers_keys(idp: Provider) -> None:
    async with provider() as elsewhere, found_by_itself(idp, {"jwks_uri": elsewhere.url}) as keys:
        await until(lambda: len(idp.requests) > 0)
        await asyncio.sleep(0.05)
        assert elsewhere.requests == []
        assert keys.problem() is not None
