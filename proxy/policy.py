"""What the policies are told and how their word is read: input documents out, decisions in. Pure.

The input document is a published interface (policies/schemas/input.json). It holds facts: roles, labels,
counts and names, no text but the parsed arguments of a tool call; and nothing volatile, so that equal facts
are equal bytes. A decision is read strictly: whatever is missing, misspelt or unknown in it is no decision.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from proxy.errors import Denied, EngineUnavailable, SoftRuleDenied
from proxy.exchange import Exchange, Identity, Json, Lane, Usage
from proxy.verdict import (
    Action,
    Decision,
    Finding,
    KindPlan,
    Obligations,
    SoftAsk,
    SoftVerdict,
    Withhold,
)

INPUT_VERSION = 1

Document = dict[str, Json]

_MESSAGE_SOURCES = frozenset(("message", "tool_call", "tool_result"))
_ACTIONS = {action.word: action for action in Action}


@dataclass(frozen=True, slots=True)
class Facts:
    """What an exchange is to the policies. `tokens`: one count for each of the exchange's segments."""

    identity: Identity
    exchange: Exchange
    upstream: str
    residency: str
    tokens: tuple[int, ...]


def base(facts: Facts) -> Document:
    """What all phases share. Built once an exchange."""
    exchange, identity = facts.exchange, facts.identity
    subject = identity.subject
    parameters = exchange.parameters
    return {
        "version": INPUT_VERSION,
        "subject": {
            "id": subject.id,
            "tenant": subject.tenant,
            "groups": list(subject.groups),
            "clearances": list(subject.clearances),
        },
        "actor": {"id": identity.actor},
        "identity": {"method": identity.method},
        "dialect": exchange.dialect,
        "model": exchange.model,
        "upstream": {"name": facts.upstream, "residency": facts.residency},
        "stream": exchange.stream,
        "parameters": parameters,
        "tools": [{"name": name} for name in exchange.tools],
        "messages": [
            {"role": segment.role, "source": segment.source, "chars": len(segment.text), "tokens": count}
            for segment, count in zip(exchange.segments, facts.tokens, strict=True)
            if segment.source in _MESSAGE_SOURCES
        ],
        "documents": [
            {"id": document.id, "source": document.source, "chars": document.chars}
            for document in exchange.documents
        ],
        "unscannable": [{"where": part.where, "kind": part.kind} for part in exchange.unscannable],
        "tokens": {"prompt": sum(facts.tokens), "requested": parameters.get("max_tokens")},
    }


def admission(shared: Document) -> Document:
    return {**shared, "phase": "admission"}


def prompt(shared: Document, entities: Mapping[str, int], soft: Mapping[str, SoftVerdict]) -> Document:
    return {**shared, "phase": "prompt", "entities": _sorted(entities), "soft": _soft(soft)}


def tool_call(
    shared: Document, *, name: str, arguments: Json | None, source: Literal["model", "history"]
) -> Document:
    """`arguments`: the parsed object; None when they are not one."""
    call = {"name": name, "arguments": arguments, "source": source}
    return {**shared, "phase": "tool_call", "tool_call": call}


def answer(
    shared: Document,
    *,
    final: bool,
    lanes: Mapping[Lane, int],
    entities: Mapping[str, int],
    soft: Mapping[str, SoftVerdict],
    finish: Mapping[int, str],
    usage: Usage | None,
) -> Document:
    """`lanes`: characters that have come on each; `finish`: reasons by choice; `final`: no more will come."""
    told = {
        "final": final,
        "lanes": [
            {"choice": lane.choice, "kind": lane.kind, "index": lane.index, "chars": chars}
            for lane, chars in sorted(lanes.items())
        ],
        "entities": _sorted(entities),
        "soft": _soft(soft),
        "finish": {str(choice): finish[choice] for choice in sorted(finish)},
        "usage": None if usage is None else {"prompt": usage.prompt, "completion": usage.completion},
    }
    return {**shared, "phase": "answer", "answer": told}


def denial(decision: Decision, soft_rules: Collection[str]) -> Denied:
    """The refusal of a blocking decision: every blocking rule, and the reason of the first by id."""
    blocking = sorted(
        (finding for finding in decision.findings if finding.action is Action.BLOCK),
        key=lambda finding: finding.rule,
    )
    rules = [finding.rule for finding in blocking]
    reason = blocking[0].reason if blocking else "The policies do not allow this."
    soft = bool(rules) and all(rule in soft_rules for rule in rules)
    return (SoftRuleDenied if soft else Denied)(reason, rules=rules)


def parse_decision(result: Json, revision: str) -> Decision:
    """A decision document (policies/schemas/decision.json). Raises EngineUnavailable for anything else."""
    document = _object(result, {"action", "findings", "obligations"}, required=True)
    findings = tuple(_finding(one) for one in _list(document["findings"]))
    action = _word(document["action"], _ACTIONS)
    strictest = max((finding.action for finding in findings), default=Action.ALLOW)
    if action < strictest:
        raise _malformed()
    return Decision(action, findings, _obligations(document["obligations"]), revision)


def _finding(value: Json) -> Finding:
    fields = _object(value, {"rule", "action", "reason"}, required=True)
    return Finding(_text(fields["rule"]), _word(fields["action"], _ACTIONS), _text(fields["reason"]))


def _obligations(value: Json) -> Obligations:
    fields = _object(value, set(_OBLIGATIONS))
    read: dict[str, Any] = {}
    for name, demanded in fields.items():
        read |= _OBLIGATIONS[name](demanded)
    return Obligations(**read)


def _redact(value: Json) -> dict[str, Any]:
    sides = _object(value, {"prompt", "answer"})
    return {f"redact_{side}": tuple(sorted(map(_kind, _list(plans)))) for side, plans in sides.items()}


def _kind(value: Json) -> KindPlan:
    fields = _object(value, {"kind", "score", "restore"}, required=True)
    return KindPlan(_text(fields["kind"]), _score(fields["score"]), _flag(fields["restore"]))


def _withhold(value: Json) -> dict[str, Any]:
    items = [_object(one, {"document", "notice"}, required=True) for one in _list(value)]
    return {
        "withhold": tuple(sorted(Withhold(_text(one["document"]), _flag(one["notice"])) for one in items))
    }


def _soft_asks(value: Json) -> dict[str, Any]:
    return {"soft": tuple(sorted(map(_soft_ask, _list(value))))}


def _soft_ask(value: Json) -> SoftAsk:
    fields = _object(value, {"rule", "sentence", "threshold", "on_error", "when", "side"}, required=True)
    return SoftAsk(
        rule=_text(fields["rule"]),
        sentence=_text(fields["sentence"]),
        threshold=_score(fields["threshold"]),
        on_error=cast(Any, _word(fields["on_error"], {"deny": "deny", "allow": "allow"})),
        when=cast(Any, _word(fields["when"], {"before": "before", "beside": "beside"})),
        side=cast(Any, _word(fields["side"], {"prompt": "prompt", "answer": "answer"})),
    )


def _max_tokens(value: Json) -> dict[str, Any]:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _malformed()
    return {"max_tokens": value}


_OBLIGATIONS: Mapping[str, Callable[[Json], dict[str, Any]]] = {
    "redact": _redact,
    "withhold": _withhold,
    "strip_tools": lambda value: {"strip_tools": tuple(sorted(map(_text, _list(value))))},
    "soft": _soft_asks,
    "max_tokens": _max_tokens,
    "no_mirror": lambda value: {"no_mirror": _flag(value)},
}


def _object(value: Json, keys: set[str], *, required: bool = False) -> dict[str, Json]:
    if not isinstance(value, dict) or not value.keys() <= keys or (required and len(value) != len(keys)):
        raise _malformed()
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _malformed()
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise _malformed()
    return value


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise _malformed()
    return value


def _score(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _malformed()
    return float(value)


def _word(value: Json, words: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or value not in words:
        raise _malformed()
    return words[value]


def _malformed() -> EngineUnavailable:
    return EngineUnavailable("The policy engine's decision is malformed.")


def _soft(verdicts: Mapping[str, SoftVerdict]) -> Document:
    return {rule: {"status": one.status, "score": one.score} for rule, one in sorted(verdicts.items())}


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: counts[kind] for kind in sorted(counts)}
