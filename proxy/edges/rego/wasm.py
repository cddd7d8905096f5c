"""The `embedded` engine: policies that OPA compiled, in this process, with no server. The default.

Exactly OPA's answers: OPA compiled it (`rego_compile`), and what would differ was refused (`rego_exact`).
A decision takes some tens of microseconds and is made on the event loop; fuel bounds a policy that runs away.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import orjson

from proxy import policy
from proxy.edges.rego.compile import ENTRYPOINT, compiled
from proxy.edges.rego.files import default_policies, read_policies
from proxy.edges.rego.machine import RegoMachine, WasmTrap
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.exchange import Json
from proxy.verdict import Decision

__all__ = ["EmbeddedEngine", "default_policies"]

# Fuel counts Wasm instructions, so the bound is the same on every machine. 10^10 a second were measured on
# one slow core; half of that keeps the promise of the deadline on a core that is half as fast.
FUEL_PER_SECOND = 5_000_000_000


class EmbeddedEngine:
    """A `PolicyEngine`. Its decisions depend on the document alone, so they may be cached."""

    pure = True

    def __init__(self, machine: RegoMachine, revision: str) -> None:
        self._machine = machine
        self._revision = revision

    @classmethod
    def load(cls, policies: Path, *, state: Path, opa: Path | None, deadline_s: float) -> "EmbeddedEngine":
        """Blocking: reads the repository, compiles it if it must. Raises ConfigInvalid."""
        files = read_policies(policies)
        if files.inexact:
            raise ConfigInvalid(files.inexact)
        module = compiled(policies, files, state=state, opa=opa)
        try:
            machine = RegoMachine(module.wasm, files.document, fuel=int(deadline_s * FUEL_PER_SECOND))
        except WasmTrap as error:
            raise ConfigInvalid(
                [f"{policies}: the compiled policies cannot be run: {error.message}"]
            ) from error
        if machine.builtins or ENTRYPOINT not in machine.entrypoints:
            missing = ", ".join(sorted(machine.builtins)) or ENTRYPOINT
            raise ConfigInvalid(
                [f"{policies}: the compiled policies need what the engine has not: {missing}"]
            )
        return cls(machine, files.revision)

    @property
    def revision(self) -> str:
        return self._revision

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        return await self.decide_bytes(orjson.dumps(document))

    async def decide_bytes(self, document: bytes) -> Decision:
        return self.decide_now(document)

    def decide_now(self, document: bytes) -> Decision:
        """The decision on the JSON of an input document. Raises EngineUnavailable."""
        try:
            found = self._machine.evaluate(ENTRYPOINT, document)
        except WasmTrap as error:
            raise EngineUnavailable("The policies could not decide.") from error
        if len(found) != 1:
            raise EngineUnavailable("The policies gave no decision.")
        return policy.parse_decision(found[0].get("result"), self._revision)

    async def ended(self) -> None:
        """Never returns: it lives as long as we do."""
        await asyncio.Event().wait()

    async def restart(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing is held open."""
