"""What two texts share, both choose; what they do not, neither tells."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.fingerprints.winnowing import GRAM, REACH, SAMPLE, WINDOW, Winnower, _least
from tests.fingerprints.texts import prose, words

KEY = b"k" * 32
SUM_OF_THE_SAMPLE = 10880101883321904763  # an index goes from machine to machine
SEVERAL_WORDS = st.lists(st.sampled_from("abcdef"), max_size=40)


def marks(text: str, key: bytes = KEY) -> set[int]:
    return {mark for _, mark in Winnower(key).mark(text).marks}


@given(st.lists(st.integers(0, 9), max_size=60))
def test_the_least_of_each_window_is_chosen_and_nothing_else(grams: list[int]) -> None:
    windows = [grams[start : start + WINDOW] for start in range(max(len(grams) - WINDOW + 1, 1))]
    assert _least(grams) == {min(window) for window in windows if window}


@given(SEVERAL_WORDS, SEVERAL_WORDS, SEVERAL_WORDS, SEVERAL_WORDS, st.integers(0, 10_000))
def test_texts_that_share_enough_words_in_a_row_share_a_fingerprint(
    before: list[str], after: list[str], other: list[str], another: list[str], seed: int
) -> None:
    shared = words(REACH, seed)
    assert marks(" ".join([*before, *shared, *after])) & marks(" ".join([*other, *shared, *another]))


def test_texts_of_other_words_share_none() -> None:
    assert not marks(prose(5_000, 1)) & marks(prose(5_000, 2))


def test_a_text_of_a_gram_has_a_fingerprint_and_a_shorter_one_has_none() -> None:
    assert len(marks(prose(GRAM, 1))) == 1
    assert not marks(prose(GRAM - 1, 1))
    assert not marks("")


def test_about_two_grams_in_a_window_and_one_more_are_chosen() -> None:
    marked = Winnower(KEY).mark(prose(20_000, 3))
    assert marked.words == 20_000
    assert 0.9 < len(marked.marks) / 20_000 * (WINDOW + 1) / 2 < 1.1


def test_another_key_gives_other_fingerprints() -> None:
    assert marks(SAMPLE).isdisjoint(marks(SAMPLE, b"j" * 32))


def test_fingerprints_are_the_same_on_every_machine() -> None:
    assert sum(marks(SAMPLE)) % 2**64 == SUM_OF_THE_SAMPLE


def test_fingerprints_and_their_places_stay_out_of_a_repr() -> None:
    assert repr(Winnower(KEY).mark(prose(20, 1))) == "Marked(words=20)"
