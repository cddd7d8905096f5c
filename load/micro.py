"""What the hot parts cost by themselves, in microseconds: each alone, warm, on one core, the median of runs.

    python -m load.micro [NAME…]

prints a line for each part. For decisions about the parts; the whole is measured by `load.bench`.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path

import orjson

from load.corpus import answer_pieces, question
from load.machine import pin, share_out
from load.stand_in import chunk_event
from proxy import policy, record
from proxy.edges.clock import SystemClock
from proxy.edges.log import start_log
from proxy.edges.records.journal import SpoolJournal
from proxy.edges.rego.files import default_policies
from proxy.edges.rego.wasm import EmbeddedEngine
from proxy.exchange import CleanText, Delta, Exchange, Identity, Lane, Subject, Usage
from proxy.labels import find_documents
from proxy.redact.guard import Ask, Guard
from proxy.redact.redactor import redact
from proxy.redact.restore import RestoringWindow
from proxy.redact.spans import Span
from proxy.redact.vault import Vault
from proxy.settings import Feedback, Limits
from proxy.verdict import Action, Decision, KindPlan
from proxy.wire import sse, strict_json
from proxy.wire.openai_chat.reader import ChatReader
from proxy.wire.openai_chat.request import parse, upstream_body
from proxy.wire.openai_chat.writer import ChatWriter

RUNS = 7
RUN_S = 0.05  # long beside the timer's step, short beside the patience of whoever waits
JOURNAL_EXCHANGES = 2_000
LIMITS = Limits()
PLAN = (KindPlan("EMAIL_ADDRESS", 0.5), KindPlan("PERSON", 0.6))
KEY = bytes(32)

SUMMARY = record.Summary(
    exchange_id="micro",
    time=1_700_000_000.0,
    identity=Identity(Subject("micro", groups=("finance",)), "micro", "api_key"),
    dialect="openai_chat",
    model="smollm2",
    upstream="stand-in",
    stream=False,
    status="complete",
    decisions=tuple(
        record.PhaseDecision(phase, Decision(Action.ALLOW, revision="micro"), 50)
        for phase in ("admission", "prompt", "answer", "answer")
    ),
    soft=(),
    entities={"EMAIL_ADDRESS": 2, "PERSON": 1},
    finish={0: "stop"},
    usage=Usage(800, 64),
    error=None,
    duration_ms=12.0,
    ttft_ms=1.0,
)

Step = Callable[[], object]


def microseconds(step: Step) -> float:
    """Of one call."""
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < RUN_S:
        step()
        calls += 1
    return statistics.median(_timed(step, calls) for _ in range(RUNS))


def _timed(step: Step, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - began) / calls * 1e6


def parts(state: Path) -> dict[str, Step]:
    """Everything that is pure, on the bodies of the benchmark: 3 kB and 20 kB with eight messages."""
    small, large = (question(chars).body("bcdf") for chars in (3_000, 20_000))
    exchanges = {chars: _exchange(body) for chars, body in (("3 kB", small), ("20 kB", large))}
    found: dict[str, Step] = {
        "yardstick: orjson.loads, 3 kB": lambda: orjson.loads(small),
        "strict_json.loads, 3 kB": lambda: strict_json.loads(small, depth=64),
        "strict_json.loads, 20 kB": lambda: strict_json.loads(large, depth=64),
    }
    for size, exchange in exchanges.items():
        found |= _of_an_exchange(size, exchange)
    return found | _of_the_policies(exchanges["3 kB"], state) | _of_a_stream(exchanges["3 kB"])


def _exchange(body: bytes) -> Exchange:
    return parse(strict_json.loads(body, depth=64), exchange_id="micro", limits=LIMITS)


def _of_an_exchange(size: str, exchange: Exchange) -> dict[str, Step]:
    tree = exchange.body
    text = exchange.segments[1].text
    at = text.index("anna.lindqvist@example.com")
    spans = [Span(at, at + len("anna.lindqvist@example.com"), "EMAIL_ADDRESS", 1.0)]
    return {
        f"openai_request.parse, {size}": lambda: parse(tree, exchange_id="micro", limits=LIMITS),
        f"labels.find_documents, {size}": lambda: find_documents(exchange),
        f"openai_request.upstream_body, {size}": lambda: upstream_body(exchange, "smollm2"),
        f"redact one message, {size}": lambda: redact(text, spans, Vault(KEY, "micro"), PLAN),
        f"record, both documents, {size}": lambda: _documents(exchange),
    }


def _of_the_policies(exchange: Exchange, state: Path) -> dict[str, Step]:
    """The sample policies in the embedded engine, without the cache of decisions."""
    facts = policy.Facts(SUMMARY.identity, exchange, "stand-in", "", (100,) * len(exchange.segments))
    document = policy.admission(policy.base(facts))
    engine = EmbeddedEngine.load(default_policies(), state=state, opa=None, deadline_s=0.5)
    lanes = {Lane(0, "content"): 300}

    def answer() -> object:
        return policy.answer(
            document, final=True, lanes=lanes, entities={}, soft={}, finish={0: "stop"}, usage=SUMMARY.usage
        )

    return {
        "policy.base and admission, 3 kB": lambda: policy.admission(policy.base(facts)),
        "policy.answer": answer,
        "embedded engine, one decision at admission": lambda: _now(engine.decide(document)),
    }


def _now(work: Coroutine[object, None, Decision]) -> Decision:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        decided: Decision = end.value
        return decided
    raise RuntimeError("it waits, so its cost is not its own")


def _of_a_stream(exchange: Exchange) -> dict[str, Step]:
    """Of a stream of 64 chunks, or of one of them, as the names say."""
    vault = Vault(KEY, "micro")
    vault.issue("EMAIL_ADDRESS", "anna@example.com")
    words = answer_pieces(64)
    lane = Lane(0, "content")
    window, writer = RestoringWindow(vault), ChatWriter(exchange)
    piece = sse.event(orjson.dumps({"choices": [{"index": 0, "delta": {"content": " word"}}]}))
    reader = sse.SseReader()
    events = [
        *(chunk_event({"content": word}) for word in words),
        chunk_event({}, "stop"),
        b"data: [DONE]\n\n",
    ]
    whole = b"".join(events)

    def guard() -> None:
        watching = Guard(plan=PLAN, leaks=vault, issued=vault, window_chars=600)
        steps = [step for word in words for step in _settled(watching, watching.feed(word))]
        steps += _settled(watching, watching.finish())

    return {
        "sse.SseReader.feed, one event": lambda: reader.feed(piece),
        "openai_reader.ChatReader, 64 chunks": lambda: ChatReader(stream=True).feed(whole),
        "openai_writer.ChatWriter.write, one chunk": lambda: writer.write(Delta(lane, " word")),
        "guard, 64 chunks without a finding": guard,
        "restoring window, one chunk": lambda: window.feed(" word"),
    }


def _settled(guard: Guard, steps: Sequence[object]) -> list[object]:
    """The guard's steps with every question answered by: nothing found."""
    done: list[object] = []
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        if isinstance(step, Ask):
            waiting = [*guard.settle(()), *waiting]
        else:
            done.append(step)
    return done


def _documents(exchange: Exchange) -> tuple[list[record.Document], record.Document]:
    """The decision document of one exchange, and its record."""
    said = [
        record.CleanMessage(segment.role, segment.source, CleanText(segment.text), segment.path)
        for segment in exchange.segments
    ]
    output = {Lane(0, "content"): [CleanText("".join(answer_pieces(64)))]}
    return record.decision_log(SUMMARY), record.record(SUMMARY, said, output)


async def journal(folder: Path, *, sync: bool) -> float:
    """Of one exchange, opened and closed, fifty at once: the loop and the writer, not the outlets behind."""
    log = start_log("error")
    keeping = await SpoolJournal.start(Feedback(sync=sync), folder, log, SystemClock())
    exchange = _exchange(question(3_000).body("bcdf"))
    decisions, kept = _documents(exchange)

    async def one(number: int) -> None:
        ticket = await keeping.open(f"micro-{number}", record.opened(SUMMARY))
        await ticket.close(decisions, kept)

    began = time.process_time()
    for first in range(0, JOURNAL_EXCHANGES, 50):
        await _all([one(number) for number in range(first, first + 50)])
    spent = time.process_time() - began
    await keeping.close()
    return spent / JOURNAL_EXCHANGES * 1e6


async def _all(work: Sequence[Awaitable[None]]) -> None:
    await asyncio.gather(*work)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m load.micro", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only parts with this in their name")
    wanted = parser.parse_args(argv).names
    pin(0, share_out().proxy)
    with tempfile.TemporaryDirectory() as folder:
        measured: dict[str, Callable[[], float]] = {
            name: partial(microseconds, step) for name, step in parts(Path(folder)).items()
        }
        for sync in (False, True):
            name = f"journal, open and close, {'with' if sync else 'without'} fsync"
            measured[name] = partial(_journal, Path(folder) / f"sync-{sync}", sync=sync)
        for name, cost in measured.items():
            if not wanted or any(word in name for word in wanted):
                print(f"{name:<48}{cost():>10.1f} µs", flush=True)
    return 0


def _journal(folder: Path, *, sync: bool) -> float:
    return asyncio.run(journal(folder, sync=sync))


if __name__ == "__main__":
    sys.exit(main())
