"""Copied passages are found wherever they stand; texts of one's own are not taken for copies."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.fingerprints.copies import GAP, LEAST_WORDS, MARGIN, Copied, CopyFinder, surely_found
from proxy.fingerprints.index import Index, IndexBuilder
from proxy.fingerprints.winnowing import GRAM
from tests.fingerprints.texts import MEMO, prose, words

KEY = b"k" * 32
MIN_WORDS = 15
SURE = surely_found(MIN_WORDS)
DOCUMENTS = {"memo": MEMO, **{f"report-{seed}": prose(600, seed) for seed in range(5)}}


def index_of(documents: dict[str, str]) -> Index:
    builder = IndexBuilder(KEY)
    for name, text in documents.items():
        builder.add(name, text)
    return Index(builder.built(), KEY)


INDEX = index_of(DOCUMENTS)
FINDER = CopyFinder(INDEX, MIN_WORDS)


def ids(text: str) -> set[str]:
    return {one.id for one in FINDER.find(text)}


@given(
    st.integers(0, 4),
    st.integers(0, 600 - SURE),
    st.integers(SURE, 80),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(100, 10_000),
)
def test_a_passage_that_is_long_enough_is_found_wherever_it_stands(
    document: int, first: int, length: int, before: int, after: int, seed: int
) -> None:
    passage = words(600, document)[first : first + length]
    text = " ".join([*words(before, seed), *passage, *words(after, seed + 1)])
    assert f"report-{document}" in ids(text)


@given(st.integers(0, 4), st.integers(0, 540), st.integers(0, 40), st.integers(0, 40))
def test_what_is_found_covers_the_passage_and_little_more(
    document: int, first: int, before: int, after: int
) -> None:
    passage = " ".join(words(600, document)[first : first + 60])
    head, tail = prose(before, 77), prose(after, 78)
    text = f"{head} {passage} {tail}".strip()
    [found] = [one for one in FINDER.find(text) if one.id == f"report-{document}"]
    assert passage in text[found.start : found.end]
    by_chance = GRAM  # words beside it that are those of the document as well
    assert len(text[found.start : found.end].split()) <= 60 + 2 * MARGIN + by_chance


def test_a_blank_line_parts_a_passage_from_what_is_one_s_own() -> None:
    [found] = FINDER.find(f"Please sum this up.\n\n{MEMO}\n \nBe short.")
    assert f"Please sum this up.\n\n{MEMO}\n \nBe short."[found.start : found.end] == MEMO


def test_two_passages_far_apart_are_two_and_close_together_one() -> None:
    half, rest = " ".join(MEMO.split()[:35]), " ".join(MEMO.split()[35:])
    assert len(FINDER.find(f"{half} {prose(GAP * 3, 9)} {rest}")) == 2
    assert len(FINDER.find(f"{half} {prose(GAP // 3, 9)} {rest}")) == 1


def test_a_passage_of_two_documents_is_told_of_both() -> None:
    finder = CopyFinder(index_of({"first": MEMO, "second": f"{prose(50, 1)} {MEMO}"}), MIN_WORDS)
    assert {one.id for one in finder.find(MEMO)} == {"first", "second"}


@pytest.mark.parametrize("seed", range(8))
def test_one_word_in_ten_replaced_is_still_a_copy(seed: int) -> None:
    dice = random.Random(seed)
    edited = [dice.choice(["so", "thus", "rather"]) if dice.random() < 0.1 else one for one in MEMO.split()]
    assert ids(" ".join(edited)) == {"memo"}


def test_sentences_in_another_order_are_still_a_copy() -> None:
    assert ids(". ".join(reversed(MEMO.split(". ")))) == {"memo"}


def test_texts_of_one_s_own_are_no_copies() -> None:
    assert ids(prose(20_000, 99)) == set()
    assert ids(__doc__ * 50) == set()


def test_less_than_the_words_that_are_wanted_is_no_copy() -> None:
    assert ids(" ".join(MEMO.split()[: MIN_WORDS - 1])) == set()
    assert ids(" ".join(MEMO.split()[:GRAM])) == set()
    assert CopyFinder(INDEX, 1_000).find(MEMO) == ()


def test_runs_of_words_that_meet_by_chance_are_no_copy_unless_they_lie_close_together() -> None:
    borrowed = [" ".join(MEMO.split()[at : at + GRAM]) for at in range(0, 60, 6)]
    apart = f" {prose(GAP + 10, 5)} ".join(borrowed)
    assert ids(apart) == set()


def test_a_text_without_words_holds_no_copy() -> None:
    for text in ("", " \n", "...", "one"):
        assert FINDER.find(text) == ()


def test_a_copy_tells_how_many_words_are_certain() -> None:
    [found] = FINDER.find(MEMO)
    assert isinstance(found, Copied)
    assert LEAST_WORDS < len(MEMO.split()) - 2 * GRAM - 2 <= found.words <= len(MEMO.split())
