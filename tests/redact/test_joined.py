"""What stands across several texts is found in each of them, however a text was taken apart."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.redact.joined import LEAST_REACH, WINDOW_CHARS, Neighbour, windows
from proxy.redact.redactor import redact
from proxy.redact.restore import restore_text
from proxy.redact.spans import Span, merge
from tests.redact.texts import PLAN, TEXTS, cut_texts, found_in, vault

MAIL = "jane@example.com"
FAR = "plain words " * 60


def parts(*texts: str, glued: bool = True) -> list[Neighbour]:
    return [Neighbour(number, text, glued) for number, text in enumerate(texts)]


def shares(*texts: str, glued: bool = True) -> list[list[tuple[int, str]]]:
    """What crosses a seam, as the words that each text has of it."""
    found = [
        shared
        for window in windows(parts(*texts, glued=glued))
        for shared in window.across(found_in(window.text))
    ]
    return [[(number, texts[number][span.start : span.end]) for number, span in one] for one in found]


def spans_of(texts: list[str]) -> list[tuple[Span, ...]]:
    """All that is found in each text, by itself and across."""
    found = [found_in(text) for text in texts]
    for window in windows(parts(*texts)):
        for one in window.across(found_in(window.text)):
            for number, span in one:
                found[number].append(span)
    return [merge(spans) for spans in found]


def test_an_address_over_two_parts_is_found_in_both() -> None:
    assert shares("write to jane@exam", "ple.com now") == [[(0, "jane@exam"), (1, "ple.com")]]


def test_an_address_over_many_parts_is_found_in_each_that_has_a_letter_of_it() -> None:
    assert shares("to ja", "ne", "", "@", "example", ".com.") == [
        [(0, "ja"), (1, "ne"), (4, "example"), (5, ".com")]
    ]


def test_parts_are_read_with_a_space_between_them_too() -> None:
    assert shares("ask Jane", "Doe") == [[(0, "Jane"), (1, "Doe")]]
    assert shares("4111 1111", "1111 1111") == [[(0, "4111 1111"), (1, "1111 1111")]]


def test_messages_are_read_with_a_space_and_never_glued() -> None:
    assert shares("ask Jane", "Doe", glued=False) == [[(0, "Jane"), (1, "Doe")]]
    assert shares("to jane@exam", "ple.com", glued=False) == []


def test_only_parts_of_one_message_are_glued_to_each_other() -> None:
    texts = ("write", "her at jane@exam", "ple.com")
    found = windows(Neighbour(number, text, number == 1) for number, text in enumerate(texts))
    assert [window.text for window in found] == [
        "writeher at jane@exam ple.com",
        "write her at jane@exam ple.com",
    ]


def test_behind_a_long_text_the_place_is_that_in_the_text() -> None:
    assert shares(f"{FAR}jane@exam", f"ple.com {FAR}jane@exam", f"ple.com {FAR}") == [
        [(0, "jane@exam"), (1, "ple.com")],
        [(1, "jane@exam"), (2, "ple.com")],
    ]


def test_windows_over_many_short_texts_leave_no_seam_out() -> None:
    whole = f"{MAIL} " * 300
    check_parts(whole, list(whole))


def test_parts_with_white_space_between_them_are_read_once() -> None:
    assert len(windows(parts("ask Jane ", "Doe"))) == 1
    assert len(windows(parts("ask Jane", "\nDoe"))) == 1
    assert len(windows(parts("ask Jane", "Doe"))) == 2


def test_what_stands_in_one_text_alone_is_not_found_again() -> None:
    assert shares(f"{MAIL} is hers", f"and {MAIL} too") == []


@pytest.mark.parametrize("texts", [(), ("",), (MAIL,), (FAR,), ("", FAR, "")])
def test_one_text_has_no_seam(texts: tuple[str, ...]) -> None:
    assert windows(parts(*texts)) == []


def test_only_what_stands_around_a_seam_is_looked_at() -> None:
    found = windows(parts(FAR, FAR, FAR))
    assert len(found) == 2
    assert all(2 * LEAST_REACH <= len(window.text) < 3 * LEAST_REACH for window in found)


def test_the_windows_of_a_conversation_stay_when_it_goes_on() -> None:
    before = [window.text for window in windows(parts(FAR, FAR + "a", FAR + "b"))]
    after = [window.text for window in windows(parts(FAR, FAR + "a", FAR + "b", FAR + "c"))]
    assert after[: len(before)] == before


def test_many_short_texts_are_looked_at_in_windows_of_bounded_length() -> None:
    letters = list(f"{FAR * 8}{MAIL} {FAR * 8}")
    found = windows(parts(*letters))
    assert max(len(window.text) for window in found if " " not in window.text[-3:-1]) <= 2 * WINDOW_CHARS
    assert sum(len(window.text) for window in found) < 5 * len(letters)


@given(cut_texts())
@example(("jane@a.bejane@a.bejane@a.be", ["jane", "@a.bejane@a.bejane@a.be"]))
def test_what_is_found_in_the_whole_is_found_in_its_parts(cut: tuple[str, list[str]]) -> None:
    check_parts(*cut)


def check_parts(whole: str, texts: list[str]) -> None:
    hidden = hidden_places(texts)
    for span in found_in(whole):
        for place in range(span.start, span.end):
            assert place in hidden or not whole[place].isalnum()


@given(cut_texts(TEXTS.map(lambda text: f"{FAR}{text} {FAR}")))
def test_long_texts_hide_nothing_at_their_seams(cut: tuple[str, list[str]]) -> None:
    check_parts(*cut)


@given(TEXTS, st.integers(1, 3))
def test_a_text_in_single_letters_hides_nothing(text: str, size: int) -> None:
    whole = text * 3
    texts = [whole[at : at + size] for at in range(0, len(whole), size)]
    check_parts(whole, texts)


def hidden_places(texts: list[str]) -> set[int]:
    hidden: set[int] = set()
    begins = 0
    for text, spans in zip(texts, spans_of(texts), strict=True):
        for span in spans:
            hidden.update(range(begins + span.start, begins + span.end))
        begins += len(text)
    return hidden


@given(cut_texts())
def test_every_part_is_restored_as_it_was(cut: tuple[str, list[str]]) -> None:
    _, texts = cut
    kept = vault()
    clean = [redact(text, spans, kept, PLAN) for text, spans in zip(texts, spans_of(texts), strict=True)]
    assert [restore_text(kept, text) for text in clean] == texts


@given(cut_texts())
def test_nothing_is_found_twice_in_a_text(cut: tuple[str, list[str]]) -> None:
    _, texts = cut
    for spans in spans_of(texts):
        assert all(left.end <= right.start for left, right in pairwise(spans))
