"""The `identity` group of the settings, opened: files are read, told about together, and kept fresh."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.edges.identity.keys import KeyEntry, add_entry, hashed, new_key
from proxy.edges.identity.opening import LiveIdentities, read_identities
from proxy.errors import ConfigInvalid, EngineUnavailable, Unauthenticated
from proxy.exchange import CertificateNames, Credentials, Subject
from proxy.settings import Agent, Certificate
from proxy.settings import Identity as Settings
from tests.edges.fakes_identity import (
    OTHER_RSA,
    RSA,
    HandClock,
    jwk,
    key_set,
    provider,
    settings,
    token,
    until,
)

CLOCK = HandClock()


def entry(key: str, name: str) -> KeyEntry:
    return KeyEntry(name, hashed(key), Subject(name), "app")


def sent(key: str) -> Credentials:
    return Credentials(api_keys=(key,))


async def let_in(door: LiveIdentities, key: str) -> bool:
    try:
        await door.identify(sent(key))
    except Unauthenticated:
        return False
    return True


@asynccontextmanager
async def running(door: LiveIdentities) -> AsyncIterator[None]:
    task = asyncio.create_task(door.run(0.01))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def opened(group: Settings) -> LiveIdentities:
    return await asyncio.to_thread(read_identities, group, CLOCK)


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


@pytest.fixture
def signing_file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(key_set(jwk(RSA)))
    return path


async def test_all_of_it_is_read_from_files(keys_file: Path, signing_file: Path) -> None:
    key = new_key()
    await asyncio.to_thread(add_entry, keys_file, entry(key, "bob"))
    group = Settings(
        keys_file,
        (settings(jwks_file=signing_file),),
        certificates=(Certificate("bot", uri="spiffe://acme/bot"),),
        trusted_peers=("10.0.0.7",),
        agents=(Agent("bot", ("robots",)),),
    )
    door = await opened(group)
    assert (await door.identify(sent(key))).subject.id == "bob"
    assert (await door.identify(sent(token()))).subject.id == "alice"
    bot = await door.identify(Credentials(certificate=CertificateNames(("spiffe://acme/bot",))))
    assert (bot.subject.id, bot.actor_groups) == ("bot", ("robots",))
    assert door.problem() is None
    assert door.stale() is None


async def test_with_nothing_to_keep_fresh_it_ends_at_once() -> None:
    await asyncio.wait_for((await opened(Settings(anonymous=True))).run(), 1)


def test_the_problems_of_all_files_are_told_together(keys_file: Path, signing_file: Path) -> None:
    keys_file.write_text("keys: 5")
    signing_file.write_text("{}")
    with pytest.raises(ConfigInvalid) as caught:
        read_identities(Settings(keys_file, (settings(jwks_file=signing_file),)), CLOCK)
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        f"{keys_file}:1",
        str(signing_file),
    ]


async def test_a_key_is_added_and_taken_away_while_it_runs(keys_file: Path) -> None:
    first, second = new_key(), new_key()
    await asyncio.to_thread(add_entry, keys_file, entry(first, "first"))
    door = await opened(Settings(keys_file))
    async with running(door):
        assert not await let_in(door, second)
        await asyncio.to_thread(add_entry, keys_file, entry(second, "second"))
        async with asyncio.timeout(5):
            while not await let_in(door, second):
                await asyncio.sleep(0.01)
        assert await let_in(door, first)
        await asyncio.to_thread(keys_file.unlink)
        await asyncio.to_thread(add_entry, keys_file, entry(second, "second"))
        async with asyncio.timeout(5):
            while await let_in(door, first):
                await asyncio.sleep(0.01)
        assert await let_in(door, second)


async def test_a_broken_keys_file_changes_nothing_and_is_told(keys_file: Path) -> None:
    key = new_key()
    await asyncio.to_thread(add_entry, keys_file, entry(key, "first"))
    door = await opened(Settings(keys_file))
    await asyncio.to_thread(keys_file.write_text, "keys: 5")
    await door.reload()
    assert await let_in(door, key)
    stale = door.stale()
    assert stale is not None
    assert "keys.yaml:1" in stale


async def test_signing_keys_are_rotated_in_their_file(signing_file: Path) -> None:
    door = await opened(Settings(jwt=(settings(jwks_file=signing_file),)))
    assert await let_in(door, token())
    await asyncio.to_thread(signing_file.write_bytes, key_set(jwk(OTHER_RSA)))
    await door.reload()
    assert not await let_in(door, token()), "a remembered token goes with its key"
    assert await let_in(door, token(key=OTHER_RSA))


async def test_keys_from_a_url_are_fetched_while_it_runs() -> None:
    async with provider() as serving:
        door = await opened(Settings(jwt=(settings(jwks_url=serving.url),)))
        assert door.problem() is not None
        with pytest.raises(EngineUnavailable):
            await door.identify(sent(token()))
        async with running(door):
            await until(lambda: door.problem() is None)
            assert await let_in(door, token())


async def test_an_issuer_of_which_only_peers_tell_takes_no_tokens() -> None:
    group = Settings(jwt=(settings(peer_claims=True),), trusted_peers=("10.0.0.7",))
    assert not await let_in(await opened(group), token())
