"""Turns a policy repository into what the embedded engine runs: by OPA itself, or as it was compiled before.

Needs the `opa` command only when a `.rego` file changed. What the engine cannot do exactly as OPA does is
refused here, by name and place.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from proxy.edges.rego import exact as rego_exact
from proxy.edges.rego import opa_command
from proxy.edges.rego.files import PolicyFiles, hashes
from proxy.errors import ConfigInvalid
from proxy.exchange import Json

ENTRYPOINT = "gateway/main/decision"
COMPILED = Path("compiled")


@dataclass(frozen=True, slots=True)
class Compiled:
    """`manifest`: OPA's version, the hash of each source and of the module itself."""

    wasm: bytes = field(repr=False)
    manifest: dict[str, Json]

    def is_of(self, sources: Mapping[str, bytes]) -> bool:
        return bool(self.manifest.get("sources") == hashes(sources))


def compiled(policies: Path, files: PolicyFiles, *, state: Path, opa: Path | None) -> Compiled:
    """The module for these sources: as shipped, from the cache, or made now. Raises ConfigInvalid."""
    cache = state / "policies"
    for folder in (policies / COMPILED, cache):
        found = load(folder)
        if found is not None and found.is_of(files.sources):
            return found
    command = opa_command.find_opa(opa)
    if command is None:
        hint = "run `make opa`, or set hard_rules.opa.binary"
        raise ConfigInvalid([f"{policies}: the Rego was changed and no `opa` is here to compile it: {hint}"])
    made = compile_sources(command, files.sources, place=policies)
    save(made, cache)
    return made


def compile_sources(opa: Path, sources: Mapping[str, bytes], *, place: Path) -> Compiled:
    """The same sources and the same OPA give the same bytes. Raises ConfigInvalid with file and line."""
    version = opa_command.version(opa)
    if not rego_exact.MEASURED.fullmatch(version):
        raise ConfigInvalid([f"{opa}: OPA {version} was not compared with the embedded engine: 1.22 was"])
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as name:
        root, target = opa_command.lay_out(Path(name), sources), Path(name) / "bundle.tar.gz"
        problems = inexact(opa_command.parse(opa, root, sources))
        capabilities = Path(name) / "capabilities.json"
        capabilities.write_bytes(exact_capabilities(opa))
        done = opa_command.build_wasm(opa, root, [ENTRYPOINT], target, "--capabilities", str(capabilities))
        problems += [_explain(complaint) for complaint in opa_command.complaints(done)]
        if problems:
            raise ConfigInvalid([f"{place}/{problem}" for problem in problems])
        wasm = opa_command.member(target, "policy.wasm")
    manifest = {
        "opa": version,
        "entrypoint": ENTRYPOINT,
        "sources": hashes(sources),
        "wasm": hashes({"": wasm})[""],
    }
    return Compiled(wasm, manifest)


def compile_bundle(opa: Path, files: PolicyFiles, *, place: Path) -> bytes:
    """An OPA bundle of sources, data and revision, for a real OPA. Raises ConfigInvalid."""
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as name:
        root, target = opa_command.lay_out(Path(name), files.sources, files.document), Path(name) / "b.tar.gz"
        command = ["build", "-b", ".", "-o", str(target), "--revision", files.revision]
        problems = opa_command.complaints(opa_command.run_opa(opa, command, root))
        if problems:
            raise ConfigInvalid([f"{place}/{problem}" for problem in problems])
        return target.read_bytes()


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


def exact_capabilities(opa: Path) -> bytes:
    """OPA's own, less the built-in functions that are not exact: OPA then refuses them, with their place."""
    known = orjson.loads(opa_command.run_opa(opa, ["capabilities", "--current"], Path()).stdout)
    known["builtins"] = [one for one in known["builtins"] if one["name"] in rego_exact.EXACT]
    return orjson.dumps(known)


def inexact(modules: Mapping[str, Json]) -> list[str]:
    """What is not exact by its form, `file:line: name: reason`."""
    return [
        f"{path}:{line}: {name}: {reason}"
        for path, module in modules.items()
        for line, name, reason in rego_exact.places(module)
    ]


def _explain(complaint: str) -> str:
    refused = re.fullmatch(r"(\S+:\d+): rego_type_error: undefined function (\S+)", complaint)
    if refused is None:
        return complaint
    return (
        f"{refused[1]}: {refused[2]}: not a function that the embedded engine runs exactly as OPA does; "
        "`hard_rules.engine: opa` has it"
    )
