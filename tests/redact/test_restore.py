import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.redactor import redact
from proxy.redact.restore import RestoringWindow, restore_text
from proxy.redact.vault import Vault
from tests.redact.texts import ISSUED, PLAN, TEXTS, cut_texts, found_in, vault


def issued(*originals: str) -> Vault:
    names = vault()
    for original in originals or ("jane@example.com",):
        names.issue("EMAIL_ADDRESS", original)
    return names


def streamed(names: Vault, pieces: list[str], *, json_escaped: bool = False) -> str:
    window = RestoringWindow(names, json_escaped=json_escaped)
    return "".join([*map(window.feed, pieces), window.finish()])


@given(cut_texts())
def test_however_the_stream_is_cut_the_same_comes_out(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    names = issued()
    assert streamed(names, pieces) == text.replace(ISSUED, "jane@example.com")


@given(TEXTS)
def test_originals_go_into_json_strings_as_json(text: str) -> None:
    names = vault()
    inside = json.dumps(redact(text, found_in(text), names, PLAN))[1:-1]
    assert json.loads(f'"{streamed(names, list(inside), json_escaped=True)}"') == text


def test_quotes_backslashes_and_line_ends_are_escaped_on_the_way() -> None:
    original = 'a"b\\c\n\t\u2028😀@example.com'
    names = issued(original)
    [pseudonym] = names
    assert json.loads(f'"to {restore_text(names, pseudonym, json_escaped=True)}"') == f"to {original}"


@pytest.mark.parametrize("end", range(1, len(ISSUED)))
def test_a_beginning_of_an_issued_pseudonym_is_held_back(end: int) -> None:
    window = RestoringWindow(issued())
    assert window.feed("to " + ISSUED[:end]) == "to "
    assert window.feed(ISSUED[end:] + "!") == "jane@example.com!"


@pytest.mark.parametrize(
    "tail",
    ["[EMAIL_ADDRESS_f", "[P", "[ ", "[EMAIL_ADDRESSES", "[b]", "a[b", "[EMAIL_ADDRESS_0123456789abcdef"],
)
def test_what_cannot_become_an_issued_pseudonym_is_not_held_back(tail: str) -> None:
    assert not ISSUED.startswith(tail)
    assert RestoringWindow(issued()).feed(f"to {tail}") == f"to {tail}"


def test_nothing_is_held_back_when_nothing_can_be_given_back() -> None:
    one_way = vault()
    one_way.issue("EMAIL_ADDRESS", "jane@example.com", restore=False)
    for names in (vault(), one_way):
        assert RestoringWindow(names).feed("to [EMAIL_ADDRESS_") == "to [EMAIL_ADDRESS_"
        assert restore_text(names, ISSUED) == ISSUED


def test_a_held_beginning_comes_out_at_the_end() -> None:
    window = RestoringWindow(issued())
    assert window.feed(ISSUED[:-1]) == ""
    assert window.finish() == ISSUED[:-1]
    assert window.finish() == ""


def test_pseudonyms_of_another_vault_stay_as_they_are() -> None:
    foreign = vault("elsewhere").issue("EMAIL_ADDRESS", "eve@example.com")
    assert restore_text(issued(), f"{foreign}{ISSUED}") == f"{foreign}jane@example.com"


def test_restored_words_are_not_looked_at_again() -> None:
    names = vault()
    literal = names.issue("LITERAL", ISSUED)
    names.issue("EMAIL_ADDRESS", "jane@example.com")
    assert restore_text(names, literal) == ISSUED


@given(st.lists(st.sampled_from(["[", "[[", ISSUED, ISSUED[:5]])))
def test_a_false_start_does_not_hide_a_pseudonym(parts: list[str]) -> None:
    text = "".join(parts)
    assert streamed(issued(), list(text)) == text.replace(ISSUED, "jane@example.com")


def test_a_character_costs_microseconds() -> None:
    window = RestoringWindow(issued(*(f"u{number}@example.com" for number in range(1000))))
    text = "some [ plain text of a model " * 300
    started = time.perf_counter()
    for character in text:
        window.feed(character)
    assert (time.perf_counter() - started) / len(text) < 20e-6
