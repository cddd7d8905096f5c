"""The public benchmark of leaks against the whole program: nothing leaks, everything is given back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.flows.benchmark import check, free_port, split
from tests.flows.program import Program, copy_policies, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Place:
    program: Program
    port: int


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    port = free_port()
    # The benchmark also sends a field that no chat has: it may be dropped, never passed on unread.
    limits = {"unknown_fields": "drop"}
    folder = tmp_path_factory.mktemp("place")
    plan = copy_policies(folder) / "gateway" / "config" / "redaction" / "data.yaml"
    secrets = "prompt:\n  everyone:\n    - {kind: SECRET, score: 0.5, restore: false}"
    plan.write_text(plan.read_text().replace("prompt:\n  everyone:", secrets))
    async with running(folder, f"http://127.0.0.1:{port}", limits=limits) as program:
        yield Place(program, port)


@pytest.mark.parametrize(
    ("duty", "profile"),
    [("restore", "pii-v1"), ("anonymize", "pii-v1"), ("anonymize", "pii-secrets-v1")],  # secrets are one-way
)
async def test_nothing_reaches_the_upstream_and_the_answer_is_as_it_should_be(
    place: Place, tmp_path: Path, duty: str, profile: str
) -> None:
    ran = await check(tmp_path / duty, place.port, place.program, "--profile", profile, "--duty", duty)
    assert ran.code == 0, ran.said
    current = ran.report("current.json")
    assert current["verdict"] == "CLEAN"
    assert set(current["entities"].values()) == {"contained"}
    assert all(current["required_checks"].values())


async def test_no_split_of_an_answer_lets_anything_out_and_all_is_restored(
    place: Place, tmp_path: Path
) -> None:
    ran = await split(
        tmp_path / "split",
        place.port,
        place.program,
        "sluicegate",
        "--exhaustive-splits",
        "--partial-emission",
    )
    assert ran.code == 0, ran.said
    [row] = ran.report("rows.json")["rows"]
    assert (row["outcome"], row["inconclusive"], row["request_path_leak"]) == ("pass", 0, [])
    assert (row["fidelity_rate"], row["leak_single_chunk"], row["leak_adversarial"]) == (1.0, 0.0, 0.0)
    assert row["cases_applicable"] == row["cases_attempted"] > 30
    assert ran.report("sluicegate.partial-emission.json")["metrics"]["cases_partial_emission"] == 0


async def test_the_benchmark_is_red_where_nothing_is_hidden(tmp_path: Path) -> None:
    ran = await check(tmp_path / "control", free_port(), None, "--profile", "pii-v1")
    assert ran.code == 1
    assert ran.report("current.json")["verdict"] == "LEAK"
    assert set(ran.report("current.json")["entities"].values()) == {"leak"}


async def test_the_splits_are_red_for_a_gateway_that_looks_at_one_piece_at_a_time(tmp_path: Path) -> None:
    ran = await split(tmp_path / "local", free_port(), None, "chunk-local")
    [row] = ran.report("rows.json")["rows"]
    assert row["outcome"] == "fail"
    assert row["leak_adversarial"] > 0
