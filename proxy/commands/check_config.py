"""`sluicegate check-config`: every problem of a configuration, its files and its policies at once."""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from proxy.edges.clock import SystemClock
from proxy.edges.configuration.file import load
from proxy.edges.identity.opening import read_identities
from proxy.edges.judges.wanted import check_judge
from proxy.edges.rego.files import default_policies, read_policies
from proxy.edges.rego.wasm import EmbeddedEngine
from proxy.edges.server_tls import read_server_tls
from proxy.errors import ConfigInvalid
from proxy.settings import HardRules, Settings

EXAMPLES = """examples:
  sluicegate check-config
  sluicegate check-config -c /etc/sluicegate/sluicegate.yaml --json

Exit codes: 0 the proxy would start, 2 it would not. Nothing is sent to any host."""


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="default: ./sluicegate.yaml")
    parser.add_argument(
        "--json", action="store_true", help='print {"good": …, "problems": […], "notes": […]}'
    )


def run(args: argparse.Namespace) -> int:
    try:
        settings = load(args.config, environ=os.environ, serving=True)
    except ConfigInvalid as error:
        return _tell(list(error.problems), [], as_json=args.json)
    # Two checks that read one file find the same in it.
    problems = dict.fromkeys(problem for check in _checks(settings) for problem in _problems_of(check))
    return _tell(list(problems), list(_notes(settings)), as_json=args.json)


def _checks(settings: Settings) -> tuple[Callable[[], object], ...]:
    """What reads the files that the configuration names."""
    return (
        lambda: read_identities(settings.identity, SystemClock()),
        lambda: read_server_tls(settings.listen.tls),
        lambda: _policies(settings.hard_rules, settings.state),
        lambda: check_judge(settings),
    )


def _policies(rules: HardRules, state: Path) -> None:
    """An OPA that runs elsewhere has its policies from elsewhere, too."""
    folder = rules.policies or default_policies()
    if rules.engine == "embedded":
        EmbeddedEngine.load(folder, state=state, opa=rules.opa.binary, deadline_s=rules.deadline_s)
    elif not (rules.opa.url or rules.opa.socket):
        read_policies(folder)


def _problems_of(check: Callable[[], object]) -> tuple[str, ...]:
    try:
        check()
    except ConfigInvalid as error:
        return error.problems
    return ()


def _notes(settings: Settings) -> Iterator[str]:
    """What is allowed and still seldom meant."""
    identity = settings.identity
    if not (identity.keys_file or identity.jwt or identity.certificates or identity.anonymous):
        yield "identity: nothing is set, so every call will be refused"
    if settings.redaction.engine == "none":
        yield "redaction.engine: none, so a policy that demands redaction refuses the request"
    if not settings.feedback.enabled:
        yield "feedback.enabled: false, so no exchange is mirrored"


def _tell(problems: list[str], notes: list[str], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"good": not problems, "problems": problems, "notes": notes}, indent=2))
    else:
        for line in problems or ["good"]:
            print(line)
        for note in notes:
            print(f"note: {note}")
    return 2 if problems else 0
