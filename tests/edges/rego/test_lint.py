import shutil
from pathlib import Path

import pytest

from proxy.edges.rego.lint import problems_of, rules_of, table
from tests.policies.engines import REPOSITORY, opa

GRANT = Path("gateway/rules/admission/model_grant/model_grant.rego")


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY, tmp_path / "policies"))


def problems(policies: Path) -> list[str]:
    return list(problems_of(policies, opa()))


def change(policies: Path, old: str, new: str) -> None:
    text = (policies / GRANT).read_text()
    assert old in text
    (policies / GRANT).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "gateway.rules.admission.model_grant",
            "gateway.rules.admission.grant",
            "a rule's package is its folder",
        ),
        (
            "gateway.rules.admission.model_grant",
            "gateway.rules.admision.model_grant",
            "no phase is called admision",
        ),
        ("findings contains", "finding contains", "the rule never speaks"),
        ("id: model.grant", "id: Model", "METADATA: custom.id must be like"),
        ("action: block\n", "action: deny\n", "METADATA: custom.id must be like"),
        ("#   owner: platform\n", "", "METADATA: title, description and custom.owner"),
        ("# title: Model grants\n", "", "METADATA: title, description and custom.owner"),
        ("id: model.grant", "id: tokens.prompt", "the id tokens.prompt is taken by"),
    ],
)
def test_a_rule_out_of_form_is_told_with_its_file(policies: Path, old: str, new: str, told: str) -> None:
    change(policies, old, new)
    assert any(told in problem for problem in problems(policies))


def test_a_rule_without_a_test_is_told(policies: Path) -> None:
    (policies / GRANT).with_name("model_grant_test.rego").unlink()
    assert problems(policies) == [f"{policies / GRANT}: there is no test beside it"]


def test_rego_in_another_place_is_told(policies: Path) -> None:
    (policies / "loose.rego").write_text("package loose\n")
    assert problems(policies) == [f"{policies / 'loose.rego'}: Rego belongs below gateway/"]


def test_the_table_lists_the_rules_by_phase() -> None:
    rules = rules_of(REPOSITORY, opa())
    assert len({rule.id for rule in rules}) == len(rules)
    phases = [rule.phase for rule in rules]
    assert phases == sorted(phases, key=["admission", "prompt", "tool_call", "answer"].index)
    assert "| admission | `model.grant` | block | platform | " in table(rules)
