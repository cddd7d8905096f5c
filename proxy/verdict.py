"""What engines say (verdicts) and what the proxy does (decisions), as values that combine by `max`.

The strictest wins: actions are ordered numbers, obligations join monotonically (a joined obligation
is never weaker than either of its parts). Parsing of an engine's document lives in `policy.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal


class Action(IntEnum):
    ALLOW = 0
    REDACT = 1
    BLOCK = 2

    @property
    def word(self) -> str:
        return _WORDS[self]


# An enum tells its name slowly, and it is asked often.
_WORDS = tuple(action.name.lower() for action in Action)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's word. `rule` is its id, `reason` its owner's sentence; neither quotes content."""

    rule: str
    action: Action
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class KindPlan:
    """Redact entities of `kind` that score at least `score`; `restore` gives the caller's words back."""

    kind: str
    score: float
    restore: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Withhold:
    """Replace the document with this id; with `notice` the model and the caller see that something was."""

    document: str
    notice: bool = True


@dataclass(frozen=True, slots=True, order=True)
class SoftAsk:
    """A soft rule that must be asked. Scores run from 0 (fine) to 1 (breaks the rule).

    `when`: before the upstream call, or beside it (then nothing of the answer leaves before the verdict).
    `side`: the prompt or the answer. `on_error`: what the rule's owner wants if the judge gives no verdict.
    """

    rule: str
    sentence: str
    threshold: float
    on_error: Literal["deny", "allow"] = "deny"
    when: Literal["before", "beside"] = "before"
    side: Literal["prompt", "answer"] = "prompt"


@dataclass(frozen=True, slots=True)
class Obligations:
    """What an allowing decision demands. All fields are sets: order means nothing, and of two demands for one
    thing the stricter stands, so equal demands are equal values however they were spelled."""

    redact_prompt: tuple[KindPlan, ...] = ()
    redact_answer: tuple[KindPlan, ...] = ()
    withhold: tuple[Withhold, ...] = ()
    strip_tools: tuple[str, ...] = ()
    soft: tuple[SoftAsk, ...] = ()
    max_tokens: int | None = None
    no_mirror: bool = False

    def __post_init__(self) -> None:
        for name, stand in _STANDING.items():
            if demands := getattr(self, name):
                object.__setattr__(self, name, stand(demands))

    def join(self, other: "Obligations") -> "Obligations":
        """Mostly a later decision demands nothing new; then this one is given back as it is."""
        if other is self or other is NO_OBLIGATIONS:
            return self
        if self is NO_OBLIGATIONS:
            return other
        caps = [cap for cap in (self.max_tokens, other.max_tokens) if cap is not None]
        return Obligations(
            redact_prompt=self.redact_prompt + other.redact_prompt,
            redact_answer=self.redact_answer + other.redact_answer,
            withhold=self.withhold + other.withhold,
            strip_tools=self.strip_tools + other.strip_tools,
            soft=self.soft + other.soft,
            max_tokens=min(caps) if caps else None,
            no_mirror=self.no_mirror or other.no_mirror,
        )


def _join_kinds(plans: Iterable[KindPlan]) -> tuple[KindPlan, ...]:
    """The lower score redacts more, and what one rule wants one-way stays one-way."""
    joined: dict[str, KindPlan] = {}
    for plan in plans:
        seen = joined.get(plan.kind, plan)
        joined[plan.kind] = KindPlan(plan.kind, min(seen.score, plan.score), seen.restore and plan.restore)
    return tuple(joined[kind] for kind in sorted(joined))


def _join_withheld(items: Iterable[Withhold]) -> tuple[Withhold, ...]:
    """Silence is stricter than notice."""
    joined: dict[str, Withhold] = {}
    for item in items:
        seen = joined.get(item.document, item)
        joined[item.document] = Withhold(item.document, seen.notice and item.notice)
    return tuple(joined[document] for document in sorted(joined))


def _each_once(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(set(items)))


_STANDING: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "redact_prompt": _join_kinds,
    "redact_answer": _join_kinds,
    "withhold": _join_withheld,
    "strip_tools": _each_once,
    "soft": _each_once,
}
"""What stands of the demands in each field."""

NO_OBLIGATIONS = Obligations()


@dataclass(frozen=True, slots=True)
class Decision:
    """What one phase decided, by exactly one `revision` of the policies. `rules`: those that spoke."""

    action: Action
    findings: tuple[Finding, ...] = ()
    obligations: Obligations = field(default=NO_OBLIGATIONS)
    revision: str = ""
    rules: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once: a decision is kept and told again and again.
        object.__setattr__(self, "rules", tuple(finding.rule for finding in self.findings))

    @property
    def blocks(self) -> bool:
        return self.action is Action.BLOCK


@dataclass(frozen=True, slots=True)
class SoftVerdict:
    """A judge's word on one rule. `status` is `error` whenever there is no score: never a silent pass.
    `pending`: a rule that is asked beside the upstream, at the first `prompt` decision only."""

    rule: str
    status: Literal["pass", "fail", "error", "pending"]
    score: float | None
    judge: str
