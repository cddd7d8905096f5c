import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.edges.rego.compile import compile_bundle
from proxy.edges.rego.files import read_policies
from proxy.edges.rego.opa_child import OpaChild
from proxy.errors import ConfigInvalid, EngineUnavailable
from tests.policies.documents import whole
from tests.policies.engines import REPOSITORY, opa

# Looked for here, not in a test: that looks at the disk.
OPA = opa()


async def child(policies: Path) -> OpaChild:
    return await OpaChild.start(policies, opa=OPA, deadline_s=5.0)


def opa_below(parent: int) -> list[int]:
    """Process ids of the OPA servers that descend from `parent`'s keepers."""
    found = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    keepers = {int(pid) for pid, ppid, _ in rows if int(ppid) == parent}
    return [int(pid) for pid, ppid, words in rows if int(ppid) in keepers and " run --server" in words]


async def test_a_real_opa_decides_by_the_default_policies() -> None:
    server = await child(REPOSITORY)
    decision = await server.decide(next(whole()))
    assert decision.obligations.strip_tools == ("search_code",)
    assert (
        decision.revision == server.revision == (await asyncio.to_thread(read_policies, REPOSITORY)).revision
    )
    assert (await server.decide({})).rules == ("gateway.undecided",)
    await server.close()


async def test_it_is_started_again_when_it_died_and_blocks_until_then() -> None:
    server = await child(REPOSITORY)
    (pid,) = opa_below(os.getpid())
    os.kill(pid, signal.SIGKILL)
    await asyncio.wait_for(server.ended(), 5)
    with pytest.raises(EngineUnavailable):
        await server.decide({})
    await server.restart()
    assert (await server.decide({})).blocks
    assert opa_below(os.getpid()) != [pid]
    await server.close()


async def test_a_bundle_that_was_changed_behind_its_back_blocks(tmp_path: Path) -> None:
    server = await child(REPOSITORY)
    policies = Path(await asyncio.to_thread(shutil.copytree, REPOSITORY, tmp_path / "policies"))
    (policies / "gateway/config/grants/data.yaml").write_text("models: {}\n")
    files = await asyncio.to_thread(read_policies, policies)
    other = await asyncio.to_thread(compile_bundle, OPA, files, place=policies)
    (server._folder / "bundle.tar.gz").write_bytes(other)
    await server.restart()
    with pytest.raises(EngineUnavailable, match="other policies"):
        await server.decide({})
    await server.close()


async def test_nothing_is_left_when_it_is_closed() -> None:
    server = await child(REPOSITORY)
    folder = server._folder
    (pid,) = opa_below(os.getpid())
    await server.close()
    assert not await asyncio.to_thread(folder.exists)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_policies_that_do_not_compile_start_nothing(tmp_path: Path) -> None:
    policies = Path(await asyncio.to_thread(shutil.copytree, REPOSITORY, tmp_path / "policies"))
    (policies / "gateway/main/main.rego").write_text("package gateway.main\n\ndecision := missing\n")
    with pytest.raises(ConfigInvalid, match=r"main\.rego:3: rego_"):
        await child(policies)
    assert opa_below(os.getpid()) == []


async def test_a_command_that_is_no_opa_is_refused(tmp_path: Path) -> None:
    command = tmp_path / "opa"
    command.write_text(f'#!/bin/sh\n[ "$1" = run ] && exit 3\nexec {OPA} "$@"\n')
    command.chmod(0o755)
    with pytest.raises(ConfigInvalid, match="ended with 3 at its start"):
        await OpaChild.start(REPOSITORY, opa=command, deadline_s=1.0)


OWNER = """
import asyncio, sys
from pathlib import Path
from proxy.edges.rego.opa_child import OpaChild

async def main():
    server = await OpaChild.start(Path(sys.argv[1]), opa=Path(sys.argv[2]), deadline_s=5.0)
    print("up", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.slow
def test_it_does_not_outlive_an_owner_that_is_killed() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(REPOSITORY), str(OPA)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"
    (pid,) = opa_below(owner.pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert _gone(pid)


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
