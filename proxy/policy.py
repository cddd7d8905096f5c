"""The documents that policies are asked about, and what their answers mean. Pure.

Documents hold facts, never text; the arguments of a tool call are the one exception. The same facts give the
same bytes: no ids, no times. The shapes are published in `policies/schemas/input.json` and `decision.json`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from proxy.errors import Denied, EngineUnavailable, SoftRuleDenied
from proxy.exchange import Exchange, Identity, Json, Lane, Usage
from proxy.verdict import (
    NO_OBLIGATIONS,
    Action,
    Decision,
    Finding,
    KindPlan,
    Obligations,
    SoftAsk,
    SoftVerdict,
    Withhold,
)

VERSION: Final = 1

# Segments that are turns of the conversation; the others are told of as tools, documents and parameters.
_TURNS = frozenset({"message", "tool_call", "tool_result"})

_ACTIONS = {action.word: action for action in Action}

# What the parameters that cap an answer are called on the wires.
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class Facts:
    """`upstream`: its name, `residency`: where it stands. `tokens`: one count for each of the segments."""

    identity: Identity
    exchange: Exchange
    upstream: str
    residency: str
    tokens: tuple[int, ...]


def base(facts: Facts) -> dict[str, Json]:
    """What the documents of all phases of an exchange share."""
    exchange, identity = facts.exchange, facts.identity
    subject = identity.subject
    return {
        "version": VERSION,
        "subject": {
            "id": subject.id,
            "tenant": subject.tenant,
            "groups": subject.groups,
            "clearances": subject.clearances,
        },
        "actor": {
            "id": identity.actor,
            "groups": identity.actor_groups,
            "clearances": identity.actor_clearances,
            "chain": identity.actor_chain,
        },
        "identity": {
            "method": identity.method,
            "actor_method": identity.actor_verified,
            "delegated": identity.delegated,
        },
        "dialect": exchange.dialect,
        "operation": exchange.operation,
        "model": exchange.model,
        "upstream": {"name": facts.upstream, "residency": facts.residency},
        "stream": exchange.stream,
        "parameters": exchange.parameters,
        "tools": [{"name": name} for name in exchange.tools],
        "messages": [
            {"role": segment.role, "source": segment.source, "chars": len(segment.text), "tokens": count}
            for segment, count in zip(exchange.segments, facts.tokens, strict=True)
            if segment.source in _TURNS
        ],
        "documents": [
            {"id": document.id, "source": document.source, "chars": document.chars}
            for document in exchange.documents
        ],
        "unscannable": [{"where": part.where, "kind": part.kind} for part in exchange.unscannable],
        "tokens": {"prompt": sum(facts.tokens), "requested": _requested(exchange.parameters)},
    }


def admission(base: Mapping[str, Json]) -> dict[str, Json]:
    return {**base, "phase": "admission"}


def prompt(
    base: Mapping[str, Json], entities: Mapping[str, int], soft: Mapping[str, SoftVerdict]
) -> dict[str, Json]:
    """`entities`: how many of each kind were found in the prompt. `soft`: the verdicts so far, by rule."""
    return {**base, "phase": "prompt", "entities": dict(entities), "soft": _verdicts(soft)}


def tool_call(
    base: Mapping[str, Json], *, name: str, arguments: Json | None, source: Literal["model", "history"]
) -> dict[str, Json]:
    """`arguments`: the parsed JSON object; None if they are anything else."""
    call = {"name": name, "arguments": arguments, "source": source}
    return {**base, "phase": "tool_call", "tool_call": call}


def answer(  # noqa: PLR0913  one fact each, and each named by its caller
    base: Mapping[str, Json],
    *,
    final: bool,
    lanes: Mapping[Lane, int],
    entities: Mapping[str, int],
    soft: Mapping[str, SoftVerdict],
    finish: Mapping[int, str],
    usage: Usage | None,
    documents: Sequence[Json] = (),
) -> dict[str, Json]:
    """`final`: the answer is whole. `lanes`: characters so far. `finish`: why each ended choice ended.

    `documents`: `{"id", "source", "chars"}` of each document that a passage of the answer is copied from.
    """
    part = {
        "final": final,
        "lanes": [
            {"choice": lane.choice, "kind": lane.kind, "index": lane.index, "chars": chars}
            for lane, chars in sorted(lanes.items())
        ],
        "entities": dict(entities),
        "soft": _verdicts(soft),
        "finish": {str(choice): reason for choice, reason in finish.items()},
        "usage": None if usage is None else _usage(usage),
        "documents": list(documents),
    }
    return {**base, "phase": "answer", "answer": part}


def parse_decision(result: Json, revision: str) -> Decision:
    """Strict, for silence is not consent: what is missing, unknown or wrong raises EngineUnavailable."""
    try:
        return _decision(result, revision)
    except (KeyError, TypeError, ValueError) as error:
        raise EngineUnavailable("The policies gave an answer that is no whole decision.") from error


def decision_document(decision: Decision) -> dict[str, Json]:
    """The decision as its published document: equal decisions are equal documents, lists and all."""
    return {
        "action": decision.action.word,
        "findings": [
            {"rule": finding.rule, "action": finding.action.word, "reason": finding.reason}
            for finding in decision.findings
        ],
        "obligations": _obligations_document(decision.obligations),
    }


def denial(decision: Decision, soft_rules: Collection[str]) -> Denied:
    """The error for a blocking decision: SoftRuleDenied when soft rules alone block, else Denied."""
    blocking = [finding for finding in decision.findings if finding.action is Action.BLOCK]
    if not blocking:
        return Denied("A policy does not allow this.")
    rules = tuple(dict.fromkeys(finding.rule for finding in blocking))
    error = SoftRuleDenied if all(rule in soft_rules for rule in rules) else Denied
    return error(blocking[0].reason, rules=rules)


def _requested(parameters: Mapping[str, Json]) -> int | None:
    """The highest, where a call names several: which one counts is the server's choice."""
    return max((value for name in _CAPS if type(value := parameters.get(name)) is int), default=None)


def _verdicts(soft: Mapping[str, SoftVerdict]) -> dict[str, Json]:
    return {rule: {"status": verdict.status, "score": verdict.score} for rule, verdict in soft.items()}


def _usage(usage: Usage) -> dict[str, Json]:
    return {
        "prompt": usage.prompt,
        "completion": usage.completion,
        "cached": usage.cached,
        "reasoning": usage.reasoning,
    }


def _decision(result: Json, revision: str) -> Decision:
    action, findings, obligations = _fields(result, "action", "findings", "obligations")
    decision = Decision(
        _ACTIONS[action],
        tuple(sorted(map(_finding, _list(findings)), key=_strictest_first)),
        _obligations(obligations),
        revision,
    )
    if decision.action is not max((one.action for one in decision.findings), default=Action.ALLOW):
        raise ValueError("the action is not the strictest of the findings")
    return decision


def _strictest_first(finding: Finding) -> tuple[int, str, str]:
    return (-finding.action, finding.rule, finding.reason)


def _finding(value: Json) -> Finding:
    rule, action, reason = _fields(value, "rule", "action", "reason")
    return Finding(_text(rule), _ACTIONS[action], _text(reason))


def _obligations(value: Json) -> Obligations:
    fields: dict[str, Json] = {}
    for name, part in _mapping(value).items():
        fields.update(_READERS[name](part))
    return Obligations(**fields) if fields else NO_OBLIGATIONS


def _redact(value: Json) -> dict[str, Json]:
    names = {"prompt": "redact_prompt", "answer": "redact_answer"}
    return {names[side]: tuple(map(_plan, _list(plans))) for side, plans in _mapping(value).items()}


def _plan(value: Json) -> KindPlan:
    kind, score, restore = _fields(value, "kind", "score", "restore")
    return KindPlan(_text(kind), _unit(score), _one_of(restore, True, False))


def _withhold(value: Json) -> Withhold:
    document, notice = _fields(value, "document", "notice")
    return Withhold(_name(document), _one_of(notice, True, False))


def _soft(value: Json) -> SoftAsk:
    rule, sentence, threshold, on_error, when, side = _fields(
        value, "rule", "sentence", "threshold", "on_error", "when", "side"
    )
    return SoftAsk(
        _text(rule),
        _text(sentence),
        _unit(threshold),
        _one_of(on_error, "deny", "allow"),
        _one_of(when, "before", "beside"),
        _one_of(side, "prompt", "answer"),
    )


_READERS: dict[str, Callable[[Json], dict[str, Json]]] = {
    "redact": _redact,
    "withhold": lambda items: {"withhold": tuple(map(_withhold, _list(items)))},
    "strip_tools": lambda items: {"strip_tools": tuple(map(_name, _list(items)))},
    "soft": lambda items: {"soft": tuple(map(_soft, _list(items)))},
    "max_tokens": lambda cap: {"max_tokens": _positive(cap)},
    "no_mirror": lambda flag: {"no_mirror": _one_of(flag, True)},
}
"""The obligations that the proxy can meet. One that is not here is refused, never skipped."""


def _fields(value: Json, *names: str) -> list[Json]:
    """The values of exactly these keys; one that is missing raises KeyError."""
    if len(_mapping(value)) != len(names):
        raise ValueError("more or fewer keys than this document has")
    return [value[name] for name in names]


def _mapping(value: Json) -> dict[str, Json]:
    if type(value) is not dict:
        raise TypeError("not an object")
    return value


def _list(value: Json) -> list[Json]:
    if type(value) is not list:
        raise TypeError("not a list")
    return value


def _name(value: Json) -> str:
    """As the caller chose it, so it may be empty."""
    if type(value) is not str:
        raise TypeError("not a name")
    return value


def _text(value: Json) -> str:
    if not _name(value):
        raise ValueError("empty")
    return _name(value)


def _unit(value: Json) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError("not a number from 0 to 1")
    return float(value)


def _positive(value: Json) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("not a whole number from 1")
    return value


def _one_of(value: Json, *allowed: Json) -> Json:
    for one in allowed:
        if value is one or (type(value) is str and value == one):
            return value
    raise ValueError("not one of the known words")


def _obligations_document(obligations: Obligations) -> dict[str, Json]:
    redact = {
        side: [{"kind": plan.kind, "score": plan.score, "restore": plan.restore} for plan in plans]
        for side, plans in (("prompt", obligations.redact_prompt), ("answer", obligations.redact_answer))
        if plans
    }
    document: dict[str, Json] = {
        "redact": redact,
        "withhold": [{"document": one.document, "notice": one.notice} for one in obligations.withhold],
        "strip_tools": list(obligations.strip_tools),
        "soft": [_soft_document(ask) for ask in obligations.soft],
        "max_tokens": obligations.max_tokens,
        "no_mirror": obligations.no_mirror,
    }
    return {name: part for name, part in document.items() if part}


def _soft_document(ask: SoftAsk) -> dict[str, Json]:
    return {
        "rule": ask.rule,
        "sentence": ask.sentence,
        "threshold": ask.threshold,
        "on_error": ask.on_error,
        "when": ask.when,
        "side": ask.side,
    }
