"""What looking at answers costs a stream: `python -m load.streaming`, about a minute and a half.

Three proxies that differ in the kinds which they look for in answers, and the upstream itself, in turns: many
streams at fifty chunks a second. One word of an answer, in brackets, has to be looked at; the rest is prose.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from load.corpus import question
from load.driver import Target, WrongAnswer, ask, callers, fresh, stream
from load.machine import description, pin, share_out
from load.targets import NotStarted, module, sluicegate

RATE = 50  # chunks a second, as a model of seven thousand million parameters writes on one GPU
CHUNKS = 192  # nearly four seconds; its one bracket is less than a hundredth of the arrivals
STREAMS = 8
ROUNDS = 3
HISTORY = 1_000

PATTERNS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN")
PLANS: Mapping[str, Sequence[str]] = {
    "nothing looked for": (),
    "patterns": PATTERNS,
    "patterns and names": (*PATTERNS, "PERSON"),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds, and microseconds of processor time a chunk: of the proxy, and of its workers too."""

    first_text: float
    gap_p50: float
    gap_p99: float
    cpu: float
    cpu_tree: float


async def measure(targets: Sequence[Target]) -> dict[str, Figures]:
    """The medians of the rounds. Raises WrongAnswer."""
    asked = question(HISTORY, stream=True, rate=RATE)
    taken: dict[str, list[Figures]] = {target.name: [] for target in targets}
    for turn in range(ROUNDS):
        for target in targets:
            if turn == 0:
                async with callers(target, 1) as [caller]:
                    await ask(target, caller, question(HISTORY, stream=True), fresh(99))
            ran = await stream(target, asked, fresh(turn), STREAMS, CHUNKS)
            gaps = statistics.quantiles(ran.gaps, n=100)
            taken[target.name].append(
                Figures(
                    statistics.median(ran.first_texts) * 1e3,
                    gaps[49] * 1e3,
                    gaps[98] * 1e3,
                    ran.cpu.main / ran.chunks * 1e6,
                    ran.cpu.tree / ran.chunks * 1e6,
                )
            )
    return {name: _medians(figures) for name, figures in taken.items()}


def _medians(figures: Sequence[Figures]) -> Figures:
    columns = zip(*((f.first_text, f.gap_p50, f.gap_p99, f.cpu, f.cpu_tree) for f in figures), strict=True)
    return Figures(*(statistics.median(column) for column in columns))


def table(measured: Mapping[str, Figures], direct: str) -> str:
    """As Markdown. The first text is told over a proxy's that looks for nothing in answers, for all of them
    look at the question first; the slowest arrivals over the upstream's own."""
    lines = [
        "| looked for | first text, added ms | between two arrivals, p50 ms | p99, added ms "
        "| CPU µs a chunk | with workers |",
        "|---|---|---|---|---|---|",
    ]
    usual_first, usual_gap = measured[next(iter(PLANS))].first_text, measured[direct].gap_p99
    for name, one in measured.items():
        added = f"{one.first_text - usual_first:.1f} | {one.gap_p50:.1f} | {one.gap_p99 - usual_gap:.1f}"
        cost = "– | –" if name == direct else f"{one.cpu:.0f} | {one.cpu_tree:.0f}"
        lines.append(f"| {name} | {added} | {cost} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="python -m load.streaming", description=__doc__).parse_args(argv)
    cores, direct, machine = share_out(), "direct", description()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluicegate-streaming-")))
        chunks = ("--chunks", str(CHUNKS), "--mark-once")
        upstream = stack.enter_context(module(cores.load, "load.stand_in", *chunks))
        gates = [
            stack.enter_context(
                sluicegate(name, cores.proxy, folder / f"{number}", upstream.port, of_answers=kinds)
            )
            for number, (name, kinds) in enumerate(PLANS.items())
        ]
        pin(0, cores.load)
        print(", ".join(f"{name}: {value}" for name, value in machine.items()))
        print(table(uvloop.run(measure([Target(direct, upstream.port), *gates])), direct))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NotStarted, WrongAnswer) as error:
        sys.exit(f"no figures: {error}")
