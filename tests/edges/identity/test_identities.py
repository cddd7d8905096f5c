"""Who asks, from the Authorization header and nothing else."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity.identities import ANONYMOUS, Identities
from proxy.edges.identity.jwks import read_key_set
from proxy.edges.identity.keys import ApiKeys, KeyEntry, add_entry, hashed, new_key
from proxy.edges.identity.tokens import FileKeys, JwtIdentity
from proxy.errors import ConfigInvalid, EngineUnavailable, Unauthenticated
from proxy.exchange import Subject
from proxy.settings import Identity as Settings
from proxy.settings import Jwt
from tests.edges.fakes_identity import RSA, HandClock, jwk, key_set, provider, settings, token, until

KEY = new_key()
CLOCK = HandClock()
KEYS = ApiKeys([KeyEntry("one", hashed(KEY), Subject("bob"), "app")], CLOCK)
TOKENS = JwtIdentity(settings(), FileKeys(read_key_set(key_set(jwk(RSA)), ("RS256",))), CLOCK)
BOTH = Identities(keys=KEYS, tokens=TOKENS)


async def refused(door: Identities, authorization: str | None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await door.identify(authorization)
    return f"{caught.value.reason} {caught.value.param} {caught.value.rules} {caught.value.__cause__}"


async def test_a_key_and_a_token_are_told_apart() -> None:
    assert (await BOTH.identify(f"Bearer {KEY}")).subject.id == "bob"
    assert (await BOTH.identify(f"Bearer {token()}")).subject.id == "alice"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_schemes_name_has_no_case(scheme: str) -> None:
    assert (await BOTH.identify(f"{scheme} {KEY}")).method == "api_key"


async def test_every_refusal_is_the_same() -> None:
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        f"Bearer {KEY}x",
        f"Bearer {KEY} x",
        f"Bearer\t{KEY}",
        f" Bearer {KEY}",
        f"Bearer {KEY}\n",
        f"Bearer {KEY}, Bearer {KEY}",
        "Bearer sg-",
        "Bearer sg-nobody",
        "Bearer a.b.c",
        f"Bearer {token({'aud': 'other'})}",
        f"Bearer {token(header={'kid': 'gone'})}",
        f"Bearer {token({'exp': 1})}",
        "Bearer ä",
        "Bearer sg-\udcff",
    ]
    assert len({await refused(BOTH, value) for value in wrong}) == 1


async def test_anonymous_only_where_it_is_configured() -> None:
    assert await Identities(anonymous=True).identify(None) == ANONYMOUS
    await refused(Identities(), None)
    await refused(BOTH, None)


async def test_anonymous_is_in_no_group() -> None:
    assert ANONYMOUS.subject == Subject("anonymous", "default", (), ())


async def test_a_wrong_key_never_falls_back_to_anonymous() -> None:
    door = Identities(keys=KEYS, tokens=TOKENS, anonymous=True)
    assert await door.identify(None) == ANONYMOUS
    assert (await door.identify(f"Bearer {KEY}")).subject.id == "bob"
    for wrong in ("Bearer sg-wrong", "Bearer a.b.c", "", "Basic x", "Bearer EMPTY"):
        await refused(door, wrong)


async def test_where_nothing_can_check_a_key_it_says_nothing() -> None:
    """SDKs refuse to start without a key, so they send any."""
    for sent in ("Bearer sg-anything", "Bearer EMPTY", "Basic x", "Bearer a.b.c"):
        assert await Identities(anonymous=True).identify(sent) == ANONYMOUS


async def test_what_is_not_configured_lets_nobody_in() -> None:
    await refused(Identities(tokens=TOKENS), f"Bearer {KEY}")
    await refused(Identities(keys=KEYS), f"Bearer {token()}")


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"Bearer {text}"))
async def test_no_header_that_was_made_up_lets_anyone_in(text: str) -> None:
    await refused(BOTH, text)


@pytest.fixture
def from_files(tmp_path: Path) -> Identities:
    keys, signing = tmp_path / "keys.yaml", tmp_path / "jwks.json"
    add_entry(keys, KeyEntry("one", hashed(KEY), Subject("bob"), "app"))
    signing.write_bytes(key_set(jwk(RSA)))
    return Identities.read(Settings(keys, settings(jwks_file=signing)), CLOCK)


async def test_all_of_it_is_read_from_files(from_files: Identities) -> None:
    door = from_files
    assert (await door.identify(f"Bearer {KEY}")).subject.id == "bob"
    assert (await door.identify(f"Bearer {token()}")).subject.id == "alice"
    assert door.problem() is None
    await asyncio.wait_for(door.run(), 1)


def test_the_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    keys, signing = tmp_path / "keys.yaml", tmp_path / "jwks.json"
    keys.write_text("keys: 5")
    signing.write_text("{}")
    with pytest.raises(ConfigInvalid) as caught:
        Identities.read(Settings(keys, settings(jwks_file=signing)), CLOCK)
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [f"{keys}:1", str(signing)]


async def test_keys_from_a_url_are_fetched_while_it_runs() -> None:
    async with provider() as serving:
        group: Jwt = settings(jwks_url=serving.url)
        door = Identities.read(Settings(jwt=group), CLOCK)
        assert door.problem() is not None
        with pytest.raises(EngineUnavailable):
            await door.identify(f"Bearer {token()}")
        running = asyncio.create_task(door.run())
        await until(lambda: door.problem() is None)
        assert (await door.identify(f"Bearer {token()}")).subject.id == "alice"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_nothing_shows_a_key() -> None:
    assert repr(Identities(keys=KEYS)) == "<Identities: <ApiKeys: 1>, None, anonymous=False>"
    assert KEY not in repr(vars(BOTH)) + repr(vars(KEYS))
