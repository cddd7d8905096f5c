"""The best first, and equals in turn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.upstreams.balance import Rank, best_first

RANKS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=8)


@given(RANKS, st.integers(0, 10_000))
def test_everyone_is_in_the_order_once_and_nobody_stands_before_a_better_one(
    ranks: list[Rank], turn: int
) -> None:
    order = best_first(range(len(ranks)), ranks, turn)
    assert sorted(order) == list(range(len(ranks)))
    assert [ranks[index] for index in order] == sorted(ranks)


@given(st.integers(1, 8), st.integers(0, 100), st.integers(1, 50))
def test_equals_come_first_equally_often(count: int, start: int, rounds: int) -> None:
    ranks: list[Rank] = [(False, 0)] * count
    firsts = Counter(best_first(range(count), ranks, start + step)[0] for step in range(count * rounds))
    assert set(firsts.values()) == {rounds}


@given(st.integers(2, 6), st.lists(st.integers(1, 5), min_size=1, max_size=120))
def test_the_busiest_is_never_more_than_one_request_ahead(count: int, durations: list[int]) -> None:
    """Each request goes to the first of the order and lasts so many steps."""
    busy = [0] * count
    ends: list[tuple[int, int]] = []
    for now, lasts in enumerate(durations):
        for end in [one for one in ends if one[0] <= now]:
            ends.remove(end)
            busy[end[1]] -= 1
        chosen = best_first(range(count), [(False, one) for one in busy], now)[0]
        assert busy[chosen] == min(busy)
        busy[chosen] += 1
        ends.append((now + lasts, chosen))


def test_one_that_is_out_of_order_comes_last_however_idle_it_is() -> None:
    assert best_first("abc", [(True, 0), (False, 9), (False, 3)], 0) == ["c", "b", "a"]
