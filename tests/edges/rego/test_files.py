import shutil
from pathlib import Path

import orjson
import pytest

from proxy.edges.rego.files import default_policies, read_policies, rego_tests_of, signature
from proxy.errors import ConfigInvalid

GRANTS = Path("gateway/config/grants/data.yaml")


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_policies(), tmp_path / "policies"))


def problems(policies: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigInvalid) as refused:
        read_policies(policies)
    return refused.value.problems


def test_the_default_policies_are_there() -> None:
    files = read_policies(default_policies())
    assert "gateway/main/main.rego" in files.sources
    assert not any(path.endswith("_test.rego") for path in files.sources)
    assert orjson.loads(files.document)["gateway"]["config"]["grants"]["models"]["finance"]


def test_a_folder_that_is_no_policy_repository_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path) == (f"{tmp_path}: not a policy repository (gateway/main is missing)",)


def test_the_tests_are_kept_apart(policies: Path) -> None:
    assert "gateway/main/main_test.rego" in rego_tests_of(policies)
    assert "gateway/main/main.rego" not in rego_tests_of(policies)


def test_data_of_the_wrong_shape_is_refused_with_file_and_line(policies: Path) -> None:
    (policies / GRANTS).write_text("models:\n  finance:\n    - smollm2\n    - 7\n")
    (problem,) = problems(policies)
    assert problem == f"{policies / GRANTS}:4: models.finance.1: must be string"


def test_a_missing_key_is_refused_at_the_thing_that_lacks_it(policies: Path) -> None:
    (policies / "gateway/config/limits/data.yaml").write_text("everyone:\n  prompt_tokens: 1\n")
    (problem,) = problems(policies)
    assert problem.startswith(f"{policies / 'gateway/config/limits/data.yaml'}:2: everyone: must contain")


def test_all_problems_are_told_at_once(policies: Path) -> None:
    (policies / GRANTS).write_text("models: no\n")
    (policies / "gateway/config/media/data.yaml").write_text("unscannable: []\n")
    (policies / "gateway/config/extra").mkdir()
    (policies / "gateway/config/extra/data.json").write_text("{}")
    assert len(problems(policies)) == 3


def test_data_in_another_place_is_refused(policies: Path) -> None:
    (policies / "gateway/lib/data.json").write_text("{}")
    assert "data belongs into gateway/config/<topic>/" in problems(policies)[0]


def test_two_files_for_one_topic_are_refused(policies: Path) -> None:
    (policies / GRANTS.with_suffix(".json")).write_text('{"models": {}}')
    assert "two data files" in problems(policies)[0]


def test_data_may_be_json_of_one_meaning(policies: Path) -> None:
    (policies / GRANTS).unlink()
    (policies / GRANTS.with_suffix(".json")).write_text('{"models": {"finance": ["m"]}}')
    config = orjson.loads(read_policies(policies).document)["gateway"]["config"]
    assert config["grants"] == {"models": {"finance": ["m"]}}
    (policies / GRANTS.with_suffix(".json")).write_text('{"models": {}, "models": {}}')
    assert ":1: not JSON of one meaning" in problems(policies)[0]


def test_a_key_that_spells_a_number_is_told_for_the_embedded_engine(policies: Path) -> None:
    (policies / GRANTS).write_text("models:\n  a: []\n  '12': []\n  '1.5e3': []\n  '12a': []\n")
    told = read_policies(policies).inexact
    assert [line.removeprefix(f"{policies / GRANTS}:")[:24] for line in told] == [
        "3: the key 12 spells a n",
        "4: the key 1.5e3 spells ",
    ]
    assert read_policies(default_policies()).inexact == ()


def test_a_topic_without_a_schema_is_refused(policies: Path) -> None:
    (policies / "schemas/config/grants.json").unlink()
    assert "there is no schema for it" in problems(policies)[0]


def test_a_schema_that_is_none_is_refused(policies: Path) -> None:
    (policies / "schemas/config/grants.json").write_text('{"type": 7}')
    assert "is not a JSON Schema" in problems(policies)[0]


def test_a_file_of_absurd_size_is_refused(policies: Path) -> None:
    (policies / GRANTS).write_bytes(b"#" * (8 * 1024 * 1024 + 1))
    assert "larger than" in problems(policies)[0]


def test_hidden_folders_and_links_out_are_no_part_of_the_policies(policies: Path, tmp_path: Path) -> None:
    before = read_policies(policies)
    (policies / ".git").mkdir()
    (policies / ".git" / "x.rego").write_text("package x")
    (tmp_path / "outside.rego").write_text("package y")
    (policies / "gateway" / "linked.rego").symlink_to(tmp_path / "outside.rego")
    assert read_policies(policies).sources == before.sources


def test_the_revision_tells_rules_and_data_apart_and_nothing_else(policies: Path) -> None:
    first = read_policies(policies).revision
    (policies / "gateway/main/main_test.rego").write_text("package gateway.main_test")
    assert read_policies(policies).revision == first
    (policies / GRANTS).write_text("# new\n" + (policies / GRANTS).read_text())
    assert read_policies(policies).revision == first
    (policies / GRANTS).write_text("models: {}\n")
    second = read_policies(policies).revision
    (policies / "gateway/lib/extra.rego").write_text("package gateway.lib.extra")
    assert len({first, second, read_policies(policies).revision}) == 3


def test_the_signature_changes_with_any_file(policies: Path) -> None:
    first = signature(policies)
    assert signature(policies) == first
    (policies / GRANTS).write_text("models: {}\n")
    assert signature(policies) != first


def test_nothing_of_the_data_is_in_a_repr() -> None:
    assert "finance" not in repr(read_policies(default_policies()))
