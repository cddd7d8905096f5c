"""docs/configuration.md is what the settings are, and its sample would start."""

import re
from pathlib import Path

from docs.reference import PAGE, page
from proxy.edges.configuration.file import load
from proxy.settings import Settings

TEXT = PAGE.read_text("utf-8")


def sample() -> str:
    found = re.search(r"<!-- sample: begin -->\n```yaml\n(.+?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_tables_are_those_of_the_settings() -> None:
    assert page(TEXT) == TEXT, "write them anew: python -m docs.reference"


def test_a_changed_setting_makes_the_page_stale() -> None:
    assert page(TEXT.replace("`limits.body_bytes`", "`limits.bodybytes`")) == TEXT


def test_every_setting_has_a_row() -> None:
    rows = set(re.findall(r"(?m)^\| `([a-z_.*]+)` \|", TEXT))
    assert {
        "state",
        "listen.address",
        "upstreams.*.url",
        "identity.jwt.*.leeway_s",
        "hard_rules.opa.url",
    } <= rows
    groups = {field for field in Settings.__dataclass_fields__ if field != "state"}
    assert {row.split(".")[0] for row in rows} == groups | {"state"}


def test_the_sample_shows_every_group_that_a_gate_needs() -> None:
    shown = set(re.findall(r"(?m)^(\w+):", sample()))
    assert shown == set(Settings.__dataclass_fields__) - {"need_to_know"}


def test_the_sample_would_start(tmp_path: Path) -> None:
    for name in ("keys.yaml", "secrets/model-key", "secrets/collector-headers"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o640)
    (tmp_path / "policies").mkdir()
    path = tmp_path / "sluicegate.yaml"
    path.write_text(sample())
    settings = load(path, environ={"COLLECTOR": "http://127.0.0.1:4318"}, serving=True)
    assert settings.feedback.endpoint == "http://127.0.0.1:4318/v1/logs"
    assert settings.hard_rules.policies == tmp_path / "policies"
