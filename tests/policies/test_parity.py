"""The two engines give the same decision, to the byte, on whatever they are asked."""

import shutil
from collections import Counter
from pathlib import Path

import orjson
import pytest

from tests.policies.documents import generated, whole
from tests.policies.engines import REPOSITORY, ask_embedded, ask_opa

NEW_RULE = """# METADATA
# title: Office hours for the ledger
# description: Nobody asks the finance model for more than ten tokens.
# scope: package
# custom:
#   id: example.short
#   action: block
#   owner: example
package gateway.rules.admission.short

findings contains {"rule": "example.short", "action": "block", "reason": "Too long."} if not _short

_short if {
	is_number(input.tokens.requested)
	input.tokens.requested <= 10
}
"""


def test_both_engines_give_the_same_decision_on_whole_and_on_broken_documents() -> None:
    documents = [*whole(), *generated(2500, seed=1), {}, [], None, "text", 7]
    by_opa, embedded = ask_opa(documents), ask_embedded(documents)
    different = [
        (document, one, other) for document, one, other in zip(documents, by_opa, embedded, strict=True) if one != other
    ]
    assert different == []


def test_the_generated_documents_reach_every_kind_of_decision() -> None:
    actions = Counter(orjson.loads(answer)[0]["action"] for answer in ask_opa([*whole(), *generated(2500, seed=1)]))
    assert min(actions["allow"], actions["redact"], actions["block"]) > 100, actions


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_both_engines_agree_on_many_more_documents(seed: int) -> None:
    documents = list(generated(5000, seed=seed))
    assert ask_opa(documents) == ask_embedded(documents)


def test_a_new_rule_is_one_new_folder_in_both_engines(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(REPOSITORY, policies)
    folder = policies / "gateway" / "rules" / "admission" / "short"
    folder.mkdir()
    (folder / "short.rego").write_text(NEW_RULE)
    documents = list(whole())
    before, after = ask_opa(documents), ask_opa(documents, policies)
    assert ask_embedded(documents, policies) == after
    assert b"example.short" in after[0]
    assert before[1:] == after[1:]
