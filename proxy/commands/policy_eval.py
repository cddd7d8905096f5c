"""`sluicegate policy eval`: decides on one input document, and tells which rules spoke and which did not."""

import argparse
import asyncio
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from proxy.edges.log import start_log
from proxy.edges.rego.explain import RuleOutcome, explain
from proxy.edges.rego.files import read_policies
from proxy.edges.rego.live import open_policies
from proxy.edges.rego.opa_command import needed_opa
from proxy.edges.rego.recorded import input_of
from proxy.errors import EngineUnavailable
from proxy.exchange import Json
from proxy.policy import decision_document
from proxy.settings import HardRules, Opa

# The largest input document: as large as the largest request body.
MAX_INPUT_BYTES = 4 * 1024 * 1024

# Nobody waits for this answer as they wait for a model: a first question to a cold server may take long.
DEADLINE_S = 5.0

Document = dict[str, Json]


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("embedded", "opa"), default="embedded")
    parser.add_argument(
        "--explain",
        nargs="?",
        const="text",
        choices=("text", "json"),
        help="tell of every rule of the phase whether it fired, and which of its conditions held",
    )


def run(args: argparse.Namespace, policies: Path) -> int:
    """Raises ConfigInvalid, as every command does."""
    document = _document()
    if document is None:
        print("standard input: not the JSON object of an input document", file=sys.stderr)
        return 2
    rules = HardRules(
        engine="opa" if args.engine == "opa" else "embedded",
        policies=policies,
        opa=Opa(binary=args.opa),
        deadline_s=DEADLINE_S,
    )
    try:
        decision = asyncio.run(_ask(rules, document))
        if args.explain is None:
            _print_json(decision)
            return 0
        outcomes = explain(needed_opa(args.opa), read_policies(policies), document)
    except EngineUnavailable as error:
        print(error.reason, file=sys.stderr)
        return 1
    if args.explain == "json":
        _print_json({"decision": decision, "rules": [_rule_document(one) for one in outcomes]})
    else:
        print("\n".join(_told(decision, outcomes)))
    return 0


def _document() -> Document | None:
    """Of standard input: an input document, or a recorded line with one in it."""
    text = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    try:
        document = input_of(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None
    return document if len(text) <= MAX_INPUT_BYTES and isinstance(document, dict) else None


async def _ask(rules: HardRules, document: Document) -> Document:
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as state:
        async with open_policies(rules, Path(state), start_log("error")) as policies:
            return decision_document(await policies.decide(document))


def _print_json(value: Json) -> None:
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())


def _rule_document(outcome: RuleOutcome) -> Document:
    return {**dataclasses.asdict(outcome), "fired": outcome.fired}


def _told(decision: Document, outcomes: Sequence[RuleOutcome]) -> Iterator[str]:
    yield str(decision["action"])
    spoken = {words.get("rule") for one in outcomes for words in one.findings if isinstance(words, dict)}
    router = [finding for finding in decision["findings"] if finding["rule"] not in spoken]
    fired = [one for one in outcomes if one.fired]
    if fired or router:
        yield "\nfired:"
    for finding in router:
        yield f"  {finding['rule']}  the router (gateway/main)\n    {_words(finding)}"
    for one in fired:
        yield from _outcome_lines(one)
    if len(fired) < len(outcomes):
        yield "\ndid not fire:"
    for one in outcomes:
        if not one.fired:
            yield from _outcome_lines(one)


def _outcome_lines(one: RuleOutcome) -> Iterator[str]:
    yield f"  {one.id}  {one.title} ({one.owner or 'no owner'}; {one.place})"
    yield from (f"    {_words(finding)}" for finding in one.findings)
    demanded = {name for demand in one.demands if isinstance(demand, dict) for name in demand}
    for words, names in (("demands", sorted(demanded)), ("held", one.held), ("did not hold", one.unmet)):
        if names:
            yield f"    {words}: {', '.join(names)}"


def _words(finding: Json) -> str:
    """A finding that is not formed as one blocks; it is shown as it is."""
    if isinstance(finding, dict) and finding.keys() == {"rule", "action", "reason"}:
        return f"{finding['action']} by {finding['rule']}: {finding['reason']}"
    return f"not a finding: {orjson.dumps(finding).decode()}"
