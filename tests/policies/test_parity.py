"""The two engines give the same decision, to the byte, on whatever they are asked."""

import shutil
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.policies.documents import generated, whole
from tests.policies.engines import REPOSITORY, ask_embedded, ask_opa

# The README's own example, so that what it teaches is true.
NEW_RULE = textwrap.dedent(
    (REPOSITORY / "README.md").read_text().partition("   ```rego\n")[2].partition("   ```\n")[0]
)


def test_both_engines_give_the_same_decision_on_whole_and_on_broken_documents() -> None:
    documents: list[Any] = [*whole(), *generated(120, seed=0), {}, [], None, "text", 7]
    assert ask_opa(documents) == ask_embedded(documents)


@pytest.mark.slow
@pytest.mark.timeout(300)  # OPA takes 5 ms a document on a busy machine
def test_both_engines_agree_on_thousands_of_documents_of_every_kind_of_decision() -> None:
    documents = list(generated(2500, seed=1))
    by_opa, embedded = ask_opa(documents), ask_embedded(documents)
    different = [
        (document, one, other)
        for document, one, other in zip(documents, by_opa, embedded, strict=True)
        if one != other
    ]
    assert different == []
    actions = Counter(orjson.loads(answer)[0]["action"] for answer in by_opa)
    assert min(actions[word] for word in ("allow", "redact", "block")) > 100, actions


def test_a_new_rule_is_one_new_folder_in_both_engines(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(REPOSITORY, policies)
    folder = policies / "gateway" / "rules" / "admission" / "streams"
    folder.mkdir()
    (folder / "streams.rego").write_text(NEW_RULE)
    streamed = next(whole())
    documents = [streamed, {**streamed, "stream": False}, {**streamed, "stream": None}]
    before, after = ask_opa(documents), ask_opa(documents, policies)
    assert ask_embedded(documents, policies) == after
    assert [b"example.streams" in answer for answer in after] == [False, True, True]
    assert after[0] == before[0]
