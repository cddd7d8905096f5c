import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from proxy.edges.rego.compile import ENTRYPOINT, Compiled, save
from proxy.edges.rego.files import hashes, read_policies
from proxy.edges.rego.opa_command import build_wasm, lay_out, member
from proxy.edges.rego.wasm import EmbeddedEngine
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.verdict import Action
from tests.policies.documents import whole
from tests.policies.engines import REPOSITORY, opa

# Looked for here, not in a test: that looks at the disk.
OPA = opa()
SHIPPED = read_policies(REPOSITORY)

ENDLESS = """findings contains {"rule": "x", "action": "block", "reason": "r"} if {
	some a in numbers.range(1, 20000)
	some b in numbers.range(1, 20000)
	a == b
	a < 0
}
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))


async def engine(policies: Path, state: Path, *, deadline_s: float = 0.5) -> EmbeddedEngine:
    def load_now() -> EmbeddedEngine:
        return EmbeddedEngine.load(policies, state=state, opa=OPA, deadline_s=deadline_s)

    return await asyncio.to_thread(load_now)


def add(policies: Path, body: str) -> None:
    folder = policies / "gateway/rules/admission/extra"
    folder.mkdir()
    (folder / "extra.rego").write_text(f"package gateway.rules.admission.extra\n\n{body}")


def admission(**changes: Any) -> dict[str, Any]:
    return {**next(whole()), **changes}


async def test_it_decides_by_the_default_policies(tmp_path: Path) -> None:
    made = await engine(REPOSITORY, tmp_path)
    decision = await made.decide(admission(documents=[]))
    assert decision.action is Action.REDACT
    assert decision.obligations.strip_tools == ("search_code",)
    assert {plan.kind for plan in decision.obligations.redact_prompt} >= {"PERSON", "CREDIT_CARD"}
    assert decision.revision == made.revision == SHIPPED.revision


async def test_what_it_does_not_know_is_blocked(tmp_path: Path) -> None:
    decision = await (await engine(REPOSITORY, tmp_path)).decide({})
    assert decision.rules == ("gateway.undecided",)
    assert decision.blocks


async def test_a_rule_that_runs_away_blocks_and_the_next_decision_is_made(
    policies: Path, tmp_path: Path
) -> None:
    add(policies, ENDLESS)
    made = await engine(policies, tmp_path, deadline_s=0.05)
    with pytest.raises(EngineUnavailable):
        await made.decide(admission())
    answer = list(whole())[3]
    assert not (await made.decide(answer)).blocks


async def test_a_conflict_in_the_rules_blocks(policies: Path, tmp_path: Path) -> None:
    add(policies, "findings := {1} if input.model\n\nfindings := {2} if input.model\n")
    made = await engine(policies, tmp_path)
    with pytest.raises(EngineUnavailable):
        await made.decide(admission())


async def test_a_finding_of_the_wrong_shape_blocks(policies: Path, tmp_path: Path) -> None:
    add(policies, 'findings contains {"action": "allow", "rule": 7}\n')
    made = await engine(policies, tmp_path)
    with pytest.raises(EngineUnavailable):
        await made.decide(admission(tools=[], documents=[]))


async def test_a_decision_that_is_undefined_blocks(policies: Path, tmp_path: Path) -> None:
    (policies / "gateway/main/main.rego").write_text("package gateway.main\n\ndecision := 1 if input.never\n")
    made = await engine(policies, tmp_path)
    with pytest.raises(EngineUnavailable):
        await made.decide(admission())


async def test_policies_without_their_entrypoint_are_refused(policies: Path, tmp_path: Path) -> None:
    (policies / "gateway/main/main.rego").write_text("package gateway.main\n\nother := 1\n")
    with pytest.raises(ConfigInvalid):
        await engine(policies, tmp_path)


async def test_data_that_it_would_read_otherwise_than_opa_is_refused(policies: Path, tmp_path: Path) -> None:
    (policies / "gateway/config/media/data.yaml").write_text("unscannable:\n  '7': []\n")
    with pytest.raises(ConfigInvalid, match=r"media/data\.yaml:2: the key 7 spells a number"):
        await engine(policies, tmp_path)


def test_a_module_that_needs_the_host_is_refused_by_name(policies: Path, tmp_path: Path) -> None:
    """It cannot be compiled here, but it could be laid into the folder with a manifest that fits."""
    (policies / "gateway/main/main.rego").write_text('package gateway.main\n\ndecision := crypto.md5("x")\n')
    files = read_policies(policies)
    root = lay_out(tmp_path / "made", files.sources)
    build_wasm(OPA, root, [ENTRYPOINT], tmp_path / "b.tar.gz")
    wasm = member(tmp_path / "b.tar.gz", "policy.wasm")
    manifest = {"sources": hashes(files.sources), "wasm": hashes({"": wasm})[""]}
    save(Compiled(wasm, manifest), policies / "compiled")
    with pytest.raises(ConfigInvalid, match=r"need what the engine has not: crypto\.md5"):
        EmbeddedEngine.load(policies, state=tmp_path, opa=OPA, deadline_s=0.5)
