"""What becomes of recorded decisions under another set of policies: compared one by one, counted by group.

Values in, values out. No decision at all counts as what the proxy makes of it: a block.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from proxy.exchange import Json
from proxy.policy import decision_document
from proxy.verdict import Action, Decision

Kind = Literal["newly_blocked", "newly_allowed", "blocked_otherwise", "changed"]
"""`blocked_otherwise`: by other rules. `changed`: it passes as before, with other findings or obligations."""

KINDS: tuple[Kind, ...] = get_args(Kind)

UNDECIDED = "engine_unavailable"
"""In the place of a rule where the policies came to no decision; the code that a caller then gets."""

NO_GROUP = "(none)"


@dataclass(frozen=True, slots=True)
class Change:
    """`about`: the rules whose word changed, and `obligation NAME` for each demand that did."""

    kind: Kind
    about: tuple[str, ...]


@dataclass(slots=True)
class Row:
    """Of one kind, rule and group. `first`: where the first such input stands."""

    first: str
    inputs: int = 0
    subjects: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Tally:
    """Grows by `add`, one input at a time. A subject of several groups is in a row of each."""

    inputs: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    kinds: Counter[Kind] = field(default_factory=Counter)
    rows: dict[tuple[Kind, str, str], Row] = field(default_factory=dict)

    def add(self, place: str, document: Json, old: Decision | None, new: Decision | None) -> None:
        self.inputs += 1
        self.before[_action(old)] += 1
        self.after[_action(new)] += 1
        change = compare(old, new)
        if change is None:
            return
        self.kinds[change.kind] += 1
        subject, groups = _asker(document)
        for about in change.about:
            for group in groups:
                row = self.rows.setdefault((change.kind, about, group), Row(place))
                row.inputs += 1
                row.subjects.add(subject)

    def ordered(self) -> list[tuple[tuple[Kind, str, str], Row]]:
        """As `KINDS` has them, then those that touch most."""
        return sorted(
            self.rows.items(), key=lambda item: (KINDS.index(item[0][0]), -item[1].inputs, item[0][1:])
        )


def compare(old: Decision | None, new: Decision | None) -> Change | None:
    """None: it makes no difference. The revision is none."""
    was, now = _blocking(old), _blocking(new)
    if now and not was:
        return Change("newly_blocked", _each_once(now))
    if was and not now:
        return Change("newly_allowed", _each_once(was))
    if was or now:
        return Change("blocked_otherwise", _each_once(was ^ now)) if was != now else None
    about = _differing(old, new)
    return Change("changed", about) if about else None


def _blocking(decision: Decision | None) -> frozenset[str]:
    """The rules that block; not empty for any decision that does."""
    if decision is None:
        return frozenset({UNDECIDED})
    return frozenset(one.rule for one in decision.findings if one.action is Action.BLOCK)


def _differing(old: Decision | None, new: Decision | None) -> tuple[str, ...]:
    if old is None or new is None:
        return ()
    rules = {finding.rule for finding in set(old.findings) ^ set(new.findings)}
    was, now = dict(_demands(old)), dict(_demands(new))
    demands = {f"obligation {name}" for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    return _each_once(rules) + _each_once(demands)


def _demands(decision: Decision) -> Iterator[tuple[str, Json]]:
    """By name; `redact` by its side, for a plan for prompts says nothing about answers."""
    for name, value in decision_document(decision)["obligations"].items():
        if name == "redact":
            yield from ((f"redact.{side}", plans) for side, plans in value.items())
        else:
            yield name, value


def _action(decision: Decision | None) -> str:
    return decision.action.word if decision else "undecided"


def _asker(document: Json) -> tuple[tuple[str, str], list[str]]:
    """Tenant and id, and the groups. An input written by hand may lack any of it."""
    subject = document.get("subject")
    if not isinstance(subject, dict):
        return ("", ""), [NO_GROUP]
    groups = subject.get("groups")
    named = [one for one in groups if isinstance(one, str)] if isinstance(groups, list) else []
    return (str(subject.get("tenant")), str(subject.get("id"))), list(dict.fromkeys(named)) or [NO_GROUP]


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
