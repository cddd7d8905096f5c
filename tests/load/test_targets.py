import subprocess
import sys
from pathlib import Path

import pytest

from load.corpus import Marks, question
from load.driver import ask, callers
from load.targets import Process, module, sluicegate, write_configuration


@pytest.mark.parametrize("soft_rules", [False, True])
def test_the_configuration_under_load_is_one_that_an_operator_could_write(
    tmp_path: Path, soft_rules: bool
) -> None:
    config = write_configuration(tmp_path / "gate", 9, "sg-not-a-real-key", soft_rules=soft_rules)
    command = [sys.executable, "-m", "proxy", "check-config", "-c", str(config)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "sg-not-a-real-key" not in "".join(path.read_text() for path in config.parent.glob("*.yaml"))


@pytest.mark.slow
async def test_the_proxy_under_load_answers_with_the_mark_of_the_request(
    tmp_path: Path, stand_in: Process
) -> None:
    marks = Marks(1)
    with sluicegate("sluicegate", None, tmp_path / "gate", stand_in.port, soft_rules=True) as target:
        async with callers(target, 1) as [caller]:
            whole = await ask(target, caller, question(3_000), marks.fresh)
            streamed = await ask(target, caller, question(3_000, stream=True), marks.fresh)
    assert whole.ended > whole.asked
    assert streamed.first_text > streamed.asked


def test_a_part_of_ours_ends_with_its_block() -> None:
    with module(None, "load.stand_in") as process:
        assert Path(f"/proc/{process.pid}").exists()
    assert not Path(f"/proc/{process.pid}").exists()
