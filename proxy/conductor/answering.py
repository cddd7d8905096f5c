"""The way out: guard → record → restore → frame, lane by lane, and the last decision before the last byte.

What a guard holds back is asked about before it leaves; tool calls are assembled, judged and then sent
whole; the finish, the usage and the end of the answer wait for the last decision and for the record.

The `answer` phase is asked before the first text leaves, before the text that follows any new fact (an
entity, a soft verdict, a lane, a finish), at the latest every `UNASKED_CHARS` characters, and at the end. In
between only lengths have changed, so a rule on lengths hears of them that much late.

An answer that is not streamed is there as a whole: nothing has to be held back, so it is looked at as one
text, like a string among a tool's arguments, and decided on at its end alone. A recogniser may find other
entities in a whole text than in its windows, for it sees more of what stands around them. Where a soft rule
wants to see the answer it is cut into windows all the same: a judge's deadline is for a window, not a book.
"""

from collections.abc import AsyncIterator, Sequence

from proxy import policy
from proxy.conductor.asking import insist, judge_all, worst
from proxy.conductor.copying import AnswerCopies
from proxy.conductor.passage import Passage
from proxy.conductor.toolcalls import OpenCall, conceal_all, inspect_call, named
from proxy.engines import UpstreamAnswer
from proxy.errors import UpstreamUnavailable
from proxy.exchange import (
    AnswerEvent,
    CleanText,
    Delta,
    End,
    Finish,
    Head,
    Lane,
    Measure,
    Score,
    Tokens,
    ToolOpen,
    Usage,
    Vector,
)
from proxy.record import ToolCall
from proxy.redact.guard import Ask, Emit, Guard
from proxy.redact.restore import RestoringWindow
from proxy.verdict import SoftAsk
from proxy.wire.dialect import Writer

# About a screen of text, and three windows: a rule on lengths needs no finer measure.
UNASKED_CHARS = 2_000

_MEASURED = frozenset({"embeddings", "rerank", "classify"})


class LaneFlow:
    """One lane's guard and restoring window, and how much of it has passed. `waiting`: of a whole answer."""

    def __init__(self, passage: Passage, *, always_ask: bool) -> None:
        self.guard = Guard(
            plan=passage.obligations.redact_answer,
            leaks=passage.leaks,
            issued=passage.vault,
            window_chars=passage.house.window_chars,
            always_ask=always_ask,
            marked=passage.house.marked,
        )
        self.window = RestoringWindow(passage.vault)
        self.waiting: list[str] = []
        self.clean: list[CleanText] = []
        self.chars = 0
        self.since = 0.0  # when text last left, or the first was held back


class Answering:
    """Events of the upstream in, bytes for the client out. One per exchange."""

    def __init__(self, passage: Passage, writer: Writer) -> None:
        self._passage = passage
        self._writer = writer
        self._lanes: dict[Lane, LaneFlow] = {}
        self._calls: dict[Lane, OpenCall] = {}
        self._finishes: list[Finish] = []
        self._measures: list[Measure] = []
        self._soft: Sequence[SoftAsk] = [rule for rule in passage.obligations.soft if rule.side == "answer"]
        self._whole = not passage.exchange.stream and not self._soft
        self._copies = AnswerCopies(passage)
        self._asked_with: tuple[object, ...] = ()
        self._unasked = 0  # characters that left since the last decision

    async def run(self, answer: UpstreamAnswer) -> AsyncIterator[bytes]:
        """Everything but the closing bytes: what is left to say stands in `closing()`."""
        ended = False
        async for events in answer.events():
            pieces = []
            for event in events:
                if isinstance(event, End):
                    ended = True
                else:
                    pieces.append(await self._take(event))
            if out := b"".join(pieces):
                yield out
        if not ended:
            raise UpstreamUnavailable("The model server ended its answer early.")
        self._check_measures()
        out = await self._flush_all()
        news = await self._copies.rest()
        if self._whole or news:
            await self._decide(final=self._whole)
        if out:
            yield out
        if not self._whole:
            await self._decide(final=True)

    def closing(self) -> bytes:
        """The measures, the finishes, the usage and the end: only after the last decision and the record."""
        events: list[AnswerEvent] = [*self._measures, *self._finishes]
        if self._passage.usage is not None:
            events.append(self._passage.usage)
        return b"".join(self._writer.write(event) for event in (*events, End()))

    def received(self) -> list[str]:
        """Everything that the upstream has said so far, released or not: it is to be counted, no more."""
        texts = ["".join((*flow.clean, *flow.waiting, flow.guard.held)) for flow in self._lanes.values()]
        return texts + ["".join(call.pieces) for call in self._calls.values()]

    async def _take(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text) if lane.kind == "tool":
                self._call(lane).pieces.append(text)
            case Delta(lane, text) if self._whole:
                self._lane(lane).waiting.append(text)
            case Delta(lane, text):
                return await self._pass(lane, self._lane(lane), text)
            case Head(created):  # names are ours: an upstream's could say anything
                return self._writer.write(Head(created))
            case _:
                self._note(event)
        return b""

    def _note(self, event: AnswerEvent) -> None:
        """What has no words, or is kept until it is whole."""
        match event:
            case ToolOpen(lane):
                self._expect(lane.choice)
                if lane in self._calls:
                    raise UpstreamUnavailable("The model server opened one tool call twice.")
                self._calls[lane] = OpenCall(event)
            case Finish():
                self._expect(event.choice)
                self._finishes.append(event)
                self._passage.finish[event.choice] = event.reason
            case Vector(index) | Score(index):
                self._expect(index)
                self._measures.append(event)
            case Tokens():
                self._measures.append(event)
            case Usage():
                self._passage.usage = event

    def _lane(self, lane: Lane) -> LaneFlow:
        flow = self._lanes.get(lane)
        if flow is None:
            self._expect(lane.choice)
            flow = self._lanes[lane] = LaneFlow(self._passage, always_ask=bool(self._soft))
            self._passage.output[lane] = flow.clean
        return flow

    def _expect(self, choice: int) -> None:
        """The rules decided on so many answers as were asked for; a model server may not give more."""
        if choice >= self._passage.exchange.answers:
            raise UpstreamUnavailable("The model server gave an answer that nobody asked for.")

    def _check_measures(self) -> None:
        """All that was sent to be measured is: clients count the measures off against what they sent."""
        exchange = self._passage.exchange
        measured = {one.index for one in self._measures if not isinstance(one, Tokens)}
        if exchange.operation in _MEASURED and len(measured) < exchange.answers:
            raise UpstreamUnavailable("The model server measured less than it was asked to.")

    def _call(self, lane: Lane) -> OpenCall:
        call = self._calls.get(lane)
        if call is None:
            raise UpstreamUnavailable("The model server sent arguments of a tool call that it never opened.")
        return call

    async def _pass(self, lane: Lane, flow: LaneFlow, text: str) -> bytes:
        """What may leave now that this has come. What was held back for too long is looked at as it is."""
        now = self._passage.house.doors.clock.monotonic()
        if not flow.guard.held:
            flow.since = now
        out = await self._release(lane, flow.guard.feed(text))
        if not out and not self._soft and now - flow.since > self._passage.house.window_s:
            out = await self._release(lane, flow.guard.overdue())
        elif not out:
            return out
        flow.since = now
        return out

    async def _release(self, lane: Lane, steps: Sequence[Ask | Emit]) -> bytes:
        """Follow the guard: ask what it asks; let pass what it lets pass, once the rules on answers agree."""
        flow = self._lane(lane)
        out: list[bytes] = []
        pending = list(steps)
        while pending:
            step = pending.pop(0)
            if isinstance(step, Ask):
                pending = [*await self._settle(flow, step), *pending]
                continue
            await self._judge(step.text)
            news = await self._copies.look(lane, step.text)
            if news or self._due(len(step.text)):
                await self._decide(final=False)
            if step.text.strip():  # blanks are not judged, and break no rule
                insist(self._passage, self._soft)
            out.append(self._emit(lane, flow, step.text))
        return b"".join(out)

    async def _settle(self, flow: LaneFlow, ask: Ask) -> Sequence[Ask | Emit]:
        plan = self._passage.obligations.redact_answer
        if not plan:
            return flow.guard.settle(())
        [found] = await self._passage.house.doors.recogniser.recognise([ask.text], plan)
        return flow.guard.settle(ask.within(found))

    async def _judge(self, text: CleanText) -> None:
        if not self._soft or not text.strip():
            return
        for rule, verdict in (await judge_all(self._passage, self._soft, [text])).items():
            # The worst window so far is the word on the answer: a fine one after it mends nothing.
            said = self._passage.soft.get(rule, verdict)
            self._passage.soft[rule] = worst([said, verdict])

    def _due(self, leaving: int) -> bool:
        """Whether the rules must be asked before so many more characters leave."""
        return self._unasked + leaving > UNASKED_CHARS or self._facts() != self._asked_with

    def _facts(self) -> tuple[object, ...]:
        """All that an `answer` document tells, but for lengths. Leaks are counted: none is taken back."""
        passage = self._passage
        return (
            len(passage.leaks),
            *passage.soft.values(),
            len(self._lanes),
            len(self._calls),
            len(passage.finish),
            passage.usage,
        )

    def _emit(self, lane: Lane, flow: LaneFlow, text: CleanText) -> bytes:
        flow.clean.append(text)
        flow.chars += len(text)
        self._unasked += len(text)
        restored = flow.window.feed(text)
        return self._write_text(lane, restored) if restored else b""

    def _write_text(self, lane: Lane, text: str) -> bytes:
        self._passage.mark_first_byte()
        return self._writer.write(Delta(lane, text))

    async def _flush_all(self) -> bytes:
        out: list[bytes] = []
        for lane, flow in self._lanes.items():
            if self._whole:
                [clean] = await conceal_all(self._passage, ["".join(flow.waiting)])
                flow.waiting.clear()
                await self._copies.look(lane, clean)
                out.append(self._emit(lane, flow, clean))
            else:
                out.append(await self._release(lane, flow.guard.finish()))
            if rest := flow.window.finish():
                out.append(self._write_text(lane, rest))
        for lane, call in sorted(self._calls.items()):
            out.append(await self._close_call(lane, call))
        return b"".join(out)

    async def _close_call(self, lane: Lane, call: OpenCall) -> bytes:
        """One tool call, whole: redacted, judged, decided, recorded, restored."""
        opened = named(self._passage, call.opened)
        inspected = await inspect_call(self._passage, call)
        await self._judge(inspected.record)
        if self._soft and inspected.record.strip():
            insist(self._passage, self._soft)
            if self._due(len(inspected.record)):
                await self._decide(final=False)
        if await self._copies.look(lane, inspected.record, whole=True):
            await self._decide(final=False)
        await self._passage.decide_late(
            policy.tool_call(
                self._passage.base, name=opened.name, arguments=inspected.arguments, source="model"
            )
        )
        self._passage.output[lane] = [inspected.record]
        self._passage.calls[lane] = ToolCall(CleanText(call.opened.name), opened.call_id)
        self._passage.mark_first_byte()
        return self._writer.write(opened) + self._writer.write(Delta(lane, inspected.restored))

    async def _decide(self, *, final: bool) -> None:
        passage = self._passage
        self._asked_with, self._unasked = self._facts(), 0
        lanes = {lane: flow.chars for lane, flow in self._lanes.items()}
        lanes |= {lane: sum(map(len, call.pieces)) for lane, call in self._calls.items()}
        await passage.decide_late(
            policy.answer(
                passage.base,
                final=final,
                lanes=lanes,
                documents=self._copies.documents,
                entities=passage.leaked,
                soft=passage.soft,
                finish=passage.finish,
                usage=passage.usage,
            )
        )
