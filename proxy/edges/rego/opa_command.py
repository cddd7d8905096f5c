"""The `opa` command: found, run without a shell or our environment, its words understood."""

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from proxy.errors import ConfigInvalid
from proxy.exchange import Json

# The sample policies take 0.2 s to compile and 0.5 s to test; a command that takes longer than this hangs.
COMMAND_S = 60.0

Done = subprocess.CompletedProcess[str]


def find_opa(configured: Path | None) -> Path | None:
    """The configured command, else the one on the PATH, else the one that `make opa` made."""
    if configured is not None:
        return configured if configured.is_file() else None
    found = shutil.which("opa")
    if found is not None:
        return Path(found)
    checkout = Path(__file__).resolve().parents[3] / ".tools" / "opa"
    return checkout if checkout.is_file() else None


def needed_opa(named: Path | None) -> Path:
    """The same for a command that cannot do without. Raises ConfigInvalid."""
    found = find_opa(named)
    if found is None:
        raise ConfigInvalid(["no `opa` is here: run `make opa`, or name it with --opa"])
    return found


def run_opa(opa: Path, arguments: Iterable[str], folder: Path) -> Done:
    """Raises ConfigInvalid when it cannot be run or does not come back; else judge by `returncode`."""
    try:
        return subprocess.run(
            [str(opa.resolve()), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            env={},  # a proxy, a token or a home of ours is not its business
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigInvalid([f"{opa}: cannot be run"]) from error


def version(opa: Path) -> str:
    found = re.search(r"^Version: (\S+)$", run_opa(opa, ["version"], Path()).stdout, re.MULTILINE)
    if found is None:
        raise ConfigInvalid([f"{opa}: is not OPA"])
    return found[1]


def lay_out(folder: Path, sources: Mapping[str, bytes], document: bytes = b"{}") -> Path:
    """The sources as they were read and hashed, as a bundle: nothing can change under OPA's hands."""
    root = folder / "policies"
    manifest = b'{"roots": ["gateway"], "rego_version": 1}'
    for path, text in {**sources, "data.json": document, ".manifest": manifest}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text)
    return root


def parse(opa: Path, root: Path, paths: Iterable[str]) -> dict[str, Json]:
    """The syntax trees of those that can be parsed; why the others cannot, `opa build` tells."""
    command = ["parse", "-f", "json", "--json-include", "locations"]
    done = {path: run_opa(opa, [*command, path], root) for path in sorted(paths)}
    return {path: orjson.loads(one.stdout) for path, one in done.items() if one.returncode == 0}


def build_wasm(opa: Path, root: Path, entrypoints: Iterable[str], target: Path, *more: str) -> Done:
    """A bundle with the module at `target`, unless it failed."""
    named = [word for entrypoint in entrypoints for word in ("-e", entrypoint)]
    return run_opa(opa, ["build", "-t", "wasm", "-b", ".", "-o", str(target), *named, *more], root)


def member(bundle: Path, name: str) -> bytes:
    """One file of a bundle. Raises ConfigInvalid."""
    with tarfile.open(fileobj=io.BytesIO(bundle.read_bytes()), mode="r:gz") as archive:
        for one in archive.getmembers():
            content = archive.extractfile(one) if one.name.lstrip("/") == name else None
            if content is not None:
                return content.read()
    raise ConfigInvalid([f"opa build made a bundle without {name}"])


def complaints(done: Done) -> list[str]:
    """OPA's own messages, `file:line: code: text`, without what it draws under them."""
    if done.returncode == 0:
        return []
    found = re.findall(r"([\w./-]+\.rego:\d+: rego_\w+: .*)", done.stdout + done.stderr)
    return [message.lstrip("./") for message in dict.fromkeys(found)] or ["OPA refused it without a place"]
