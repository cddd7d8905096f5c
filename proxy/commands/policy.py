"""`sluicegate policy`: the security team's tools. Test, ask, compare, compile and bundle rules."""

import argparse
import sys
from pathlib import Path

from proxy.commands import policy_changes, policy_eval
from proxy.edges.rego.compile import COMPILED, compile_bundle, compile_sources, load, save
from proxy.edges.rego.files import default_policies, read_policies
from proxy.edges.rego.lint import problems_of
from proxy.edges.rego.opa_command import needed_opa
from proxy.edges.rego.tests import run_tests
from proxy.errors import ConfigInvalid

EXAMPLES = """examples:
  sluicegate policy test -p policies
  sluicegate policy eval -p policies < policies/testdata/engineering-denied.json
  sluicegate policy eval -p policies --engine opa < policies/testdata/finance.json
  sluicegate policy eval -p policies --explain < policies/testdata/finance.json
  sluicegate policy replay var/inputs -p policies
  sluicegate policy diff policies candidate var/inputs --markdown
  sluicegate policy compile -p policies --check
  sluicegate policy bundle -p policies -o policies.tar.gz

Exit codes: 0 good, 1 a test failed, there was no decision, or `replay` and `diff` found a difference,
2 used wrongly or the policies cannot be loaded.
"""


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    test = _action(actions, "test", "run the rules' own tests, in OPA and in the embedded engine")
    test.add_argument(
        "--coverage", type=float, default=0.0, metavar="PERCENT", help="fail below this coverage"
    )
    policy_eval.register(
        _action(actions, "eval", "decide on an input document from standard input; prints the decision")
    )
    policy_changes.register_replay(
        _action(actions, "replay", "decide on recorded inputs again; tells what would be decided otherwise")
    )
    policy_changes.register_diff(
        _action(actions, "diff", "compare two policy repositories over recorded inputs", asks=False)
    )
    compiling = _action(actions, "compile", "compile the rules for machines that have no OPA")
    compiling.add_argument(
        "--check", action="store_true", help="write nothing; fail if what is there is stale"
    )
    bundling = _action(actions, "bundle", "write an OPA bundle, for an OPA server of your own")
    bundling.add_argument("-o", "--output", type=Path, default=Path("policies.tar.gz"), metavar="FILE")


def run(args: argparse.Namespace) -> int:
    if args.action == "diff":
        return policy_changes.diff(args)
    policies: Path = args.policies or default_policies()
    if args.action == "eval":
        return policy_eval.run(args, policies)
    if args.action == "replay":
        return policy_changes.replay(args, policies)
    opa = needed_opa(args.opa)
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
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    *,
    asks: bool = True,
) -> argparse.ArgumentParser:
    """`asks`: it is about one repository, named by a flag."""
    parser = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    if asks:
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
