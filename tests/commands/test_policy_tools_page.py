"""Does what docs/policy-tools.md shows, where its reader stands: beside a repository and recorded inputs."""

import shutil
from pathlib import Path

import orjson
import pytest

from proxy.edges.rego.inputs import line
from proxy.edges.rego.recorded import Recorded, Repository
from tests.pages import pages
from tests.policies.engines import REPOSITORY, opa
from tests.test_docs import is_shown, run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one recorded decision on each of the sample inputs."""
    shutil.copytree(REPOSITORY, tmp_path / "policies")
    repository = Repository(REPOSITORY, state=tmp_path / "state", opa=opa())
    documents = [orjson.loads(path.read_bytes()) for path in sorted((REPOSITORY / "testdata").glob("*.json"))]
    lines = [
        line(document, repository.decide(Recorded("", document)), repository.revision, 1764000000.0)
        for document in documents
    ]
    (tmp_path / "var" / "inputs").mkdir(parents=True)
    (tmp_path / "var" / "inputs" / "2026-11-24T160000.000000Z.jsonl").write_bytes(b"".join(lines))
    return tmp_path


@pytest.mark.slow
def test_the_page_on_the_policy_tools_does_what_it_shows(folder: Path) -> None:
    page = next(page for page in pages(ROOT) if page.where == "docs/policy-tools.md")
    steps = [step for block in page.blocks() if block.kind == "console" for step in block.steps()]
    assert len(steps) == 8
    for command, shown in steps:
        said = run(command, folder)
        assert is_shown(shown, said), f"{command}\nsaid:\n{said}"
