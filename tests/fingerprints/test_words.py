"""The same word gives the same number, however it is written down."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.fingerprints import words
from proxy.fingerprints.words import KeyedWords, places

KEY = b"k" * 32


def numbers(text: str, key: bytes = KEY) -> list[int]:
    return KeyedWords(key).numbers(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Board agreed", "the board AGREED"),
        ("agreed: to sell", "agreed\n\t(to) *sell*"),
        ("snake_case here", "snake case here"),
        ("café résumé", "cafe\u0301 re\u0301sume\u0301"),
        ("café", "cafe"),
        ("the ﬁrst ofﬁce", "the first office"),
        ("ｆｕｌｌ width", "full width"),
        ("sell the depot", "se\u200bll th\u00ade de\u2060pot"),
        ("sell the depot", "sеll thе dеpоt"),  # Cyrillic letters in it
        ("Straße", "STRASSE"),
    ],
)
def test_how_a_word_is_written_down_counts_for_nothing(one: str, other: str) -> None:
    assert numbers(one) == numbers(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("sell the depot", "sell a depot"), ("depot 17", "depot 71"), ("a b", "b a"), ("ab", "a b")],
)
def test_other_words_and_another_order_are_other_numbers(one: str, other: str) -> None:
    assert numbers(one) != numbers(other)


def test_what_is_written_without_spaces_has_a_word_a_letter() -> None:
    assert len(numbers("北方工厂的季度预测")) == 9
    assert numbers("北方")[0] == numbers("北")[0]


def test_another_key_gives_other_numbers() -> None:
    assert set(numbers("sell the depot")).isdisjoint(numbers("sell the depot", b"j" * 32))


@given(st.text(st.sampled_from("aB9 _-\n\r\x1c\x85\u2028é\u0301\u200b北.")))
def test_each_number_has_its_place_and_places_ascend(text: str) -> None:
    found = list(places(text))
    assert len(found) == len(numbers(text))
    assert all(start < end for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


@given(st.text())
def test_composed_and_decomposed_letters_are_the_same(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert numbers(composed) == numbers(unicodedata.normalize("NFD", composed)) or "\u3164" in text


@given(st.lists(st.text(max_size=8), max_size=8))
def test_what_was_read_before_changes_nothing(texts: list[str]) -> None:
    reader = KeyedWords(KEY)
    assert [reader.numbers(text) for text in texts] == [numbers(text) for text in texts]


def test_a_caller_who_invents_words_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_KEPT_WORDS", 100)
    reader = KeyedWords(KEY)
    first = reader.numbers("sell the depot")
    reader.numbers(" ".join(f"word{number}" for number in range(1000)) + " " + "x" * 10_000)
    assert len(reader._numbers) <= 100
    assert all(len(word) <= 64 for word in reader._numbers)
    assert reader.numbers("sell the depot") == first
