"""The policy repository that ships: compiled as it stands, in the house's form, told of as it is."""

import re
from pathlib import Path

import orjson
import pytest
import yaml

from proxy.edges.rego.compile import COMPILED, compile_sources, load
from proxy.edges.rego.files import read_policies, rego_tests_of
from proxy.edges.rego.lint import problems_of, rules_of, table
from proxy.edges.rego.tests import run_tests
from tests.policies.engines import REPOSITORY, opa

README = REPOSITORY / "README.md"


def test_the_compiled_policies_are_those_of_the_sources_to_the_byte() -> None:
    files = read_policies(REPOSITORY)
    made = compile_sources(opa(), files.sources, place=REPOSITORY)
    assert load(REPOSITORY / COMPILED) == made
    assert compile_sources(opa(), files.sources, place=Path("elsewhere")) == made


@pytest.mark.slow
def test_every_rule_passes_its_own_tests_in_both_engines_and_is_covered() -> None:
    ran = run_tests(opa(), REPOSITORY, read_policies(REPOSITORY))
    assert ran.failures == ()
    assert ran.coverage >= 95


def test_the_repository_keeps_the_form() -> None:
    assert list(problems_of(REPOSITORY, opa())) == []


def test_the_readme_shows_the_rules_as_they_are() -> None:
    assert table(rules_of(REPOSITORY, opa())) in README.read_text()


def test_a_rule_speaks_under_its_own_id_or_that_of_a_soft_rule() -> None:
    for rule in rules_of(REPOSITORY, opa()):
        spoken = set(re.findall(r'"rule": "([^"]+)"', (REPOSITORY / rule.place).read_text()))
        assert spoken <= {rule.id}, rule.place
        assert spoken or "soft.denial(" in (REPOSITORY / rule.place).read_text(), rule.place


def test_every_rule_has_a_test_with_an_empty_input() -> None:
    tests = {Path(path).parent.as_posix(): text.decode() for path, text in rego_tests_of(REPOSITORY).items()}
    for rule in rules_of(REPOSITORY, opa()):
        assert "test_an_empty_input" in tests[Path(rule.place).parent.as_posix()], rule.place


def test_the_data_is_read_as_opa_reads_it() -> None:
    ours = orjson.loads(read_policies(REPOSITORY).document)["gateway"]["config"]
    topics = (REPOSITORY / "gateway" / "config").iterdir()
    assert ours == {path.name: yaml.safe_load((path / "data.yaml").read_text()) for path in topics}


def test_each_sample_document_is_decided_as_its_name_says() -> None:
    samples = {path.stem: orjson.loads(path.read_bytes()) for path in (REPOSITORY / "testdata").iterdir()}
    assert {name: sample["phase"] for name, sample in samples.items()} == {
        "engineering-denied": "admission",
        "engineering-withheld": "admission",
        "finance": "admission",
        "soft-rule": "prompt",
        "tool-call": "tool_call",
    }
