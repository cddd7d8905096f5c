"""`sluicegate policy`: the security team's tools. Test the rules, ask them, compile and bundle them."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import orjson

from proxy.edges.log import start_log
from proxy.edges.rego.compile import COMPILED, compile_bundle, compile_sources, load, save
from proxy.edges.rego.files import default_policies, read_policies
from proxy.edges.rego.lint import problems_of
from proxy.edges.rego.live import open_policies
from proxy.edges.rego.opa_command import find_opa
from proxy.edges.rego.tests import run_tests
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.policy import decision_document
from proxy.settings import HardRules, Opa

EXAMPLES = """examples:
  sluicegate policy test -p policies
  sluicegate policy eval -p policies < policies/testdata/engineering-denied.json
  sluicegate policy eval -p policies --engine opa < policies/testdata/finance.json
  sluicegate policy compile -p policies --check
  sluicegate policy bundle -p policies -o policies.tar.gz

Exit codes: 0 good, 1 a test failed or there was no decision, 2 used wrongly or the policies cannot be loaded.
"""

# The largest input document: as large as the largest request body.
MAX_INPUT_BYTES = 4 * 1024 * 1024

# Nobody waits for this answer as they wait for a model: a first question to a cold server may take long.
DEADLINE_S = 5.0


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    test = _action(actions, "test", "run the rules' own tests, in OPA and in the embedded engine")
    test.add_argument(
        "--coverage", type=float, default=0.0, metavar="PERCENT", help="fail below this coverage"
    )
    ask = _action(actions, "eval", "decide on an input document from standard input; prints the decision")
    ask.add_argument("--engine", choices=("embedded", "opa"), default="embedded")
    compiling = _action(actions, "compile", "compile the rules for machines that have no OPA")
    compiling.add_argument(
        "--check", action="store_true", help="write nothing; fail if what is there is stale"
    )
    bundling = _action(actions, "bundle", "write an OPA bundle, for an OPA server of your own")
    bundling.add_argument("-o", "--output", type=Path, default=Path("policies.tar.gz"), metavar="FILE")


def run(args: argparse.Namespace) -> int:
    policies: Path = args.policies or default_policies()
    if args.action == "eval":
        return _eval(policies, args.engine, args.opa)
    opa = find_opa(args.opa)
    if opa is None:
        raise ConfigInvalid(["no `opa` is here: run `make opa`, or name it with --opa"])
    if args.action == "test":
        return _test(policies, opa, args.coverage)
    if args.action == "compile":
        return _compile(policies, opa, check=args.check)
    files = read_policies(policies)
    bundle = compile_bundle(opa, files, place=policies)
    try:
        args.output.write_bytes(bundle)
    except OSError as error:
        raise ConfigInvalid([f"{args.output}: {error.strerror or 'cannot be written'}"]) from None
    print(f"{args.output}: revision {files.revision}")
    return 0


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument(
        "-p",
        "--policies",
        type=Path,
        metavar="DIR",
        help="the policy repository (default: the sample policies)",
    )
    parser.add_argument(
        "--opa", type=Path, metavar="FILE", help="the opa command (default: on the PATH, or .tools)"
    )
    return parser


def _eval(policies: Path, engine: str, opa: Path | None) -> int:
    text = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if len(text) > MAX_INPUT_BYTES or not isinstance(document, dict):
        print("standard input: not the JSON object of an input document", file=sys.stderr)
        return 2
    rules = HardRules(
        engine="opa" if engine == "opa" else "embedded",
        policies=policies,
        opa=Opa(binary=opa),
        deadline_s=DEADLINE_S,
    )
    try:
        decision = asyncio.run(_ask(rules, document))
    except EngineUnavailable as error:
        print(error.reason, file=sys.stderr)
        return 1
    print(orjson.dumps(decision, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())
    return 0


async def _ask(rules: HardRules, document: dict[str, object]) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as state:
        async with open_policies(rules, Path(state), start_log("error")) as policies:
            return decision_document(await policies.decide(document))


def _test(policies: Path, opa: Path, wanted: float) -> int:
    """The form of the repository, OPA's own test run, then the same tests in the embedded engine."""
    files = read_policies(policies)
    problems = list(problems_of(policies, opa))
    for problem in problems:
        print(problem, file=sys.stderr)
    ran = run_tests(opa, policies, files)
    for failure in ran.failures:
        print(failure, file=sys.stderr)
    print(f"{ran.passed} passed, {len(ran.failures)} failed, in both engines; coverage {ran.coverage:.1f} %")
    if ran.coverage < wanted:
        print(f"coverage is below {wanted:.1f} %", file=sys.stderr)
    return 1 if problems or ran.failures or ran.coverage < wanted else 0


def _compile(policies: Path, opa: Path, *, check: bool) -> int:
    made = compile_sources(opa, read_policies(policies).sources, place=policies)
    folder = policies / COMPILED
    if not check:
        save(made, folder)
        print(f"{folder}: written")
        return 0
    if load(folder) == made:
        print(f"{folder}: up to date")
        return 0
    print(f"{folder}: stale: run `sluicegate policy compile`", file=sys.stderr)
    return 1
