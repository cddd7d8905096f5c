"""The form that every policy repository keeps: how a rule is called, where it stands, that it speaks.

A rule that is misspelt, in the folder of a phase that does not exist, or without a word for the router, would
be a rule that never speaks. OPA's own checks cannot know that.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.edges.rego.files import read_policies
from proxy.edges.rego.opa_command import parse
from proxy.exchange import Json

PHASES = ("admission", "prompt", "tool_call", "answer")

_WORDS = {"findings", "obligations"}
_ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class RuleAbout:
    """What a rule says of itself in its METADATA. `place` is its file."""

    place: str
    phase: str
    id: str
    action: str
    owner: str
    title: str
    description: str


def rules_of(policies: Path, opa: Path) -> list[RuleAbout]:
    """Every rule of the repository, by phase in their order, then by id."""
    rules = [_about(path, module) for path, module in _modules(policies, opa).items() if _is_rule(module)]
    return sorted(rules, key=lambda rule: (_order(rule.phase), rule.id))


def problems_of(policies: Path, opa: Path) -> Iterator[str]:
    """One line each, with the file."""
    seen: dict[str, str] = {}
    for path, module in _modules(policies, opa).items():
        if not path.startswith("gateway/"):
            yield f"{policies}/{path}: Rego belongs below gateway/"
            continue
        if not _is_rule(module):
            continue
        yield from (f"{policies}/{path}: {problem}" for problem in _rule_problems(policies, path, module))
        about = _about(path, module)
        if about.id and about.id in seen:
            yield f"{policies}/{path}: the id {about.id} is taken by {seen[about.id]}"
        seen[about.id] = path


def table(rules: list[RuleAbout]) -> str:
    """The rules as a Markdown table, for the repository's README."""
    rows = ["| phase | rule | action | owner | what it says |", "|---|---|---|---|---|"]
    rows += [
        f"| {one.phase} | `{one.id}` | {one.action} | {one.owner} | {' '.join(one.description.split())} |"
        for one in rules
    ]
    return "\n".join(rows) + "\n"


def _rule_problems(policies: Path, path: str, module: Json) -> Iterator[str]:
    package, about = _package(module), _about(path, module)
    if len(package) != 5 or list(Path(path).parent.parts) != package[1:]:
        yield "a rule's package is its folder: gateway/rules/<phase>/<family>"
    if about.phase not in PHASES:
        yield f"no phase is called {about.phase}: it is one of {', '.join(PHASES)}"
    if not _WORDS & {_head(rule) for rule in module.get("rules", ())}:
        yield "the rule never speaks: it has neither findings nor obligations"
    if not _ID.fullmatch(about.id) or about.action not in {"allow", "redact", "block"}:
        yield "METADATA: custom.id must be like `model.grant`, custom.action one of allow, redact, block"
    if not (about.owner and about.title and about.description):
        yield "METADATA: title, description and custom.owner are missing in part"
    if not (policies / path).with_name(f"{Path(path).stem}_test.rego").is_file():
        yield "there is no test beside it"


def _modules(policies: Path, opa: Path) -> Mapping[str, Json]:
    return parse(opa, policies, read_policies(policies).sources)


def _package(module: Json) -> list[str]:
    return [str(part["value"]) for part in module["package"]["path"]]


def _is_rule(module: Json) -> bool:
    return _package(module)[:3] == ["data", "gateway", "rules"]


def _head(rule: Json) -> str:
    reference = rule["head"].get("ref") or [{"value": rule["head"].get("name", "")}]
    return str(reference[0]["value"])


def _about(path: str, module: Json) -> RuleAbout:
    notes = [one for one in module.get("annotations", ()) if one.get("scope") == "package"]
    note = notes[0] if notes else {}
    custom = note.get("custom", {})
    package = [*_package(module), "", "", "", ""]
    return RuleAbout(
        place=path,
        phase=package[3],
        id=str(custom.get("id", "")),
        action=str(custom.get("action", "")),
        owner=str(custom.get("owner", "")),
        title=str(note.get("title", "")),
        description=str(note.get("description", "")),
    )


def _order(phase: str) -> int:
    return PHASES.index(phase) if phase in PHASES else len(PHASES)
