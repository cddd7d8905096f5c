import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from load import plan, report
from load.plan import Key, Workload

SAME = Workload("saturate", 3_000, fresh=False)
PACED = Workload("pace", 3_000, fresh=True)
MEDIANS: dict[Key, float | None] = {
    (SAME, plan.CPU_REQUEST, "bare aiohttp"): 100.0,
    (SAME, plan.CPU_REQUEST, "sluicegate"): 170.0,
    (PACED, plan.ADDED, "direct"): 200.0,
    (PACED, plan.ADDED, "bare aiohttp"): 700.0,
    (PACED, plan.ADDED, "sluicegate"): None,
}
TARGETS = ["direct", "bare aiohttp", "sluicegate"]
MACHINE: dict[str, str | int] = {"processor": "AMD EPYC", "cores": 2}
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_every_figure_has_its_ratio_to_bare_also_where_we_lose() -> None:
    assert "170 (1.70 ×)" in report.table(report.rows(MEDIANS), TARGETS)


def test_what_is_added_is_told_without_the_upstreams_own_part() -> None:
    row = report.rows(MEDIANS)[1]
    assert row.figures["bare aiohttp"] == 500.0
    assert "direct" not in row.figures


def test_who_could_not_keep_up_is_told_and_not_left_out() -> None:
    assert "cannot keep up" in report.table(report.rows(MEDIANS), TARGETS)


def test_the_lines_of_a_table_are_equally_wide() -> None:
    assert len({len(line) for line in report.table(report.rows(MEDIANS), TARGETS).splitlines()}) == 1


def test_a_result_is_written_with_its_date_and_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    place = report.write(report.rows(MEDIANS), TARGETS, MACHINE, NOW)
    assert place.name == "2026-01-02-amd-epyc-2-cores.md"
    assert "- cores: 2" in place.read_text()
    document = json.loads(place.with_suffix(".json").read_text())
    assert document["rows"][0]["figures"]["sluicegate"] == {"value": 170.0, "ratio": 1.7}
    assert document["rows"][1]["figures"]["sluicegate"] == {"value": None, "ratio": None}
