import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.edges.rego.explain import RuleOutcome, explain
from proxy.edges.rego.files import read_policies
from proxy.errors import EngineUnavailable
from tests.policies.documents import generated
from tests.policies.engines import REPOSITORY, ask_opa, opa

GRANT = "gateway/rules/admission/model_grant"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((REPOSITORY / "testdata" / f"{name}.json").read_bytes())
    return found


def explained(document: dict[str, Any], policies: Path = REPOSITORY) -> dict[str, RuleOutcome]:
    return {one.id: one for one in explain(opa(), read_policies(policies), document)}


def test_every_rule_of_the_phase_is_told_of_and_no_other() -> None:
    outcomes = explained(sample("engineering-denied"))
    folders = {path.name for path in (REPOSITORY / "gateway/rules/admission").iterdir() if path.is_dir()}
    assert {one.package.rpartition(".")[2] for one in outcomes.values()} == folders
    assert len(outcomes) == len(folders)


def test_a_rule_that_denies_fires_and_names_the_good_that_did_not_hold() -> None:
    grant = explained(sample("engineering-denied"))["model.grant"]
    assert grant.fired
    assert grant.findings[0]["action"] == "block"
    assert (grant.held, grant.unmet) == ((), ("_granted",))
    assert (grant.title, grant.owner) == ("Model grants", "platform")
    assert grant.place == f"{GRANT}/model_grant.rego"


def test_a_rule_that_is_content_did_not_fire_and_names_what_held() -> None:
    grant = explained(sample("finance"))["model.grant"]
    assert not grant.fired
    assert (grant.held, grant.unmet) == (("_granted",), ())


def test_a_rule_that_only_demands_something_fires() -> None:
    plan = explained(sample("finance"))["redaction.plan"]
    assert plan.fired
    assert plan.findings == ()
    assert {side for demand in plan.demands for side in demand["redact"]} == {"prompt", "answer"}


@pytest.mark.parametrize("document", [{}, {"phase": "afterwards"}, {"phase": 7}, {"phase": None}])
def test_a_phase_that_nobody_knows_has_no_rules(document: dict[str, Any]) -> None:
    assert explained(document) == {}


def test_what_the_rules_say_is_what_was_decided() -> None:
    documents = list(generated(12, seed=11))
    decided = [orjson.loads(answer)[0] for answer in ask_opa(documents)]
    for document, decision in zip(documents, decided, strict=True):
        said = [finding for one in explained(document).values() for finding in one.findings]
        if any(finding["rule"] == "gateway.undecided" for finding in decision["findings"]):
            continue  # the router's own word, which is no rule's
        assert sorted(map(orjson.dumps, said)) == sorted(
            orjson.dumps({key: finding[key] for key in ("action", "reason", "rule")})
            for finding in decision["findings"]
        )


def test_no_value_of_the_input_is_among_the_conditions() -> None:
    document = sample("tool-call")
    document["tool_call"]["arguments"] = {"note": "CANARY-7141"}
    assert "CANARY-7141" not in repr(explain(opa(), read_policies(REPOSITORY), document))


def test_a_package_of_several_files_is_one_rule_with_the_conditions_of_all(policies: Path) -> None:
    (policies / GRANT / "more.rego").write_text(
        "package gateway.rules.admission.model_grant\n\n_more if input.stream == 7\n\n_all if true\n"
    )
    grant = explained(sample("finance"), policies)["model.grant"]
    assert (grant.held, grant.unmet) == (("_granted", "_all"), ("_more",))


def test_what_is_false_or_empty_does_not_hold_and_a_function_is_no_condition(policies: Path) -> None:
    (policies / GRANT / "more.rego").write_text(
        "package gateway.rules.admission.model_grant\n\n"
        "_false := false\n\n_zero := 0\n\n_none contains x if some x in []\n\n_f(x) := x\n"
    )
    grant = explained(sample("finance"), policies)["model.grant"]
    assert (grant.held, grant.unmet) == (("_granted", "_zero"), ("_false", "_none"))


def test_a_rule_without_metadata_goes_by_its_package(policies: Path) -> None:
    folder = policies / "gateway/rules/admission/bare"
    folder.mkdir()
    (folder / "bare.rego").write_text("package gateway.rules.admission.bare\n\nfindings := set()\n")
    bare = explained(sample("finance"), policies)["data.gateway.rules.admission.bare"]
    assert (bare.fired, bare.owner, bare.title) == (False, "", "")


def test_rules_that_cannot_be_evaluated_are_no_explanation(policies: Path) -> None:
    (policies / GRANT / "more.rego").write_text(
        "package gateway.rules.admission.model_grant\n\n_x := 1 if input.stream\n\n_x := 2 if input.stream\n"
    )
    with pytest.raises(EngineUnavailable):
        explained(sample("finance"), policies)
