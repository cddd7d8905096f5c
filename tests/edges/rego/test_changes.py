from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.rego.changes import NO_GROUP, UNDECIDED, Change, Tally, compare
from proxy.verdict import Action, Decision, Finding, KindPlan, Obligations, Withhold

ALLOW = Decision(Action.ALLOW, (), Obligations(), "old")
RULES = ("a.one", "b.two", "c.three")


def said(*words: tuple[str, Action], obligations: Obligations | None = None) -> Decision:
    findings = tuple(Finding(rule, action, f"{rule} says so") for rule, action in words)
    action = max((action for _, action in words), default=Action.ALLOW)
    return Decision(action, findings, obligations or Obligations(), "new")


def blocked(*rules: str) -> Decision:
    return said(*((rule, Action.BLOCK) for rule in rules))


decisions = st.one_of(
    st.none(),
    st.lists(st.tuples(st.sampled_from(RULES), st.sampled_from(Action)), unique=True, max_size=3).map(
        lambda words: said(*words)
    ),
    st.sampled_from([1, 2]).map(lambda most: said(obligations=Obligations(max_tokens=most))),
)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (ALLOW, replace(ALLOW, revision="other"), None),
        (ALLOW, blocked("a.one"), Change("newly_blocked", ("a.one",))),
        (ALLOW, None, Change("newly_blocked", (UNDECIDED,))),
        (blocked("b.two", "a.one"), ALLOW, Change("newly_allowed", ("a.one", "b.two"))),
        (None, ALLOW, Change("newly_allowed", (UNDECIDED,))),
        (None, None, None),
        (blocked("a.one"), blocked("a.one"), None),
        (
            blocked("a.one", "b.two"),
            blocked("b.two", "c.three"),
            Change("blocked_otherwise", ("a.one", "c.three")),
        ),
        (blocked("a.one"), None, Change("blocked_otherwise", ("a.one", UNDECIDED))),
        (ALLOW, said(("a.one", Action.REDACT)), Change("changed", ("a.one",))),
        (said(("a.one", Action.ALLOW)), said(("a.one", Action.REDACT)), Change("changed", ("a.one",))),
        (ALLOW, said(obligations=Obligations(max_tokens=7)), Change("changed", ("obligation max_tokens",))),
        (
            said(obligations=Obligations(redact_prompt=(KindPlan("PERSON", 0.5),))),
            said(obligations=Obligations(redact_prompt=(KindPlan("PERSON", 0.6),), no_mirror=True)),
            Change("changed", ("obligation no_mirror", "obligation redact.prompt")),
        ),
        (
            said(obligations=Obligations(withhold=(Withhold("d", notice=True),))),
            said(obligations=Obligations(withhold=(Withhold("d", notice=False),))),
            Change("changed", ("obligation withhold",)),
        ),
    ],
)
def test_two_decisions_on_one_input_differ_in_one_way(
    old: Decision | None, new: Decision | None, change: Change | None
) -> None:
    assert compare(old, new) == change


@given(decisions)
def test_the_same_decision_is_no_change(decision: Decision | None) -> None:
    assert compare(decision, decision) is None


@given(decisions, decisions)
def test_a_change_names_what_it_is_about_and_turns_around(old: Decision | None, new: Decision | None) -> None:
    there, back = compare(old, new), compare(new, old)
    turned = {"newly_blocked": "newly_allowed", "newly_allowed": "newly_blocked"}
    assert (there is None) == (back is None)
    if there and back:
        assert there.about
        assert back == Change(turned.get(there.kind, there.kind), there.about)  # type: ignore[arg-type]


@given(st.lists(st.tuples(decisions, decisions), max_size=20))
def test_no_input_is_lost_between_the_counts(pairs: list[tuple[Decision | None, Decision | None]]) -> None:
    tally = Tally()
    for number, (old, new) in enumerate(pairs):
        tally.add(f"in:{number}", asked_by("u", "g"), old, new)
    assert tally.inputs == tally.before.total() == tally.after.total() == len(pairs)
    blocks = [counts["block"] + counts["undecided"] for counts in (tally.before, tally.after)]
    assert blocks[1] - blocks[0] == tally.kinds["newly_blocked"] - tally.kinds["newly_allowed"]


def asked_by(subject: str, *groups: Any, tenant: str = "acme") -> dict[str, Any]:
    return {"subject": {"id": subject, "tenant": tenant, "groups": list(groups)}}


def test_a_subject_of_several_groups_counts_in_each_and_once_in_the_whole() -> None:
    tally = Tally()
    tally.add("in:1", asked_by("ann", "hr", "all"), ALLOW, blocked("a.one"))
    tally.add("in:2", asked_by("ann", "hr", "hr"), ALLOW, blocked("a.one"))
    tally.add("in:3", asked_by("ann", "hr", tenant="other"), ALLOW, blocked("a.one"))
    assert tally.kinds["newly_blocked"] == 3
    rows = {group: (row.inputs, len(row.subjects), row.first) for (_, _, group), row in tally.rows.items()}
    assert rows == {"hr": (3, 2, "in:1"), "all": (1, 1, "in:1")}


@pytest.mark.parametrize(
    "document", [{}, {"subject": 7}, {"subject": {}}, {"subject": {"groups": "hr"}}, asked_by("ann", 7)]
)
def test_an_input_without_a_whole_subject_counts_under_no_group(document: dict[str, Any]) -> None:
    tally = Tally()
    tally.add("in:1", document, ALLOW, None)
    assert [group for _, _, group in tally.rows] == [NO_GROUP]


def test_rows_come_by_kind_and_then_by_how_many_they_touch() -> None:
    tally = Tally()
    tally.add("in:1", asked_by("a", "g"), ALLOW, said(("a.one", Action.REDACT)))
    tally.add("in:2", asked_by("a", "g"), blocked("a.one"), ALLOW)
    tally.add("in:3", asked_by("a", "few"), ALLOW, blocked("a.one"))
    tally.add("in:4", asked_by("a", "many"), ALLOW, blocked("a.one"))
    tally.add("in:5", asked_by("b", "many"), ALLOW, blocked("a.one"))
    assert [key for key, _ in tally.ordered()] == [
        ("newly_blocked", "a.one", "many"),
        ("newly_blocked", "a.one", "few"),
        ("newly_allowed", "a.one", "g"),
        ("changed", "a.one", "g"),
    ]
