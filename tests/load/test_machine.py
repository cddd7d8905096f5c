import os
import subprocess
import sys
import time

from load.machine import Cores, cpu_of, description, pin, share_out

BURN = "import time; until = time.process_time() + 0.3\nwhile time.process_time() < until: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); sys.stdin.read()"


def test_processor_time_counts_children_that_ended_in_the_tree() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as process:
        until = time.monotonic() + 20
        while cpu_of(process.pid).tree < 0.3 and time.monotonic() < until:
            time.sleep(0.05)
        assert cpu_of(process.pid).tree >= 0.3
        assert process.stdin is not None
        process.stdin.close()


def test_nobody_has_no_processor_time_and_neither_has_one_who_has_ended() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert cpu_of(None).tree == cpu_of(ended.pid).tree == 0


def test_a_pinned_process_stays_on_its_core() -> None:
    with subprocess.Popen(["sleep", "10"]) as process:
        core = min(os.sched_getaffinity(0))
        pin(process.pid, core)
        assert os.sched_getaffinity(process.pid) == {core}
        process.kill()


def test_two_cores_are_shared_out_and_one_is_not() -> None:
    cores = share_out()
    assert cores == Cores(None, None) if len(os.sched_getaffinity(0)) == 1 else cores.proxy != cores.load


def test_the_description_names_no_host() -> None:
    told = description()
    assert told["cores"]
    assert os.uname().nodename not in {str(value) for value in told.values()}
