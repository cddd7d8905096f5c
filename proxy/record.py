"""What is written about an exchange: a decision document without content, and a record to learn from.

Pure: from values to plain documents. Texts enter as `CleanText` alone, so that the type checker finds a leak.
Names of the record's attributes: OpenTelemetry semantic conventions for generative AI (event
`gen_ai.client.inference.operation.details`); ours start with `sluicegate.`. The decision document follows
OPA's decision log where that has a word for it (decision_id, timestamp, path, bundles, result, metrics).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from proxy.exchange import CleanText, Identity, Lane, LaneKind, Operation, Path, Usage
from proxy.verdict import Action, Decision, SoftVerdict

Status = Literal["complete", "partial", "client_gone", "blocked", "aborted"]
"""How an exchange ended. `aborted`: the proxy itself stopped before it could tell."""

Document = dict[str, Any]
"""A JSON object of strings, numbers, booleans, lists and objects."""

EVENT = "gen_ai.client.inference.operation.details"
POLICY_PATH = "gateway/main/decision"


@dataclass(frozen=True, slots=True)
class PhaseDecision:
    """What the hard rules said in one phase, and how long they took."""

    phase: str
    decision: Decision
    micros: int


@dataclass(frozen=True, slots=True)
class Summary:
    """An exchange without its content.

    `time`: unix seconds. `error`: a code of `proxy.errors`, never its words.
    `action`: what was done where that is stricter than every decision (text was replaced, say).
    `unscanned`: where the request holds what no recogniser looked at. `dropped_in`, `dropped_out`: how many
    unknown fields were left out of the request and of the answer.
    """

    exchange_id: str
    time: float
    identity: Identity
    dialect: str
    model: str
    upstream: str
    stream: bool
    status: Status
    decisions: tuple[PhaseDecision, ...]
    soft: tuple[SoftVerdict, ...]
    entities: Mapping[str, int]
    finish: Mapping[int, str]
    usage: Usage | None
    error: str | None
    duration_ms: float
    ttft_ms: float | None
    action: Action = Action.ALLOW
    operation: Operation = "chat"
    unscanned: tuple[str, ...] = ()
    dropped_in: int = 0
    dropped_out: int = 0


@dataclass(frozen=True, slots=True)
class CleanMessage:
    """One redacted segment of the request. Segments of one message share the first two steps of `path`.

    `key`: it is the key of a JSON object; keys stand in the paths of their values, so they are not repeated.
    """

    role: str
    source: str
    text: CleanText = field(repr=False)
    path: Path = ()
    key: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The name and id that the model gave the tool call of a lane."""

    name: CleanText
    call_id: str


def opened(summary: Summary) -> Document:
    """What is known of an exchange before the upstream is asked."""
    identity = summary.identity
    return {
        "decision_id": summary.exchange_id,
        "timestamp": timestamp(summary.time),
        "path": POLICY_PATH,
        "subject": identity.subject.id,
        "tenant": identity.subject.tenant,
        "actor": identity.actor,
        "method": identity.method,
        "actor_method": identity.actor_verified,
        "actor_chain": list(identity.actor_chain),
        "delegated": identity.delegated,
        "dialect": summary.dialect,
        "model": summary.model,
        "upstream": summary.upstream,
        "stream": summary.stream,
    }


def aborted(opening: Mapping[str, Any]) -> Document:
    """The decision document of an exchange that was opened and never closed: the proxy died in between."""
    return {**opening, "status": "aborted", "result": {"action": None, "rules": []}, "phases": []}


def decision_log(summary: Summary) -> list[Document]:
    """One document an exchange, its phases inside, in the order in which they were decided."""
    document = opened(summary)
    document["status"] = summary.status
    document["result"] = {"action": action(summary).word, "rules": rules(summary)}
    document["bundles"] = {"policies": {"revision": next(reversed(_revisions(summary)), None)}}
    document["phases"] = [_phase(one) for one in summary.decisions]
    document["soft"] = _soft(summary.soft)
    document["entities"] = dict(summary.entities)
    document["finish"] = list(summary.finish.values())
    document["usage"] = _usage(summary.usage)
    document["error"] = summary.error
    document["unscanned"] = len(summary.unscanned)
    document["metrics"] = {"duration_ms": round(summary.duration_ms, 3), "ttft_ms": _rounded(summary.ttft_ms)}
    return [document]


def record(
    summary: Summary,
    messages: Iterable[CleanMessage],
    output: Mapping[Lane, Sequence[CleanText]],
    calls: Mapping[Lane, ToolCall] | None = None,
) -> Document:
    """`{"time_unix_nano", "event_name", "attributes"}` of one exchange, as the feedback stream carries it.

    `sluicegate.record.id` is the exchange's id: readers drop duplicates by it.
    """
    attributes = _attributes(summary)
    said, beside = _input(messages)
    attributes["gen_ai.input.messages"] = said
    if beside:
        attributes["sluicegate.input.beside"] = beside
    attributes["gen_ai.output.messages"] = _output(output, summary.finish, calls or {})
    return {"time_unix_nano": round(summary.time * 1e6) * 1000, "event_name": EVENT, "attributes": attributes}


def action(summary: Summary) -> Action:
    """The strictest thing that was decided or done."""
    done = Action.BLOCK if summary.status == "blocked" else summary.action
    if summary.entities:
        done = max(done, Action.REDACT)
    return max((done, *(one.decision.action for one in summary.decisions)))


def rules(summary: Summary) -> list[str]:
    """Ids of the rules that spoke, each once, in the order in which they did."""
    return list(dict.fromkeys(rule for one in summary.decisions for rule in one.decision.rules))


def timestamp(seconds: float) -> str:
    """RFC 3339, UTC, microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _attributes(summary: Summary) -> Document:
    subject = summary.identity.subject
    attributes: Document = {
        "gen_ai.operation.name": summary.operation,
        "gen_ai.provider.name": summary.upstream,
        "gen_ai.request.model": summary.model,
        "gen_ai.request.stream": summary.stream,
        "gen_ai.response.finish_reasons": list(summary.finish.values()),
        "sluicegate.record.id": summary.exchange_id,
        "sluicegate.subject": subject.id,
        "sluicegate.tenant": subject.tenant,
        "sluicegate.actor": summary.identity.actor,
        "sluicegate.actor.chain": list(summary.identity.actor_chain),
        "sluicegate.identity.method": summary.identity.method,
        "sluicegate.identity.actor_method": summary.identity.actor_verified,
        "sluicegate.identity.delegated": summary.identity.delegated,
        "sluicegate.dialect": summary.dialect,
        "sluicegate.status": summary.status,
        "sluicegate.policy.revisions": _revisions(summary),
        "sluicegate.decision.action": action(summary).word,
        "sluicegate.decision.rules": rules(summary),
        "sluicegate.soft": _soft(summary.soft),
        "sluicegate.entities": dict(summary.entities),
        "sluicegate.duration_ms": round(summary.duration_ms, 3),
    }
    if summary.unscanned:
        attributes["sluicegate.input.unscanned"] = list(summary.unscanned)
    if summary.error is not None:
        attributes["error.type"] = summary.error
    if summary.ttft_ms is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = round(summary.ttft_ms / 1e3, 6)
    if summary.usage is not None:
        attributes |= _usage_attributes(summary.usage)
    return attributes


def _usage_attributes(usage: Usage) -> Document:
    return {
        "gen_ai.usage.input_tokens": usage.prompt,
        "gen_ai.usage.output_tokens": usage.completion,
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "sluicegate.usage.estimated": usage.estimated,
    }


def _input(messages: Iterable[CleanMessage]) -> tuple[list[Document], list[Document]]:
    """The conversation as messages of parts, and the other texts beside it (tools, documents, parameters)."""
    said: list[Document] = []
    beside: list[Document] = []
    place: Path = ()
    for message in messages:
        if not message.text or message.key:
            continue
        path = message.path
        if message.source not in _PART_TYPES and path[:1] not in _TURNS:
            beside.append(_beside(message))
        elif path and path[:2] == place:
            said[-1]["parts"].append(_part(message))
        else:  # a segment that does not know its path is a message of its own
            place = path[:2]
            said.append({"role": message.role, "parts": [_part(message)]})
    return said, beside


_TURNS = (("messages",), ("input",))
"""The lists of messages, as the dialects call them."""

_PART_TYPES = {"message": "text", "tool_call": "tool_call", "tool_result": "tool_call_response"}
"""The part types of the semantic conventions, by the source of a segment."""


def _part(message: CleanMessage) -> Document:
    part: Document = {"type": _PART_TYPES.get(message.source, message.source), "content": message.text}
    if message.source not in ("message", "tool_result"):
        part["path"] = "/".join(map(str, message.path[2:]))
    return part


def _beside(message: CleanMessage) -> Document:
    return {"source": message.source, "path": "/".join(map(str, message.path)), "content": message.text}


_LANE_TYPES: dict[LaneKind, str] = {
    "content": "text",
    "reasoning": "reasoning",
    "refusal": "refusal",
    "tool": "tool_call",
}


def _output(
    output: Mapping[Lane, Sequence[CleanText]], finish: Mapping[int, str], calls: Mapping[Lane, ToolCall]
) -> list[Document]:
    """One message a choice; its lanes are its parts."""
    choices: dict[int, list[Document]] = {}
    for lane in sorted(output):
        text = "".join(output[lane])
        if text:
            choices.setdefault(lane.choice, []).append(_answer_part(lane, text, calls.get(lane)))
    return [
        {"role": "assistant", "parts": parts, "finish_reason": finish.get(choice, "error")}
        for choice, parts in choices.items()
    ]


def _answer_part(lane: Lane, text: str, call: ToolCall | None) -> Document:
    if lane.kind != "tool":
        return {"type": _LANE_TYPES[lane.kind], "content": text}
    part: Document = {"type": "tool_call", "arguments": text}
    if call is not None:
        part |= {"name": call.name, "id": call.call_id}
    return part


def _phase(one: PhaseDecision) -> Document:
    decision = one.decision
    return {
        "phase": one.phase,
        "action": decision.action.word,
        "rules": list(decision.rules),
        "revision": decision.revision,
        "micros": one.micros,
    }


def _soft(verdicts: Sequence[SoftVerdict]) -> list[Document]:
    return [
        {"rule": one.rule, "status": one.status, "score": one.score, "judge": one.judge} for one in verdicts
    ]


def _usage(usage: Usage | None) -> Document | None:
    if usage is None:
        return None
    return {
        "prompt": usage.prompt,
        "completion": usage.completion,
        "cached": usage.cached,
        "reasoning": usage.reasoning,
        "estimated": usage.estimated,
    }


def _revisions(summary: Summary) -> list[str]:
    return list(dict.fromkeys(one.decision.revision for one in summary.decisions))


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)
