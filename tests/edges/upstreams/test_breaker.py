"""A server that fails again and again is left alone for a growing, bounded time, and found by one try."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.upstreams.breaker import FIRST_S, LONGEST_S, TRIP_AFTER, Breaker


def tripped(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(TRIP_AFTER):
        assert breaker.enter(now)
        breaker.failed(now)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(TRIP_AFTER - 1):
            assert breaker.enter(0.0)
            breaker.failed(0.0)
        assert breaker.enter(0.0)
        breaker.succeeded()
    assert breaker.admits(0.0)
    assert not tripped().admits(0.0)


def test_after_its_time_one_may_try_and_the_others_wait_for_what_comes_of_it() -> None:
    breaker = tripped()
    assert not breaker.enter(FIRST_S - 0.01)
    assert breaker.enter(FIRST_S)
    assert not breaker.enter(FIRST_S)
    assert not breaker.admits(FIRST_S + 100)
    breaker.succeeded()
    assert breaker.enter(FIRST_S)
    assert breaker.enter(FIRST_S)


def test_a_try_that_was_given_up_makes_place_for_the_next() -> None:
    breaker = tripped()
    assert breaker.enter(FIRST_S)
    breaker.left()
    assert breaker.enter(FIRST_S)


def test_each_failed_try_doubles_its_time_up_to_the_longest() -> None:
    breaker, now = tripped(), 0.0
    for wanted in [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S, 16 * FIRST_S, *[LONGEST_S] * 50]:
        assert not breaker.admits(now + wanted - 0.01)
        now += wanted
        assert breaker.enter(now)
        breaker.failed(now)
    breaker.succeeded()
    for _ in range(TRIP_AFTER):
        breaker.failed(now)
    assert breaker.admits(now + FIRST_S), "a success forgets the doubling"


def test_late_failures_of_requests_from_before_do_not_make_it_longer() -> None:
    breaker = tripped()
    for _ in range(100):
        breaker.failed(0.5)
    assert breaker.enter(FIRST_S)


def test_a_good_probe_lets_one_try_at_once_and_does_not_close_it() -> None:
    breaker = tripped()
    breaker.hint()
    assert breaker.enter(0.1)
    assert not breaker.enter(0.1)
    breaker.failed(0.1)
    assert not breaker.admits(0.1 + 2 * FIRST_S - 0.01), "its time has doubled"


@given(st.lists(st.sampled_from(["ok", "fail", "left", "hint"]), max_size=60), st.floats(0, 5))
def test_whatever_happens_it_admits_somebody_within_the_longest_time(story: list[str], step: float) -> None:
    breaker, now = Breaker(), 0.0
    for what in story:
        now += step
        if what == "hint":
            breaker.hint()
        elif breaker.enter(now):
            breaker.failed(
                now
            ) if what == "fail" else breaker.left() if what == "left" else breaker.succeeded()
    assert breaker.admits(now + LONGEST_S)
