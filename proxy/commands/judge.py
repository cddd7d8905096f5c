"""`sluicegate judge`: asks the soft rules of the policies about each line of standard input."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from proxy.edges.configuration.file import load
from proxy.edges.judges.judges import open_judge
from proxy.edges.rego.files import default_policies, read_policies
from proxy.errors import ConfigInvalid, RequestInvalid
from proxy.exchange import CleanText
from proxy.settings import Settings
from proxy.verdict import SoftAsk, SoftVerdict

EXAMPLES = """examples:
  echo 'How do I bake bread?' | sluicegate judge -c sluicegate.yaml
  sluicegate judge --rule soft.no-weapons --jsonl < texts.jsonl

Each line is a text of its own, and `id` its number, or its own with --jsonl ({"id","text"}). Written is one
JSON line for each text and rule: {"id","rule","score","verdict","judge"}. Nothing is redacted first.
Exit codes: 0 every verdict is there, 1 the judge gave none for a text, 2 used wrongly or bad input."""

# Four bytes for each of as many characters as the recogniser takes of one text.
LINE_BYTES = 4 * 400_000


@dataclass(frozen=True, slots=True)
class Line:
    """A text is clean here because its owner says so: he is the one who sends it to the judge."""

    id: str | int
    text: CleanText = field(repr=False)


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="default: ./sluicegate.yaml")
    parser.add_argument("--rule", metavar="NAME", help="ask this rule only")
    parser.add_argument("--jsonl", action="store_true", help='read {"id","text"} lines')


def run(args: argparse.Namespace) -> int:
    """Raises ConfigInvalid, as every command does."""
    settings = load(args.config, environ=os.environ)
    if settings.soft_rules.judge == "none":
        raise ConfigInvalid(["soft_rules.judge: is none: there is nobody to ask"])
    rules = _chosen(_rules(settings), args.rule)
    try:
        verdicts = asyncio.run(_judge(settings, rules, _lines(sys.stdin.buffer, jsonl=args.jsonl)))
    except RequestInvalid as problem:
        print(problem.reason, file=sys.stderr)
        return 2
    return 0 if verdicts else 1


async def _judge(settings: Settings, rules: Sequence[SoftAsk], lines: Iterator[Line]) -> bool:
    """Whether every verdict is there. One text at a time: its verdicts come out before the next goes in."""
    whole = True
    async with open_judge(settings.soft_rules) as judge:
        while (line := await asyncio.to_thread(next, lines, None)) is not None:
            text = line.text
            verdicts = await asyncio.gather(*(judge.judge(rule, text) for rule in rules))
            whole &= all(verdict.status != "error" for verdict in verdicts)
            _write(line.id, verdicts)
    return whole


def _rules(settings: Settings) -> tuple[SoftAsk, ...]:
    """The sentences of the policy repository; its schema has been checked when it was read."""
    files = read_policies(settings.hard_rules.policies or default_policies())
    config = orjson.loads(files.document)["gateway"]["config"]
    return tuple(SoftAsk(**rule) for rule in config.get("soft_rules", {}).get("rules", ()))


def _chosen(rules: Sequence[SoftAsk], name: str | None) -> Sequence[SoftAsk]:
    chosen = [rule for rule in rules if name in (None, rule.rule)]
    if not chosen:
        there = ", ".join(rule.rule for rule in rules) or "none"
        raise ConfigInvalid([f"no such soft rule in the policies; there are: {there}"])
    return chosen


def _lines(stream: IO[bytes], *, jsonl: bool) -> Iterator[Line]:
    number = 0
    while raw := stream.readline(LINE_BYTES + 1):
        number += 1
        if len(raw) > LINE_BYTES:
            raise RequestInvalid(f"line {number}: longer than {LINE_BYTES} bytes")
        yield _json_line(raw, number) if jsonl else Line(number, _text(raw, number))


def _text(raw: bytes, number: int) -> CleanText:
    try:
        return CleanText(raw.rstrip(b"\r\n").decode())
    except UnicodeDecodeError:
        raise RequestInvalid(f"line {number}: not UTF-8") from None


def _json_line(raw: bytes, number: int) -> Line:
    try:
        entry = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise RequestInvalid(f"line {number}: not JSON") from None
    if not isinstance(entry, dict) or entry.keys() != {"id", "text"}:
        raise RequestInvalid(f'line {number}: not an object with just "id" and "text"')
    if not isinstance(entry["text"], str) or not isinstance(entry["id"], str | int):
        raise RequestInvalid(f'line {number}: "text" must be a string, "id" a string or a whole number')
    return Line(entry["id"], CleanText(entry["text"]))


def _write(text_id: str | int, verdicts: Sequence[SoftVerdict]) -> None:
    for verdict in verdicts:
        told = {
            "id": text_id,
            "rule": verdict.rule,
            "score": verdict.score,
            "verdict": verdict.status,
            "judge": verdict.judge,
        }
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.buffer.flush()
