"""Reads the pages of the documentation: their commands, links, settings and rule ids."""

import dataclasses
import re
import shlex
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from proxy.settings import Settings

SHELLS = ("console", "sh")
FENCE = re.compile(r"(?ms)^(?P<run><!-- run -->\s*\n)?```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```[ \t]*$")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOTTED = re.compile(r"[a-z_]+(\.[a-z0-9_-]+)+")
RULES_FIELD = re.compile(r'"rules": \[([^\]]*)\]')
FILE_ENDINGS = (
    "py",
    "md",
    "rego",
    "yaml",
    "yml",
    "json",
    "jsonl",
    "svg",
    "toml",
    "lock",
    "sh",
    "key",
    "wasm",
    "log",
)
SHELL_WORDS = {"|", "||", "&", "&&", ";", ">", ">>", "<", "(", ")"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `run`: the reader is told that it works as it stands, so a test does it."""

    where: str
    kind: str
    text: str
    run: bool

    def steps(self) -> Iterator[tuple[str, list[str]]]:
        """Commands with the output that is shown under each. Without a `$ `, every line is a command."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if not any(line.startswith("$ ") for line in lines):
            yield from ((line, []) for line in lines if line.strip() and not line.startswith("#"))
            return
        command, shown = "", list[str]()
        for line in lines:
            if not line.startswith("$ "):
                shown.append(line)
                continue
            if command:
                yield command, shown
            command, shown = line[2:], []
        yield command, shown


@dataclass(frozen=True, slots=True)
class Page:
    path: Path
    where: str
    text: str

    def blocks(self) -> list[Block]:
        return [
            Block(
                f"{self.where}:{self.text.count(chr(10), 0, found.start()) + 1}",
                found["kind"],
                found["text"],
                bool(found["run"]),
            )
            for found in FENCE.finditer(self.text)
        ]

    def prose(self) -> str:
        """The page without its fenced blocks."""
        return FENCE.sub("", self.text)

    def names(self) -> list[str]:
        """What stands in `code spans` and looks like `group.key`."""
        spans = [span for span in CODE_SPAN.findall(self.prose()) if DOTTED.fullmatch(span)]
        return [span for span in spans if span.rpartition(".")[2] not in FILE_ENDINGS]

    def refusals(self) -> list[str]:
        """Ids of the rules in shown refusals."""
        return [rule for rules in RULES_FIELD.findall(self.text) for rule in re.findall(r'"([^"]+)"', rules)]

    def links(self) -> list[str]:
        """To places in the repository: a path, an `#anchor`, or both."""
        return [
            link
            for link in LINK.findall(self.prose())
            if "://" not in link and not link.startswith("mailto:")
        ]

    def anchors(self) -> set[str]:
        """As the usual renderers name headings."""
        headings = re.findall(r"(?m)^#+ +(.+?) *$", self.prose())
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pages(root: Path) -> list[Page]:
    folders = ("docs", "deploy", "policies", "load")
    found = [
        root / "README.md",
        *(page for folder in folders for page in sorted((root / folder).rglob("*.md"))),
    ]
    return [Page(path, str(path.relative_to(root)), path.read_text("utf-8")) for path in found]


def own_commands(line: str) -> Iterator[list[str]]:
    """The words of each call of `sluicegate` in a line of shell, without its pipes and redirections."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call: list[str] | None = None
    for word in words:
        if word in SHELL_WORDS:
            if call is not None:
                yield call
            call = None
        elif word.rpartition("/")[2] == "sluicegate" and call is None:
            call = []
        elif call is not None:
            call.append(word)
    if call is not None:
        yield call


def setting_names(group: type = Settings, prefix: str = "") -> set[str]:
    """Every `group.key`, and each group itself, as an operator writes them."""
    names: set[str] = set()
    for name, kind in typing.get_type_hints(group).items():
        names.add(prefix + name)
        for inner in _parts(kind):
            if dataclasses.is_dataclass(inner):
                names |= setting_names(inner, f"{prefix}{name}.")
    return names


def _parts(kind: object) -> Sequence[type]:
    """A type, or the types inside a union or a tuple."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is tuple:
        return [part for part in typing.get_args(kind) if isinstance(part, type)]
    return [kind] if isinstance(kind, type) else []


def rule_ids(policies: Path) -> set[str]:
    """From the METADATA of every rule, and of the soft rules that the sample lists."""
    found: set[str] = set()
    for rego in sorted((policies / "gateway" / "rules").rglob("*.rego")):
        found |= set(re.findall(r"(?m)^# +id: *(\S+)", rego.read_text("utf-8")))
    soft = yaml.safe_load((policies / "gateway" / "config" / "soft_rules" / "data.yaml").read_text("utf-8"))
    return found | {rule["rule"] for rule in soft["rules"]}


def make_targets(makefile: Path) -> set[str]:
    return set(re.findall(r"(?m)^([a-z][\w-]*):", makefile.read_text("utf-8")))
