"""What is measured, in which order, and what a run of it gives: figures by workload, measure and target."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from load.corpus import Question, question
from load.driver import Marking, Target, TooSlow, ask, callers, fresh, pace, same, saturate, stream

Kind = Literal["saturate", "pace", "first", "stream"]

RATE = 50  # requests a second of an open loop, and chunks a second of one stream
STREAMS = 64  # at 50 chunks a second 3,200 chunks a second: enough to measure, not enough to saturate
CHUNKS = 64
WARM_UP = 24  # requests before the first figure: connections, caches and the interpreter's own warmth


@dataclass(frozen=True, slots=True)
class Workload:
    """`fresh`: a last message, and an answer, that no cache knows. Else the same body again and again."""

    kind: Kind
    history: int
    fresh: bool

    @property
    def words(self) -> str:
        body = "new last message" if self.fresh else "all cached"
        return f"{self.history // 1000} kB, {body}"

    def question(self) -> Question:
        streams, rate = self.kind in ("first", "stream"), RATE if self.kind == "stream" else 0
        return question(self.history, stream=streams, rate=rate)

    def marking(self, seed: int) -> Marking:
        return fresh(seed) if self.fresh else same(1)


QUICK = (
    Workload("saturate", 3_000, fresh=False),
    Workload("saturate", 3_000, fresh=True),
    Workload("saturate", 20_000, fresh=False),
    Workload("pace", 3_000, fresh=False),
    Workload("first", 3_000, fresh=False),
    Workload("stream", 3_000, fresh=False),
)
FULL = (
    *QUICK,
    Workload("saturate", 20_000, fresh=True),
    Workload("pace", 3_000, fresh=True),
    Workload("first", 3_000, fresh=True),
    Workload("stream", 3_000, fresh=True),
)


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table. `over_direct`: only what is added to asking the upstream directly is told."""

    name: str
    unit: str
    over_direct: bool = False
    more_is_better: bool = False


CPU_REQUEST = Measure("CPU per request", "µs")
CPU_REQUEST_TREE = Measure("CPU per request, with workers", "µs")
REQUESTS = Measure("requests on one core", "1/s", more_is_better=True)
ADDED = Measure(f"added p50 at {RATE}/s", "µs", over_direct=True)
FIRST = Measure(f"added time to first text at {RATE}/s", "µs", over_direct=True)
CPU_CHUNK = Measure("CPU per chunk", "µs")
CPU_CHUNK_TREE = Measure("CPU per chunk, with workers", "µs")
HELD = Measure(f"first text of a stream of {RATE}/s, added", "ms", over_direct=True)
GAP = Measure("p99 between two arrivals", "ms")

Figures = dict[Measure, float | None]  # None: could not keep up
Key = tuple[Workload, Measure, str]


async def warm_up(workload: Workload, target: Target) -> None:
    """The first request alone: what it brings into the caches, the others find there."""
    asked, marking = workload.question(), workload.marking(0)
    async with callers(target, 1) as [caller]:
        for _ in range(2 if workload.kind == "stream" else WARM_UP):
            await ask(target, caller, asked, marking)


async def measure(workload: Workload, target: Target, seconds: float, seed: int) -> Figures:
    asked, marking = workload.question(), workload.marking(seed)
    match workload.kind:
        case "saturate":
            return await _saturated(target, asked, marking, seconds)
        case "pace":
            return await _paced(target, asked, marking, seconds)
        case "first":
            return await _first_text(target, asked, marking, seconds)
        case "stream":
            return await _streamed(target, asked, marking)


async def _saturated(target: Target, asked: Question, marking: Marking, seconds: float) -> Figures:
    ran = await saturate(target, asked, marking, seconds)
    return {
        CPU_REQUEST: ran.cpu.main / ran.requests * 1e6,
        CPU_REQUEST_TREE: ran.cpu.tree / ran.requests * 1e6,
        REQUESTS: ran.requests / ran.seconds,
    }


async def _paced(target: Target, asked: Question, marking: Marking, seconds: float) -> Figures:
    try:
        replies = await pace(target, asked, marking, seconds, RATE)
    except TooSlow:
        return {ADDED: None}
    return {ADDED: statistics.median(reply.ended - reply.asked for reply in replies) * 1e6}


async def _first_text(target: Target, asked: Question, marking: Marking, seconds: float) -> Figures:
    try:
        replies = await pace(target, asked, marking, seconds, RATE)
    except TooSlow:
        return {FIRST: None}
    return {FIRST: statistics.median(reply.first_text - reply.asked for reply in replies) * 1e6}


async def _streamed(target: Target, asked: Question, marking: Marking) -> Figures:
    ran = await stream(target, asked, marking, STREAMS, CHUNKS)
    times: Figures = {
        HELD: statistics.median(ran.first_texts) * 1e3,
        GAP: statistics.quantiles(ran.gaps, n=100)[98] * 1e3,
    }
    if target.pid is None:  # the upstream's own cost is nobody's
        return times
    cpu = {CPU_CHUNK: ran.cpu.main, CPU_CHUNK_TREE: ran.cpu.tree}
    return {measured: seconds / ran.chunks * 1e6 for measured, seconds in cpu.items()} | times


async def run(
    workloads: Sequence[Workload],
    targets: Sequence[Target],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> dict[Key, float | None]:
    """Medians over the rounds. In each round the targets take turns, so that a slow minute hits them all."""
    taken: dict[Key, list[float | None]] = {}
    for turn, workload, target in _turns(workloads, targets, rounds):
        if turn == 0:
            await warm_up(workload, target)
        say(f"round {turn + 1} of {rounds}: {workload.kind}, {workload.words}: {target.name}")
        seed = 1 + turn + rounds * workloads.index(workload)
        for measured, figure in (await measure(workload, target, seconds, seed)).items():
            taken.setdefault((workload, measured, target.name), []).append(figure)
    return {key: _median(figures) for key, figures in taken.items()}


def _turns(
    workloads: Sequence[Workload], targets: Sequence[Target], rounds: int
) -> Iterator[tuple[int, Workload, Target]]:
    for turn in range(rounds):
        for workload in workloads:
            for target in targets:
                if target.pid is not None or workload.kind != "saturate":
                    yield turn, workload, target


def _median(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return statistics.median(known) if len(known) == len(figures) else None
