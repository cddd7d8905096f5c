"""Starts what is measured: the stand-in upstream, the bare passthrough, and the proxy with everything on.

Each is a process of its own on the core it is given and a port that the system chose, and ends with the run.
"""

import hashlib
import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from load.corpus import MODEL
from load.driver import Target
from load.machine import pin

ROOT = Path(__file__).parents[1]
READY_S = 90.0  # loading spaCy takes three seconds; a busy machine may take ten times that, and we start two
STOP_S = 15.0  # longer than the proxy's own ten seconds of draining


class NotStarted(Exception):
    """A process ended or stayed silent before it was ready; its own words are told."""


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    port: int


@contextmanager
def module(core: int | None, name: str, *arguments: str) -> Iterator[Process]:
    """One of ours, which tells its port on stdout and ends when its standard input does."""
    command = [sys.executable, "-m", name, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
        assert process.stdout is not None  # noqa: S101
        pin(process.pid, core)
        try:
            yield Process(process.pid, int(json.loads(process.stdout.readline())["port"]))
        finally:
            process.stdin.close()
            _stop(process)


@contextmanager
def sluicegate(
    name: str,
    core: int | None,
    folder: Path,
    upstream: int,
    *,
    soft_rules: bool = False,
    of_answers: Sequence[str] | None = None,
) -> Iterator[Target]:
    """`sluicegate serve` as an operator would start it, with one API key for the load.

    `of_answers`: the kinds that are looked for in answers; None: those of the sample policies.
    """
    key = "sg-" + secrets.token_urlsafe(32)
    config = write_configuration(folder, upstream, key, soft_rules=soft_rules)
    if of_answers is not None:
        plan = folder / "policies" / "gateway" / "config" / "redaction" / "data.yaml"
        everyone = [{"kind": kind, "score": 0.5, "restore": False} for kind in of_answers]
        _write(plan, {**yaml.safe_load(plan.read_text()), "answer": {"everyone": everyone}})
    log = folder / "proxy.log"
    command = [sys.executable, "-m", "proxy", "serve", "-c", str(config)]
    with log.open("wb") as words, subprocess.Popen(command, cwd=ROOT, stderr=words) as process:
        pin(process.pid, core)
        try:
            yield Target(name, _port_told(process, log), process.pid, key)
        finally:
            _stop(process)


def write_configuration(folder: Path, upstream: int, key: str, *, soft_rules: bool) -> Path:
    """Everything on: keys, embedded policies, Presidio, the journal with fsync. Gives the file's place."""
    folder.mkdir(parents=True)
    url = f"http://127.0.0.1:{upstream}"
    subject = {"id": "load", "tenant": "load", "groups": ["finance"]}
    digest = hashlib.sha256(key.encode()).hexdigest()
    _write(
        folder / "keys.yaml",
        {"keys": [{"id": "load", "sha256": digest, "actor": "load", "subject": subject}]},
    )
    settings = {
        "state": "state",
        "listen": {"address": "127.0.0.1:0", "admin": "127.0.0.1:0"},
        "upstreams": [{"name": "stand-in", "url": url, "models": {MODEL: MODEL}}],
        "identity": {"keys_file": "keys.yaml"},
        "hard_rules": {"engine": "embedded", "policies": "policies"},
    }
    if soft_rules:
        settings["soft_rules"] = {"judge": "openai", "url": url, "model": MODEL}
    shutil.copytree(ROOT / "policies", folder / "policies")
    if not soft_rules:
        _write(folder / "policies" / "gateway" / "config" / "soft_rules" / "data.yaml", {"rules": []})
    return _write(folder / "sluicegate.yaml", settings)


def _write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    path.chmod(0o600)
    return path


def _port_told(process: subprocess.Popen[bytes], log: Path) -> int:
    """Of the callers' side, from the proxy's own log; whoever listens is ready."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        for line in log.read_bytes().splitlines():
            if b'"listening"' in line:
                return int(json.loads(line)["address"].rpartition(":")[2])
        time.sleep(0.05)
    raise NotStarted(f"sluicegate serve: not ready\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ours alone, by its own id; one that does not listen to a request to end is ended."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
