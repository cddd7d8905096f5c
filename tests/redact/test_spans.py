from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.spans import Span, merge, planned
from proxy.verdict import KindPlan

SPANS = st.lists(
    st.builds(
        Span,
        start=st.integers(0, 30),
        end=st.integers(0, 30),
        kind=st.sampled_from(["PERSON", "URL", "EMAIL_ADDRESS"]),
        score=st.sampled_from([0.0, 0.4, 0.85, 1.0]),
    ),
    max_size=12,
)


def characters(spans: list[Span] | tuple[Span, ...]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end)}


@given(SPANS)
def test_every_character_of_every_span_is_covered_and_no_other(spans: list[Span]) -> None:
    assert characters(merge(spans)) == characters(spans)


@given(SPANS)
def test_merged_spans_ascend_and_do_not_overlap(spans: list[Span]) -> None:
    merged = merge(spans)
    assert all(left.end <= right.start for left, right in pairwise(merged))
    assert all(span.start < span.end for span in merged)


@given(SPANS, st.randoms())
def test_the_order_of_the_spans_means_nothing(spans: list[Span], random: object) -> None:
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == merge(spans)


@given(SPANS)
def test_merging_twice_changes_nothing(spans: list[Span]) -> None:
    assert merge(merge(spans)) == merge(spans)


def test_the_higher_score_names_the_union() -> None:
    merged = merge([Span(0, 6, "URL", 0.5), Span(4, 9, "EMAIL_ADDRESS", 1.0)])
    assert merged == (Span(0, 9, "EMAIL_ADDRESS", 1.0),)


def test_at_equal_scores_the_longer_names_the_union() -> None:
    assert merge([Span(0, 3, "A", 0.5), Span(2, 9, "B", 0.5)]) == (Span(0, 9, "B", 0.5),)


def test_at_equal_scores_and_lengths_the_plans_order_decides() -> None:
    spans = [Span(0, 3, "A", 0.5), Span(0, 3, "B", 0.5)]
    assert merge(spans, ["B", "A"]) == (Span(0, 3, "B", 0.5),)
    assert merge(spans) == (Span(0, 3, "A", 0.5),)


def test_spans_that_only_touch_stay_two() -> None:
    spans = (Span(0, 3, "A", 0.5), Span(3, 5, "B", 0.9))
    assert merge(spans) == spans


def test_a_long_span_holds_together_what_lies_in_it() -> None:
    spans = [Span(0, 10, "A", 0.5), Span(1, 2, "B", 0.9), Span(8, 12, "C", 0.1)]
    assert merge(spans) == (Span(0, 12, "B", 0.9),)


def test_only_planned_kinds_of_their_score_are_findings() -> None:
    spans = [Span(0, 1, "A", 0.5), Span(1, 2, "A", 0.4), Span(2, 3, "B", 1.0)]
    assert planned(spans, [KindPlan("A", 0.5)]) == [Span(0, 1, "A", 0.5)]
