"""Turns a policy repository into what the embedded engine runs: by OPA itself, or taken as it was compiled before.

Needs the `opa` command only when a `.rego` file changed. What the engine cannot do exactly as OPA does is
refused here, by name and place.
"""

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from proxy.edges import rego_exact
from proxy.edges.rego_files import PolicyFiles, hashes
from proxy.errors import ConfigInvalid
from proxy.exchange import Json

ENTRYPOINT = "gateway/main/decision"
COMPILED = Path("compiled")

# The whole of the sample policies compiles in 0.2 s; a command that takes longer than this hangs.
COMMAND_S = 60.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """`manifest`: what the module was made of: OPA's version, the hash of each source, of the module itself."""

    wasm: bytes = field(repr=False)
    manifest: dict[str, Json]

    def is_of(self, sources: Mapping[str, bytes]) -> bool:
        return bool(self.manifest.get("sources") == hashes(sources))


def find_opa(configured: Path | None) -> Path | None:
    """The configured command, else the one on the PATH, else the one that `make opa` put into the checkout."""
    if configured is not None:
        return configured if configured.is_file() else None
    found = shutil.which("opa")
    if found is not None:
        return Path(found)
    checkout = Path(__file__).resolve().parent.parent.parent / ".tools" / "opa"
    return checkout if checkout.is_file() else None


def compiled(policies: Path, files: PolicyFiles, *, state: Path, opa: Path | None) -> Compiled:
    """The module for these sources: as shipped, from the cache, or made now. Raises ConfigInvalid."""
    cache = state / "policies"
    for folder in (policies / COMPILED, cache):
        found = load(folder)
        if found is not None and found.is_of(files.sources):
            return found
    command = find_opa(opa)
    if command is None:
        raise ConfigInvalid(
            [f"{policies}: the Rego was changed and no `opa` is here to compile it: run `make opa`, or set hard_rules.opa.binary"]
        )
    made = compile_sources(command, files.sources, place=policies)
    save(made, cache)
    return made


def compile_sources(opa: Path, sources: Mapping[str, bytes], *, place: Path) -> Compiled:
    """The same sources and the same OPA give the same bytes. Raises ConfigInvalid with file and line."""
    version = _measured_version(opa)
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as name:
        root, bundle = Path(name) / "policies", Path(name) / "bundle.tar.gz"
        for path, text in sources.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text)
        capabilities = Path(name) / "capabilities.json"
        capabilities.write_bytes(_capabilities(opa))
        problems = [f"{place}/{problem}" for problem in _inexact(opa, root, sources)]
        build = ["build", "-t", "wasm", "-b", ".", "-e", ENTRYPOINT, "-o", str(bundle)]
        done = _run(opa, [*build, "--capabilities", str(capabilities)], root)
        problems += [f"{place}/{problem}" for problem in _complaints(done)]
        if problems:
            raise ConfigInvalid(problems)
        wasm = _member(bundle, "policy.wasm")
    manifest = {"opa": version, "entrypoint": ENTRYPOINT, "sources": hashes(sources), "wasm": hashes({"": wasm})[""]}
    return Compiled(wasm, manifest)


def load(folder: Path) -> Compiled | None:
    """A module that was saved whole; None if there is none, or its bytes are not the ones that were saved."""
    try:
        wasm = (folder / "policy.wasm").read_bytes()
        manifest = orjson.loads((folder / "compiled.json").read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    if not isinstance(manifest, dict) or manifest.get("wasm") != hashes({"": wasm})[""]:
        return None
    return Compiled(wasm, manifest)


def save(made: Compiled, folder: Path) -> None:
    """Each file appears whole; a pair that does not belong together is not loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = orjson.dumps(made.manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    for name, content in (("policy.wasm", made.wasm), ("compiled.json", manifest)):
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(folder / name)


def _measured_version(opa: Path) -> str:
    done = _run(opa, ["version"], Path())
    found = re.search(r"^Version: (\S+)$", done.stdout, re.MULTILINE)
    version = found[1] if found else "of an unknown version"
    if not rego_exact.MEASURED.fullmatch(version):
        raise ConfigInvalid([f"{opa}: OPA {version} was not compared with the embedded engine: 1.22 was"])
    return version


def _capabilities(opa: Path) -> bytes:
    """OPA's own, without the built-in functions that are not exact: then OPA refuses them, with file and line."""
    known = orjson.loads(_run(opa, ["capabilities", "--current"], Path()).stdout)
    known["builtins"] = [one for one in known["builtins"] if one["name"] in rego_exact.EXACT]
    return orjson.dumps(known)


def _inexact(opa: Path, root: Path, sources: Mapping[str, bytes]) -> Iterator[str]:
    for path in sorted(sources):
        done = _run(opa, ["parse", "-f", "json", "--json-include", "locations", path], root)
        if done.returncode == 0:  # what does not parse is told by the build
            for line, name, reason in rego_exact.places(orjson.loads(done.stdout)):
                yield f"{path}:{line}: {name}: {reason}"


def _complaints(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """OPA's own messages, `file:line: code: text`, without what it draws under them."""
    if done.returncode == 0:
        return []
    found = re.findall(r"([\w./-]+\.rego:\d+: rego_\w+: .*)", done.stdout + done.stderr)
    return [_explain(message.lstrip("./")) for message in dict.fromkeys(found)] or ["opa build failed"]


def _explain(message: str) -> str:
    refused = re.fullmatch(r"(\S+:\d+): rego_type_error: undefined function (\S+)", message)
    if refused is None:
        return message
    return f"{refused[1]}: {refused[2]}: not a function that the embedded engine runs exactly as OPA does; `hard_rules.engine: opa` has it"


def _member(bundle: Path, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(bundle.read_bytes()), mode="r:gz") as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member) if member.name.lstrip("/") == name else None
            if content is not None:
                return content.read()
    raise ConfigInvalid([f"opa build made a bundle without {name}"])


def _run(opa: Path, arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603  # the operator's own command, arguments are ours
            [str(opa.resolve()), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            env={"HOME": "/nonexistent"},  # OPA writes nothing there; a proxy or a token of ours is not its business
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigInvalid([f"{opa}: cannot be run"]) from error
