"""The way in: from a parsed exchange to one that may be sent, or a refusal.

Obligations are obeyed, then the policies are asked again with what was found; that ends when a decision
demands nothing new. A policy set that never settles is refused.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from proxy import labels, policy
from proxy.conductor import copying
from proxy.conductor.passage import Passage
from proxy.conductor.recognising import Found, recognise
from proxy.errors import ContentUnscannable, EngineUnavailable
from proxy.exchange import CleanText, Exchange, Segment
from proxy.record import CleanMessage
from proxy.redact.redactor import redact
from proxy.redact.spans import Span
from proxy.verdict import KindPlan, Obligations, SoftAsk, SoftVerdict
from proxy.wire import tree

# Admission may start a plan and the prompt decision extend it; a third new demand is a rule set in a circle.
MAX_ROUNDS = 3

# Above this many characters, counting could hold the loop for more than about 15 ms (1 µs each at worst).
COUNT_INLINE_CHARS = 16_384


async def ask(passage: Passage) -> Exchange:
    """What may be sent upstream. Raises Denied, ContentUnscannable or EngineUnavailable."""
    exchange = await copying.find_copies(passage, labels.find_documents(passage.exchange))
    passage.exchange = exchange
    tokens = await _count(passage, exchange.segments)
    passage.counted = sum(tokens)
    passage.base = policy.base(
        policy.Facts(
            identity=passage.identity,
            exchange=exchange,
            upstream=passage.route.upstream,
            residency=passage.route.residency,
            tokens=tokens,
        )
    )
    await passage.decide(policy.admission(passage.base))
    for call in exchange.calls:
        await passage.decide(
            policy.tool_call(passage.base, name=call.name, arguments=call.arguments, source="history")
        )
    for _ in range(MAX_ROUNDS):
        obeyed = passage.obligations
        clean = await _obey(passage, exchange, obeyed)
        await _ask_soft(passage, clean, obeyed, when="before")
        await passage.decide(policy.prompt(passage.base, passage.entities, _verdicts(passage, obeyed)))
        insist(passage, [rule for rule in obeyed.soft if rule.side == "prompt" and rule.when == "before"])
        if passage.obligations == obeyed:
            return clean
    raise EngineUnavailable("The policies demand something new each time they are asked.")


def rules_beside(passage: Passage) -> bool:
    """Whether there are soft rules that may run beside the upstream call."""
    return any(rule.side == "prompt" and rule.when == "beside" for rule in passage.obligations.soft)


async def ask_beside(passage: Passage, clean: Exchange) -> None:
    """The soft rules that may run beside the upstream call, and the second `prompt` decision."""
    obeyed = passage.obligations
    await _ask_soft(passage, clean, obeyed, when="beside")
    await passage.decide_late(policy.prompt(passage.base, passage.entities, passage.soft))
    insist(passage, [rule for rule in obeyed.soft if rule.side == "prompt"])


async def judge_all(
    passage: Passage, rules: Sequence[SoftAsk], texts: Sequence[CleanText]
) -> dict[str, SoftVerdict]:
    """Every rule on every text, at once; the worst word on a rule is the word on it."""
    judge = passage.house.doors.judge
    async with asyncio.TaskGroup() as group:
        asked = [(rule, [group.create_task(judge.judge(rule, text)) for text in texts]) for rule in rules]
    words: dict[str, list[SoftVerdict]] = {}
    for rule, tasks in asked:  # two demands may share a name, and each counts
        words.setdefault(rule.rule, []).append(_word_on(rule, [task.result() for task in tasks]))
    return {name: worst(said) for name, said in words.items()}


def insist(passage: Passage, rules: Iterable[SoftAsk]) -> None:
    """A rule without a verdict blocks, whatever the policies made of it, unless its owner wrote otherwise."""
    for rule in rules:
        verdict = passage.soft.get(rule.rule)
        judged = verdict is not None and verdict.status in ("pass", "fail")
        if not judged and rule.on_error != "allow":
            raise EngineUnavailable("A soft rule could not be judged.", rules=(rule.rule,))


async def _count(passage: Passage, segments: Sequence[Segment]) -> tuple[int, ...]:
    tokens, model = passage.house.doors.tokens, passage.route.model
    known = [tokens.cached(model, segment.text) for segment in segments]
    new = [index for index, count in enumerate(known) if count is None]

    def count() -> list[int]:
        return [tokens.count(model, segments[index].text) for index in new]

    inline = sum(len(segments[index].text) for index in new) <= COUNT_INLINE_CHARS
    counted = iter(count() if inline else await asyncio.to_thread(count))
    return tuple(next(counted) if one is None else one for one in known)


async def _obey(passage: Passage, exchange: Exchange, obligations: Obligations) -> Exchange:
    """The exchange with everything done to it that the decisions so far demand of the request."""
    withheld = {item.document: item.notice for item in obligations.withhold}
    if withheld:
        exchange = await copying.withhold(passage, exchange, withheld)
    if obligations.strip_tools:
        exchange = tree.strip_tools(exchange, obligations.strip_tools)
    passage.offered = frozenset(exchange.tools)
    if obligations.max_tokens is not None:
        exchange = tree.cap_tokens(exchange, obligations.max_tokens)
    return await _redact(passage, exchange, obligations.redact_prompt)


async def _redact(passage: Passage, exchange: Exchange, plan: Sequence[KindPlan]) -> Exchange:
    found = await recognise(passage.house.doors.recogniser, exchange, plan)
    passage.entities = found.entities
    passage.unscanned = _unscanned(exchange, found)
    clean: list[CleanMessage] = []
    changes: dict[int, str] = {}
    for index, (segment, known) in enumerate(zip(exchange.segments, found.spans, strict=True)):
        spans = known or ()
        text = _clean_key(segment, spans) if segment.key else redact(segment.text, spans, passage.vault, plan)
        clean.append(CleanMessage(segment.role, segment.source, text, segment.path, segment.key))
        if text != segment.text:
            changes[index] = text
    passage.input = tuple(clean)
    return tree.with_texts(exchange, changes) if changes else exchange


def _unscanned(exchange: Exchange, found: Found) -> tuple[str, ...]:
    """Where something stands that no recogniser looked at. Only first steps: deeper ones are the caller's."""
    unseen = [
        "/".join(map(str, segment.path[:2]))
        for segment, spans in zip(exchange.segments, found.spans, strict=True)
        if spans is None and segment.text
    ]
    return tuple(dict.fromkeys([*unseen, *(part.where for part in exchange.unscannable)]))


def _clean_key(segment: Segment, spans: Sequence[Span]) -> CleanText:
    if spans:
        raise ContentUnscannable(
            "The key of a JSON object holds something that must be redacted.",
            param="/".join(map(str, segment.path[:2])),
        )
    return CleanText(segment.text)


async def _ask_soft(passage: Passage, clean: Exchange, obligations: Obligations, *, when: str) -> None:
    rules = [rule for rule in obligations.soft if rule.side == "prompt" and rule.when == when]
    if rules:
        passage.soft.update(await judge_all(passage, rules, _units(clean, passage.input)))


def _units(clean: Exchange, messages: Iterable[CleanMessage]) -> list[CleanText]:
    """One text a message, tool or document: what a person would read as one thing is judged as one."""
    units: dict[tuple[str | int, ...], list[str]] = {}
    for segment, message in zip(clean.segments, messages, strict=True):
        if message.text.strip():
            units.setdefault(segment.path[:2], []).append(message.text)
    return [CleanText("\n".join(texts)) for texts in units.values()]


def _verdicts(passage: Passage, obligations: Obligations) -> Mapping[str, SoftVerdict]:
    """The verdicts so far. Rules asked beside the upstream are pending, which only they may accept."""
    pending = {
        rule.rule: SoftVerdict(rule.rule, "pending", None, "")
        for rule in obligations.soft
        if rule.side == "prompt" and rule.when == "beside"
    }
    return {**pending, **passage.soft}


def _word_on(rule: SoftAsk, verdicts: Sequence[SoftVerdict]) -> SoftVerdict:
    """Nothing asked is no verdict."""
    return worst(verdicts) if verdicts else SoftVerdict(rule.rule, "error", None, "")


def worst(verdicts: Sequence[SoftVerdict]) -> SoftVerdict:
    """Of at least one. An error is worse than any score, for an unread text could have any."""
    for verdict in verdicts:
        if verdict.status == "error" or verdict.score is None:
            return replace(verdict, status="error", score=None)
    return max(verdicts, key=lambda verdict: (verdict.status == "fail", verdict.score or 0.0))
