"""The policies that decide now: opened with the right engine, watched on disk, swapped whole, remembered.

A change that does not load leaves the last good policies in force, and `status` says so. Each decision is
made by exactly one revision.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import orjson

from proxy.edges.clock import SystemClock
from proxy.edges.log import Log
from proxy.edges.rego import files as rego_files
from proxy.edges.rego.compile import compile_bundle
from proxy.edges.rego.opa import OpaEngine, read_token
from proxy.edges.rego.opa_child import OpaChild
from proxy.edges.rego.opa_command import find_opa
from proxy.edges.rego.wasm import EmbeddedEngine
from proxy.engines import Clock
from proxy.errors import ConfigInvalid
from proxy.exchange import Json
from proxy.settings import HardRules
from proxy.verdict import Decision

Signature = tuple[tuple[str, int, int], ...]

# A longer document is one with large tool arguments: it hardly comes twice, and memory is for those that do.
CACHED_BYTES = 8192


class LoadedEngine(Protocol):
    """What an engine offers beyond `PolicyEngine`. `pure`: the same document gives the same decision."""

    @property
    def pure(self) -> bool: ...
    @property
    def revision(self) -> str: ...
    async def decide_bytes(self, document: bytes) -> Decision: ...
    async def ended(self) -> None: ...
    async def restart(self) -> None: ...
    async def close(self) -> None: ...


class LivePolicies:
    """A `PolicyEngine` over the engine of the moment."""

    def __init__(
        self,
        engine: LoadedEngine,
        load: Callable[[], Awaitable[LoadedEngine]],
        sign: Callable[[], Signature],
        rules: HardRules,
        clock: Clock,
        log: Log,
    ) -> None:
        """`load` makes a new engine or raises ConfigInvalid. `sign` changes when the policies do."""
        self._engine = engine
        self._load = load
        self._sign = sign
        self._rules = rules
        self._clock = clock
        self._log = log
        self._signature: Signature | None = None
        self._remembered: dict[bytes, Decision] = {}
        self._loaded_at = clock.now()
        self._problem: str | None = None
        self._reloading = asyncio.Lock()

    @property
    def revision(self) -> str:
        return self._engine.revision

    def status(self) -> dict[str, Json]:
        """`problem`: why the policies on disk are not the ones that decide; None when they are."""
        return {"revision": self.revision, "loaded_at": self._loaded_at, "problem": self._problem}

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        engine, remembered = self._engine, self._remembered
        asked = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        known = remembered.pop(asked, None)
        decision = known or await engine.decide_bytes(asked)
        if engine.pure and len(asked) <= CACHED_BYTES:
            self._remember(remembered, asked, decision)
        return decision

    def _remember(self, remembered: dict[bytes, Decision], asked: bytes, decision: Decision) -> None:
        """The most recently used stay. A swap brings a new dictionary, so a late one lands in the old."""
        remembered[asked] = decision
        if len(remembered) > self._rules.cache_entries:
            remembered.pop(next(iter(remembered)))

    async def run(self) -> None:
        """Looks at the repository every `reload_s`, and starts an engine that died. Never returns."""
        self._signature = await asyncio.to_thread(self._sign)
        pause = self._rules.reload_s or None
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._engine.ended()
            except TimeoutError:
                await self._look()
            else:
                await self._revive()

    async def reload(self) -> None:
        """Loads the policies anew, changed or not. A failure keeps the last good ones."""
        async with self._reloading:
            try:
                engine = await self._load()
            except ConfigInvalid as error:
                self._complain(error)
                return
            old, self._engine, self._remembered = self._engine, engine, {}
            self._loaded_at = self._clock.now()
            self._problem = None
            self._log.info("policies_loaded", revision=engine.revision)
            await asyncio.sleep(
                self._rules.deadline_s
            )  # decisions that the old one still owes are late by then
            await old.close()

    async def close(self) -> None:
        await self._engine.close()

    async def _look(self) -> None:
        try:
            signature = await asyncio.to_thread(self._sign)
        except OSError:
            return  # a file that vanishes while we look: it is looked at again
        if signature != self._signature:
            self._signature = signature
            await self.reload()

    async def _revive(self) -> None:
        self._log.warning("policy_engine_ended", revision=self.revision)
        try:
            await self._engine.restart()
        except ConfigInvalid as error:
            self._complain(error)
            await asyncio.sleep(self._rules.deadline_s)  # a server that dies at once must not eat the machine
        else:
            self._problem = None

    def _complain(self, error: ConfigInvalid) -> None:
        self._problem = "\n".join(error.problems)
        self._log.warning("policies_not_loaded", problems=error.problems)


@asynccontextmanager
async def open_policies(rules: HardRules, state: Path, log: Log) -> AsyncIterator[LivePolicies]:
    """Raises ConfigInvalid when the policies cannot be loaded now: a proxy never starts without."""

    async def load() -> LoadedEngine:
        return await _engine(rules, state)

    def sign() -> Signature:
        return () if _elsewhere(rules) else rego_files.signature(_folder(rules))

    live = LivePolicies(await load(), load, sign, rules, SystemClock(), log)
    try:
        yield live
    finally:
        await live.close()


def check_policies(rules: HardRules, state: Path) -> None:
    """Blocking. Raises ConfigInvalid with every problem of the policies; asks no server that is not ours."""
    folder = _folder(rules)
    read_token(rules.opa.token_file)
    if rules.engine == "embedded":
        EmbeddedEngine.load(folder, state=state, opa=rules.opa.binary, deadline_s=rules.deadline_s)
    elif not _elsewhere(rules):
        compile_bundle(_opa(rules), rego_files.read_policies(folder), place=folder)


async def _engine(rules: HardRules, state: Path) -> LoadedEngine:
    folder = await asyncio.to_thread(_folder, rules)
    if rules.engine == "embedded":
        return await asyncio.to_thread(
            EmbeddedEngine.load, folder, state=state, opa=rules.opa.binary, deadline_s=rules.deadline_s
        )
    if _elsewhere(rules):
        return await OpaEngine.open(
            url=rules.opa.url,
            socket=rules.opa.socket,
            token=await asyncio.to_thread(read_token, rules.opa.token_file),
            deadline_s=rules.deadline_s,
            revision=rules.opa.revision,
        )
    return await OpaChild.start(folder, opa=await asyncio.to_thread(_opa, rules), deadline_s=rules.deadline_s)


def _elsewhere(rules: HardRules) -> bool:
    """An OPA that somebody else runs has policies that we do not read."""
    return rules.engine == "opa" and (rules.opa.url is not None or rules.opa.socket is not None)


def _folder(rules: HardRules) -> Path:
    return rules.policies or rego_files.default_policies()


def _opa(rules: HardRules) -> Path:
    found = find_opa(rules.opa.binary)
    if found is None:
        raise ConfigInvalid(
            ["hard_rules.opa: no `opa` is here: run `make opa`, or set hard_rules.opa.binary"]
        )
    return found
