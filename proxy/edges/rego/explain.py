"""What each rule of a phase said about one input document: those that fired, and those that did not.

OPA itself tells; the decision is not made here. Names alone are told, never a value out of the document.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from proxy.edges.rego.files import PolicyFiles
from proxy.edges.rego.opa_command import lay_out, parse, run_opa
from proxy.errors import EngineUnavailable
from proxy.exchange import Json

RULES = "data.gateway.rules"
SPOKEN = ("findings", "obligations")


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule, which is one package. `findings` and `demands`: its own words, as the router joins them.

    `held`, `unmet`: its conditions by name, functions left out. A rule that denies through the negation of
    the good has the good among the unmet ones when it fires.
    """

    id: str
    title: str
    owner: str
    package: str
    place: str
    findings: tuple[Json, ...]
    demands: tuple[Json, ...]
    held: tuple[str, ...]
    unmet: tuple[str, ...]

    @property
    def fired(self) -> bool:
        return bool(self.findings or self.demands)


@dataclass(frozen=True, slots=True)
class _Written:
    """Where a package begins, and what its conditions are called."""

    place: str
    conditions: tuple[str, ...] = ()


_NOWHERE = _Written("")


def explain(opa: Path, files: PolicyFiles, document: Mapping[str, Json]) -> tuple[RuleOutcome, ...]:
    """Blocking, about half a second. By package; empty for a phase that nobody knows.

    Raises ConfigInvalid when OPA cannot be run, EngineUnavailable when the rules cannot be evaluated.
    """
    phase = str(document.get("phase"))
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as name:
        root = lay_out(Path(name), files.sources, files.document)
        said = _ask(opa, root, document)
        written = _written(parse(opa, root, [path for path in files.sources if f"/rules/{phase}/" in path]))
        metadata = _metadata(opa, root)
    packages = {f"{RULES}.{phase}.{name}": words for name, words in sorted(said.items())}
    return tuple(
        _outcome(package, written.get(package, _NOWHERE), words, metadata.get(package, {}))
        for package, words in packages.items()
    )


def _ask(opa: Path, root: Path, document: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """The whole documents of the phase's packages, by name."""
    given = root.parent / "input.json"
    given.write_bytes(orjson.dumps(document))
    command = ["eval", "-b", ".", "-i", str(given), "--format", "json", f"{RULES}[input.phase]"]
    done = run_opa(opa, command, root)
    if done.returncode:
        raise EngineUnavailable("The policies could not be evaluated.")
    rows = orjson.loads(done.stdout).get("result", [])
    return dict(rows[0]["expressions"][0]["value"]) if rows else {}


def _written(modules: Mapping[str, Json]) -> dict[str, _Written]:
    """By package. A function has no value of its own, so it is no condition that holds or not."""
    found: dict[str, _Written] = {}
    for place, module in modules.items():
        package = _dotted(module["package"]["path"])
        heads = [rule["head"] for rule in module.get("rules", ())]
        names = [_first(head) for head in heads if "args" not in head and _first(head) not in SPOKEN]
        before = found.get(package, _Written(place))
        found[package] = _Written(before.place, tuple(dict.fromkeys([*before.conditions, *names])))
    return found


def _first(head: Mapping[str, Json]) -> str:
    return str(head["ref"][0]["value"])


def _metadata(opa: Path, root: Path) -> dict[str, dict[str, Json]]:
    done = run_opa(opa, ["inspect", "-a", "--format", "json", "."], root)
    if done.returncode:
        raise EngineUnavailable("The policies could not be inspected.")
    return {
        _dotted(one["path"]): one["annotations"]
        for one in orjson.loads(done.stdout).get("annotations", ())
        if one["annotations"].get("scope") == "package"
    }


def _dotted(path: Json) -> str:
    return ".".join(str(step["value"]) for step in path)


def _outcome(
    package: str, written: _Written, words: Mapping[str, Json], metadata: Mapping[str, Json]
) -> RuleOutcome:
    custom = metadata.get("custom", {})
    held = tuple(name for name in written.conditions if _holds(words.get(name)))
    return RuleOutcome(
        id=str(custom.get("id", package)),
        title=str(metadata.get("title", "")),
        owner=str(custom.get("owner", "")),
        package=package,
        place=written.place,
        findings=tuple(_said(words.get("findings"))),
        demands=tuple(_said(words.get("obligations"))),
        held=held,
        unmet=tuple(name for name in written.conditions if name not in held),
    )


def _holds(value: Json) -> bool:
    """As Rego has it: undefined and false do not hold; nothing in a set or a list is nothing that held."""
    return value is not None and value is not False and value not in ([], {})


def _said(value: Json) -> Iterator[Json]:
    """A set of OPA's is a list; anything else would be skipped by the router's own walk."""
    yield from value if isinstance(value, list) else (value or {}).values()
