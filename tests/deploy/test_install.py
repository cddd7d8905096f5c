"""What the image's build runs, run here: locked dependencies, the wheel, the command, the policies in it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"


def pins(path: Path) -> dict[str, set[str]]:
    """Name and version → hashes."""
    entries = re.findall(r"(?m)^([a-z0-9-]+==[^ \n]+)[^\n]*((?:\n    .*)*)", path.read_text())
    return {name: set(re.findall(r"--hash=(sha256:[0-9a-f]{64})", rest)) for name, rest in entries}


def test_what_builds_the_wheel_is_pinned_as_everywhere() -> None:
    everywhere = pins(ROOT / "deploy" / "lock" / "dev.lock")
    build = pins(CONTAINER / "build.lock")
    assert {name.partition("==")[0] for name in build} >= {"hatchling"}
    assert build.items() <= everywhere.items()


def test_the_image_runs_the_script_that_is_tested_here() -> None:
    file = (CONTAINER / "Containerfile").read_text()
    assert "RUN PIP_NO_CACHE_DIR=1 sh deploy/container/install.sh /opt/sluicegate" in file
    copied = set(re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", file))
    sources = {source for line in copied for source in line.split()}
    ignored = (CONTAINER / "Containerfile.dockerignore").read_text().splitlines()
    assert sources == {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_is_not_run_by_root() -> None:
    file = (CONTAINER / "Containerfile").read_text()
    assert re.findall(r"(?m)^USER (.+)$", file) == ["10001:10001"]
    assert file.index("USER 10001") < file.index("ENTRYPOINT")


def test_the_images_health_check_is_a_program_that_runs(tmp_path: Path) -> None:
    found = re.search(r'CMD \["python", "-c", "(.+)"\]', (CONTAINER / "Containerfile").read_text())
    assert found is not None
    nobody = found[1].replace("8081", "9")
    assert (
        subprocess.run(["python3", "-c", nobody], capture_output=True, check=False, timeout=30).returncode
        == 1
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_locked_install_gives_a_command_with_its_policies(tmp_path: Path) -> None:
    target = tmp_path / "sluicegate"
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run(
        ["sh", str(CONTAINER / "install.sh"), str(target)], check=True, timeout=840, env=clean, cwd="/"
    )
    program = target / "bin" / "sluicegate"
    said = subprocess.run(
        [program, "--help"], check=True, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert "check-config" in said.stdout
    (package,) = target.glob("lib/python3*/site-packages/proxy")
    assert list(package.glob("default_policies/gateway/**/*.rego"))
    assert list(package.glob("default_policies/.manifest"))
    assert not list(target.glob("lib/python3*/site-packages/pip"))
    checked = subprocess.run(
        [program, "check-config"], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert checked.stdout.splitlines() == [
        "defaults: upstreams: one is needed: add it, or give --upstream URL"
    ], checked.stderr
    assert checked.returncode == 2
