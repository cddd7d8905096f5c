"""`make bench`: what the proxy costs beside a bare passthrough, in one run on this machine.

Bounded: about 40 seconds with `--quick`, four minutes without. A wrong answer ends it with 1.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from load import plan, report
from load.driver import Target, WrongAnswer
from load.machine import Cores, description, pin, share_out
from load.targets import NotStarted, module, sluicegate

QUICK_ROUNDS, QUICK_S = 1, 1.2
FULL_ROUNDS, FULL_S = 3, 2.5


def say(words: str) -> None:
    """Progress, beside the table and never in it."""
    print(words, file=sys.stderr, flush=True)


def start(stack: ExitStack, cores: Cores, folder: Path) -> list[Target]:
    """Everything up: the load's own parts on one core, what is measured on the other."""
    say("starting the stand-in, the bare passthrough and two proxies …")
    upstream = stack.enter_context(module(cores.load, "load.stand_in", "--chunks", str(plan.CHUNKS)))
    url = f"http://127.0.0.1:{upstream.port}"
    bare = stack.enter_context(module(cores.proxy, "load.bare", "--upstream", url))
    gates = [
        stack.enter_context(sluicegate(name, cores.proxy, folder / str(soft), upstream.port, soft_rules=soft))
        for name, soft in (("sluicegate", False), ("with soft rules", True))
    ]
    return [
        Target(report.DIRECT, upstream.port),
        Target(report.BARE, bare.port, bare.pid),
        *gates,
    ]


def bench(*, quick: bool) -> tuple[list[report.Row], list[str]]:
    """The table's rows and the names of its columns. Raises NotStarted or WrongAnswer."""
    cores = share_out()
    workloads, rounds, seconds = (
        (plan.QUICK, QUICK_ROUNDS, QUICK_S) if quick else (plan.FULL, FULL_ROUNDS, FULL_S)
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluicegate-bench-")))
        targets = start(stack, cores, folder)
        pin(0, cores.load)
        medians = uvloop.run(plan.run(workloads, targets, rounds, seconds, say))
    return report.rows(medians), [target.name for target in targets]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m load.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: ratios hold, decimals do not")
    parser.add_argument("--json", action="store_true", help="JSON on stdout instead of the table")
    args = parser.parse_args(argv)
    machine = description()
    try:
        measured, targets = bench(quick=args.quick)
    except (NotStarted, WrongAnswer) as error:
        say(f"no figures: {error}")
        return 1
    now = datetime.now(UTC)
    place = report.write(measured, targets, machine, now)
    if args.json:
        print(json.dumps(report.as_json(measured, machine, now), ensure_ascii=False))
    else:
        print(report.table(measured, targets))
    say(f"written to {place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
