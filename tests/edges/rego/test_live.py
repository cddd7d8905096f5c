import asyncio
import logging
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.edges.clock import SystemClock
from proxy.edges.log import Log
from proxy.edges.rego.live import CACHED_BYTES, LivePolicies, LoadedEngine, check_policies, open_policies
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.settings import HardRules, Opa
from tests.edges.rego.test_opa_child import OPA, opa_below
from tests.fakes_policies import ALLOW, HandEngine, answering, scripted_opa
from tests.policies.documents import whole
from tests.policies.engines import REPOSITORY

LOG = Log(logging.getLogger("test.policies"))
QUICK = HardRules(reload_s=0.02, deadline_s=0.05, cache_entries=3)
GRANTS = "gateway/config/grants/data.yaml"


class Shelf:
    """What `load` finds: an engine to hand out, or a fault."""

    def __init__(self, *engines: HandEngine) -> None:
        self.engines = list(engines)
        self.signature = 0
        self.loads = 0

    async def load(self) -> LoadedEngine:
        self.loads += 1
        if not self.engines:
            raise ConfigInvalid(["main.rego:3: broken"])
        return self.engines.pop(0)

    def sign(self) -> tuple[tuple[str, int, int], ...]:
        return (("file", self.signature, 0),)


def live(engine: HandEngine, shelf: Shelf, rules: HardRules = QUICK) -> LivePolicies:
    return LivePolicies(engine, shelf.load, shelf.sign, rules, SystemClock(), LOG)


@asynccontextmanager
async def running(policies: LivePolicies) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(policies.run())
        await asyncio.sleep(0.01)
        yield
        task.cancel()


async def until(met: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.005)


async def test_the_same_facts_are_decided_once() -> None:
    engine = HandEngine("r1")
    policies = live(engine, Shelf())
    first = await policies.decide({"a": 1, "b": [2]})
    assert await policies.decide({"b": [2], "a": 1}) is first
    assert len(engine.asked) == 1


async def test_other_facts_are_decided_anew() -> None:
    engine = HandEngine("r1")
    policies = live(engine, Shelf())
    for document in ({"a": 1}, {"a": 1.0}, {"a": "1"}, {"a": True}, {}):
        await policies.decide(document)
    assert len(engine.asked) == 5


async def test_the_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    engine = HandEngine("r1")
    policies = live(engine, Shelf())
    for key in (1, 2, 3, 1, 4):
        await policies.decide({"key": key})
    engine.asked.clear()
    for key in (1, 3, 4, 2):
        await policies.decide({"key": key})
    assert engine.asked == [b'{"key":2}']


async def test_long_documents_are_not_kept() -> None:
    engine = HandEngine("r1")
    policies = live(engine, Shelf())
    for _ in range(2):
        await policies.decide({"text": "x" * CACHED_BYTES})
    assert len(engine.asked) == 2


async def test_an_engine_that_may_ask_the_clock_is_always_asked() -> None:
    engine = HandEngine("r1", pure=False)
    policies = live(engine, Shelf())
    for _ in range(2):
        await policies.decide({})
    assert len(engine.asked) == 2


async def test_a_failure_is_not_remembered() -> None:
    engine = HandEngine("r1")
    policies = live(engine, Shelf())
    engine.failing = True
    with pytest.raises(EngineUnavailable):
        await policies.decide({})
    engine.failing = False
    assert (await policies.decide({})).revision == "r1"


async def test_a_change_on_disk_swaps_the_engine_and_forgets_its_decisions() -> None:
    old, new = HandEngine("r1"), HandEngine("r2")
    shelf = Shelf(new)
    policies = live(old, shelf)
    assert (await policies.decide({})).revision == "r1"
    async with running(policies):
        await asyncio.sleep(0.06)
        assert shelf.loads == 0
        shelf.signature += 1
        await until(lambda: policies.revision == "r2")
        assert (await policies.decide({})).revision == "r2"
        await until(lambda: old.closed)
    assert not new.closed


async def test_a_change_that_does_not_load_keeps_the_last_good_one_and_says_so() -> None:
    old, new = HandEngine("r1"), HandEngine("r2")
    shelf = Shelf()
    policies = live(old, shelf)
    async with running(policies):
        shelf.signature += 1
        await until(lambda: policies.status()["problem"] is not None)
        assert policies.status()["problem"] == "main.rego:3: broken"
        assert (await policies.decide({})).revision == policies.status()["revision"] == "r1"
        await asyncio.sleep(0.06)
        assert shelf.loads == 1, "the same broken files are not tried again and again"
        shelf.engines.append(new)
        shelf.signature += 1
        await until(lambda: policies.status()["problem"] is None)
        assert policies.revision == "r2"
    assert not old.failing


async def test_a_decision_begun_by_one_revision_is_finished_by_it() -> None:
    old, new = HandEngine("r1"), HandEngine("r2")
    policies = live(old, Shelf(new), HardRules(deadline_s=0.5))
    old.hold.clear()
    async with asyncio.TaskGroup() as group:
        begun = group.create_task(policies.decide({}))
        await asyncio.sleep(0)
        group.create_task(policies.reload())
        await until(lambda: policies.revision == "r2")
        assert (await policies.decide({})).revision == "r2"
        assert not old.closed
        old.hold.set()
        assert (await begun).revision == "r1"
    assert (await policies.decide({})).revision == "r2", (
        "the late decision is not remembered for the new revision"
    )
    assert old.closed


async def test_an_engine_that_died_is_started_again() -> None:
    engine = HandEngine("r1")
    policies = live(engine, Shelf())
    async with running(policies):
        engine.died.set()
        await until(lambda: engine.restarts == 1)
        assert not engine.died.is_set()


async def test_without_polling_only_a_reload_is_looked_at() -> None:
    shelf = Shelf(HandEngine("r2"))
    policies = live(HandEngine("r1"), shelf, HardRules(reload_s=0, deadline_s=0.01))
    async with running(policies):
        shelf.signature += 1
        await asyncio.sleep(0.05)
        assert policies.revision == "r1"
        await policies.reload()
        assert policies.revision == "r2"


async def copied(target: Path) -> Path:
    return Path(await asyncio.to_thread(shutil.copytree, REPOSITORY, target / "policies"))


def whole_admission() -> dict[str, Any]:
    return {**next(whole()), "model": "smollm2-finance"}


@pytest.mark.parametrize("engine", ["embedded", "opa"])
async def test_new_grants_are_in_force_without_a_restart(tmp_path: Path, engine: Any) -> None:
    folder = await copied(tmp_path)
    rules = HardRules(engine=engine, policies=folder, opa=Opa(binary=OPA), reload_s=0.05, deadline_s=5.0)
    async with open_policies(rules, tmp_path / "state", LOG) as policies:
        first = policies.revision
        assert not (await policies.decide(whole_admission())).blocks
        async with running(policies):
            (folder / GRANTS).write_text("models: {}\n")
            await until(lambda: policies.revision != first, 30)
            assert (await policies.decide(whole_admission())).rules[0] == "model.grant"
            (folder / GRANTS).write_text("models: [\n")
            await until(lambda: policies.status()["problem"] is not None, 30)
            assert (await policies.decide(whole_admission())).blocks
    assert opa_below(os.getpid()) == []


async def test_both_engines_have_the_same_revision_of_the_same_policies(tmp_path: Path) -> None:
    revisions = set()
    for rules in (HardRules(), HardRules(engine="opa", opa=Opa(binary=OPA), deadline_s=5.0)):
        async with open_policies(rules, tmp_path, LOG) as policies:
            revisions.add((await policies.decide(whole_admission())).revision)
    assert len(revisions) == 1


async def test_a_child_that_was_killed_is_back_and_decides(tmp_path: Path) -> None:
    rules = HardRules(engine="opa", opa=Opa(binary=OPA), deadline_s=5.0)
    async with open_policies(rules, tmp_path, LOG) as policies, running(policies):
        (pid,) = opa_below(os.getpid())
        os.kill(pid, signal.SIGKILL)
        await until(lambda: opa_below(os.getpid()) not in ([], [pid]), 20)
        await until_decided(policies.decide)


async def until_decided(decide: Callable[[dict[str, Any]], Awaitable[Any]]) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await decide(whole_admission())
            except EngineUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_an_opa_that_somebody_else_runs_is_asked_and_its_policies_are_not_read(tmp_path: Path) -> None:
    async with scripted_opa(answering({"result": ALLOW})) as url:
        rules = HardRules(
            engine="opa", policies=tmp_path / "none", opa=Opa(url=url), reload_s=0.02, deadline_s=2.0
        )
        async with open_policies(rules, tmp_path, LOG) as policies, running(policies):
            await asyncio.sleep(0.05)
            assert not (await policies.decide({})).blocks
            assert policies.status()["problem"] is None


async def test_a_proxy_does_not_start_with_broken_policies(tmp_path: Path) -> None:
    folder = await copied(tmp_path)
    (folder / GRANTS).write_text("models: [\n")
    with pytest.raises(ConfigInvalid, match="grants"):
        async with open_policies(HardRules(policies=folder), tmp_path, LOG):
            pytest.fail("it opened")


@pytest.mark.parametrize("engine", ["embedded", "opa"])
def test_a_check_tells_what_a_start_would(tmp_path: Path, engine: Any) -> None:
    check_policies(HardRules(engine=engine, opa=Opa(binary=OPA)), tmp_path)
    folder = Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))
    (folder / "gateway/main/main.rego").write_text("package gateway.main\n\ndecision := missing\n")
    with pytest.raises(ConfigInvalid, match=r"main\.rego:3"):
        check_policies(HardRules(engine=engine, policies=folder, opa=Opa(binary=OPA)), tmp_path)


def test_a_check_asks_no_server_that_is_not_ours(tmp_path: Path) -> None:
    check_policies(HardRules(engine="opa", opa=Opa(url="http://127.0.0.1:9"), policies=tmp_path), tmp_path)
