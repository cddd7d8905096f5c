"""kill -9 at random points: what was promised is there after the restart, each exchange told how it ended."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes_journal import decided, mirrored, problems, running

LIVES = 6


def lived_and_killed(state: Path, life: str, seconds: float) -> tuple[set[str], set[str]]:
    """Ids that the child was told were admitted, and closed, before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.edges.journal_child", str(state), life], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    first = child.stdout.readline().decode().split()
    time.sleep(seconds)
    child.kill()
    rest = child.stdout.read().decode()
    child.stdout.close()
    child.wait()
    words = [first, *(line.split() for line in rest.splitlines() if line.count(" ") == 1)]
    told = {kind: {name for word, name in words if word == kind} for kind in ("admitted", "closed")}
    return told["admitted"], told["closed"]


@pytest.mark.slow
async def test_killed_again_and_again_nothing_promised_is_lost(tmp_path: Path) -> None:
    chance = random.Random(7)
    admitted: set[str] = set()
    closed: set[str] = set()
    for life in range(LIVES):
        more_admitted, more_closed = lived_and_killed(tmp_path, f"life{life}", chance.uniform(0.0, 0.7))
        admitted |= more_admitted
        closed |= more_closed
    async with running(tmp_path):
        pass
    statuses: dict[str, set[str]] = {}
    for document in await decided(tmp_path):
        statuses.setdefault(document["decision_id"], set()).add(document["status"])
    assert admitted
    assert admitted <= set(statuses), "each admitted exchange is in the decision log"
    assert all(statuses[name] == {"complete"} for name in closed)
    assert all(ends in ({"complete"}, {"aborted"}) for ends in statuses.values())
    assert closed <= set(await mirrored(tmp_path)), "each record that was accepted was delivered"
    assert await problems(tmp_path) == []
