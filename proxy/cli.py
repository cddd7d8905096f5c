"""The command line: finds the command's module, so that `--help` and small commands stay quick to start."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from proxy import __version__
from proxy.errors import ConfigInvalid

COMMANDS = {
    "serve": "run the proxy",
    "check-config": "tell every problem of a configuration at once",
    "policy": "test, try and compile policies",
    "redact": "redact text from standard input",
    "judge": "ask the soft rules about text from standard input",
    "records": "list, show, export and verify what was recorded",
    "keys": "make an API key",
    "labels": "index documents, so that copies of them are known by their words",
    "demo": "a real model, the proxy and a guided tour",
}

EXAMPLES = """examples:
  sluicegate demo
  sluicegate keys new --subject alice --groups finance --file keys.yaml
  sluicegate check-config -c sluicegate.yaml
  sluicegate serve -c sluicegate.yaml
  echo "Write to anna@example.com" | sluicegate redact

Each command has its own help: sluicegate COMMAND --help
Exit codes: 0 good, 1 failed, 2 used wrongly."""


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """All commands by name; only `command` with its own arguments (None: every one, for the docs' tests)."""
    parser = argparse.ArgumentParser(
        prog="sluicegate",
        description="A policy-enforcing AI proxy and sidecar for open-weight inference servers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sluicegate {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command in (name, None):
            module = _module(name)
            module.register(sub)
            sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if word in COMMANDS), "")
    args = build_parser(chosen).parse_args(words)
    try:
        return int(args.run(args))
    except ConfigInvalid as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        return 1


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"proxy.commands.{name.replace('-', '_')}")
