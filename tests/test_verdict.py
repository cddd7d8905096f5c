from hypothesis import given
from hypothesis import strategies as st

from proxy.verdict import NO_OBLIGATIONS, KindPlan, Obligations, SoftAsk, Withhold

NAMES = st.sampled_from(["a", "b", "c"])
PLANS = st.lists(st.builds(KindPlan, NAMES, st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), max_size=4)

DEMANDS = st.builds(
    Obligations,
    redact_prompt=PLANS.map(tuple),
    redact_answer=PLANS.map(tuple),
    withhold=st.lists(st.builds(Withhold, NAMES, st.booleans()), max_size=4).map(tuple),
    strip_tools=st.lists(NAMES, max_size=4).map(tuple),
    soft=st.lists(st.builds(SoftAsk, NAMES, NAMES, st.sampled_from([0.1, 0.8])), max_size=4).map(tuple),
    max_tokens=st.none() | st.integers(1, 9),
    no_mirror=st.booleans(),
)


@given(DEMANDS)
def test_nothing_new_gives_the_very_same_obligations(one: Obligations) -> None:
    assert one.join(NO_OBLIGATIONS) is one
    assert NO_OBLIGATIONS.join(one) is one
    assert one.join(one) is one
    assert one.join(Obligations()) == one


@given(DEMANDS, DEMANDS)
def test_of_two_demands_it_does_not_matter_which_came_first(one: Obligations, other: Obligations) -> None:
    assert one.join(other) == other.join(one)


@given(DEMANDS, DEMANDS, DEMANDS)
def test_it_does_not_matter_which_two_are_joined_first(
    one: Obligations, other: Obligations, third: Obligations
) -> None:
    assert one.join(other).join(third) == one.join(other.join(third))


@given(DEMANDS, DEMANDS)
def test_joined_obligations_are_never_weaker_than_either(one: Obligations, other: Obligations) -> None:
    joined = one.join(other)
    assert joined.join(one) == joined
    kinds = {plan.kind: plan for plan in joined.redact_prompt}
    for plan in one.redact_prompt:
        assert kinds[plan.kind].score <= plan.score
        assert kinds[plan.kind].restore <= plan.restore
    notices = {item.document: item.notice for item in joined.withhold}
    assert all(notices[item.document] <= item.notice for item in one.withhold)
    assert set(one.strip_tools) <= set(joined.strip_tools)
    assert set(one.soft) <= set(joined.soft)
    assert one.max_tokens is None or (joined.max_tokens is not None and joined.max_tokens <= one.max_tokens)
    assert joined.no_mirror >= one.no_mirror


def test_equal_demands_are_equal_however_they_were_spelled() -> None:
    spelled = Obligations(
        redact_prompt=(KindPlan("b", 0.5), KindPlan("a", 0.9), KindPlan("b", 0.2, restore=False)),
        withhold=(Withhold("d"), Withhold("d", notice=False)),
        strip_tools=("t", "s", "t"),
    )
    assert spelled == Obligations(
        redact_prompt=(KindPlan("a", 0.9), KindPlan("b", 0.2, restore=False)),
        withhold=(Withhold("d", notice=False),),
        strip_tools=("s", "t"),
    )
