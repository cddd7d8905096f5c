"""Small real fakes for the doors: each does what it says, in memory, and remembers what it was asked."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.engines import UpstreamAnswer, UpstreamRoute
from proxy.errors import (
    EngineUnavailable,
    RecordUnavailable,
    SluicegateError,
    UpstreamBusy,
    UpstreamUnreached,
)
from proxy.exchange import AnswerEvent, CleanText, Delta, End, Finish, Head, Json, Lane, Usage
from proxy.record import Summary
from proxy.redact.spans import Span
from proxy.verdict import (
    NO_OBLIGATIONS,
    Action,
    Decision,
    Finding,
    KindPlan,
    Obligations,
    SoftAsk,
    SoftVerdict,
)
from proxy.wire.dialect import UpstreamRequest

ALLOW = Decision(Action.ALLOW, revision="test")
MAIL = KindPlan("EMAIL_ADDRESS", 0.5)


def block(rule: str = "test.block", reason: str = "The test blocks this.") -> Decision:
    return Decision(Action.BLOCK, (Finding(rule, Action.BLOCK, reason),), NO_OBLIGATIONS, "test")


def allow(**obligations: Any) -> Decision:
    return Decision(Action.ALLOW, (), Obligations(**obligations), "test")


class ScriptedPolicies:
    """Decides by phase: a decision, or a function of the input document. An unscripted phase allows."""

    revision = "test"

    def __init__(self, **phases: Decision | Callable[[Mapping[str, Json]], Decision]) -> None:
        self.phases = phases
        self.asked: list[Mapping[str, Json]] = []

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        self.asked.append(document)
        said = self.phases.get(document["phase"], ALLOW)
        return said if isinstance(said, Decision) else said(document)

    def phases_asked(self) -> list[str]:
        return [document["phase"] for document in self.asked]


class DeadEngine:
    """Every door of an engine, and nobody behind it."""

    revision = ""

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        raise EngineUnavailable("The policy engine gave no answer.")

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        raise EngineUnavailable("The recogniser gave no answer.")

    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        return SoftVerdict(rule.rule, "error", None, "dead")


class MailRecogniser:
    """Finds e-mail addresses, if they are planned for. `asked` holds the texts it was given."""

    pattern = re.compile(r"[\w.]+@[\w.]+\.\w+")

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        self.asked.extend(texts)
        if not any(kind.kind == "EMAIL_ADDRESS" for kind in plan):
            return [() for _ in texts]
        return [
            tuple(Span(*match.span(), "EMAIL_ADDRESS", 1.0) for match in self.pattern.finditer(text))
            for text in texts
        ]


class WordJudge:
    """Scores 1 for a text with the word in it, 0 for any other; `delay_s` makes it slow."""

    def __init__(self, word: str = "forbidden", delay_s: float = 0.0) -> None:
        self.word = word
        self.delay_s = delay_s
        self.asked: list[tuple[str, str]] = []

    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        self.asked.append((rule.rule, text))
        await asyncio.sleep(self.delay_s)
        score = float(self.word in text)
        return SoftVerdict(rule.rule, "fail" if score >= rule.threshold else "pass", score, "word")


class LetterTokens:
    """A token is a character."""

    def cached(self, model: str, text: str) -> int | None:
        return None

    def count(self, model: str, text: str) -> int:
        return len(text)


def answer_events(*texts: str, lane: Lane | None = None) -> list[AnswerEvent]:
    """A whole answer on one lane, one delta a text."""
    on = lane or Lane(0, "content")
    return [
        Head(1),
        *(Delta(on, text) for text in texts),
        Finish(0, "stop"),
        Usage(3, 5),
        End(),
    ]


class ScriptedAnswer:
    def __init__(self, events: Sequence[AnswerEvent | SluicegateError], pause_s: float) -> None:
        self._events = events
        self._pause_s = pause_s
        self.closed = False
        self.dropped: dict[str, int] = {}

    async def events(self) -> AsyncIterator[Sequence[AnswerEvent]]:
        for event in self._events:
            await asyncio.sleep(self._pause_s)
            if isinstance(event, SluicegateError):
                raise event
            yield [event]

    async def close(self) -> None:
        self.closed = True


class ScriptedUpstream:
    """Answers what it was given; `bodies` holds what it received, `answers` what it opened."""

    def __init__(
        self, *events: AnswerEvent | SluicegateError, pause_s: float = 0.0, open_s: float = 0.0
    ) -> None:
        self.events = events or answer_events("Hello.")
        self.pause_s = pause_s
        self.open_s = open_s
        self.bodies: list[bytes] = []
        self.asked: list[tuple[str, str]] = []
        self.gone: set[str] = set()
        self.busy: set[str] = set()
        self.served: dict[str, tuple[UpstreamRoute, ...]] = {
            "small": (UpstreamRoute("local", "weights-1", "", ("openai_chat",)),),
            "large": (UpstreamRoute("far", "weights-2", "eu", ("openai_chat",)),),
        }
        self.answers: list[ScriptedAnswer] = []

    def names(self) -> Sequence[str]:
        return tuple(self.served)

    def routes(self, model: str) -> Sequence[UpstreamRoute]:
        return self.served.get(model, ())

    async def open(self, route: UpstreamRoute, request: UpstreamRequest) -> UpstreamAnswer:
        self.bodies.append(request.body)
        self.asked.append((route.upstream, request.wire))
        if route.upstream in self.gone:
            raise UpstreamUnreached("The model server cannot be reached.")
        if route.upstream in self.busy:
            raise UpstreamBusy(503)
        await asyncio.sleep(self.open_s)
        answer = ScriptedAnswer(list(self.events), self.pause_s)
        self.answers.append(answer)
        return answer


@dataclass
class MemoryTicket:
    exchange_id: str
    closed: int = 0
    decisions: Sequence[Mapping[str, Any]] = ()
    record: Mapping[str, Any] | None = None

    async def close(self, decisions: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None) -> None:
        self.closed += 1
        self.decisions, self.record = decisions, record
        await asyncio.sleep(0)


@dataclass
class MemoryJournal:
    """`full`: nothing more can be admitted."""

    full: bool = False
    tickets: list[MemoryTicket] = field(default_factory=list)

    async def open(self, exchange_id: str, opened: Mapping[str, Any]) -> MemoryTicket:
        if self.full:
            raise RecordUnavailable("The spool is full.")
        ticket = MemoryTicket(exchange_id)
        self.tickets.append(ticket)
        return ticket


class StandingClock:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


class Tally:
    """Remembers every summary."""

    def __init__(self) -> None:
        self.summaries: list[Summary] = []

    def observe(self, summary: Summary) -> None:
        self.summaries.append(summary)
