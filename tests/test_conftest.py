"""The nets under all tests, tested: each is cut once, and seen to hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PLANTED = """
import pytest
from proxy.edges.key_file import pseudonym_key

@pytest.mark.skip
def test_marked(): ...

def test_skips_inside():
    pytest.skip("no OPA here")

@pytest.mark.xfail
def test_known_fault():
    assert False

async def test_blocks_the_loop(tmp_path):
    pseudonym_key(None, tmp_path)

def test_blocks_no_loop(tmp_path):
    pseudonym_key(None, tmp_path)
"""
PLANTED_MODULE = "import pytest\npytest.importorskip('a_part_that_is_missing')\n"


def outcomes(folder: Path, ci: str) -> str:
    """What pytest says about the planted tests under the real conftest: a line for each that did not pass."""
    (folder / "conftest.py").write_text((HERE / "conftest.py").read_text())
    (folder / "test_planted.py").write_text(PLANTED)
    (folder / "test_planted_module.py").write_text(PLANTED_MODULE)
    flags = [
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        "-q",
        "-rEfxsp",
        "--continue-on-collection-errors",
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *flags, str(folder)],
        env={**os.environ, "CI": ci},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout


@pytest.fixture(scope="module")
def in_ci(tmp_path_factory: pytest.TempPathFactory) -> str:
    return outcomes(tmp_path_factory.mktemp("ci"), "true")


@pytest.fixture(scope="module")
def at_the_desk(tmp_path_factory: pytest.TempPathFactory) -> str:
    return outcomes(tmp_path_factory.mktemp("desk"), "")


def test_a_skipped_test_fails_in_ci(in_ci: str) -> None:
    assert "ERROR test_planted.py::test_marked" in in_ci
    assert "FAILED test_planted.py::test_skips_inside" in in_ci


def test_a_module_that_skips_itself_fails_in_ci(in_ci: str) -> None:
    assert "ERROR test_planted_module.py" in in_ci


def test_an_expected_failure_is_not_a_skip(in_ci: str) -> None:
    assert "XFAIL test_planted.py::test_known_fault" in in_ci


def test_a_skipped_test_stays_skipped_at_the_desk(at_the_desk: str) -> None:
    assert "3 skipped" in at_the_desk


def test_a_blocking_call_of_the_proxy_on_the_loop_is_found(at_the_desk: str) -> None:
    assert "FAILED test_planted.py::test_blocks_the_loop - blockbuster" in at_the_desk
    assert "PASSED test_planted.py::test_blocks_no_loop" in at_the_desk
