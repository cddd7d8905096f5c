"""What a guard does with text that has waited for too long: a clock stands outside of it."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.guard import Ask, Emit
from proxy.redact.restore import restore_text
from proxy.redact.spans import Span
from proxy.redact.vault import PSEUDONYM
from tests.redact.test_guard import ANSWERS, Play, guard
from tests.redact.texts import ISSUED, cut_texts, found_in


def late_words(text: str) -> tuple[str, str]:
    """What leaves of a text that waits, and what stays."""
    play = Play(guard())
    play.see(play.guard.feed(text))
    play.see(play.guard.overdue())
    play.answer()
    return play.out, play.guard.held


def test_what_waits_for_long_leaves_up_to_its_last_plain_word() -> None:
    assert late_words("So Anna said that Jane") == ("So Anna said that ", "Jane")


def test_what_could_still_become_part_of_a_finding_stays_however_long_it_waits() -> None:
    assert late_words("4111 1111 1111") == ("", "4111 1111 1111")
    assert late_words("so Jane D") == ("so ", "Jane D")
    assert late_words("ask jane@exam") == ("ask ", "jane@exam")


def test_a_finding_that_the_last_plain_word_stands_in_stays_whole() -> None:
    guarded = guard()
    guarded.feed("It is Jane of the Doe")
    [ask] = guarded.overdue()
    assert isinstance(ask, Ask)
    assert guarded.settle([Span(6, 21, "PERSON", 1.0)])[0].text == "It is "
    assert guarded.held == "Jane of the Doe"


def test_a_pseudonym_of_the_caller_is_not_cut_in_two() -> None:
    out, held = late_words(f"see {ISSUED[:-3]}")
    assert out == "see "
    assert held == ISSUED[:-3]


def test_nothing_held_or_asked_about_already_is_not_overdue() -> None:
    assert guard().overdue() == []
    asking = guard()
    asking.feed("This is done. ")
    assert asking.overdue() == []
    passing = guard(plan=())
    passing.feed("Jane")
    assert passing.overdue() == []


@given(cut_texts(ANSWERS), st.sets(st.integers(0, 40)))
def test_whenever_text_is_overdue_nothing_of_a_finding_leaves(
    cut: tuple[str, list[str]], late: set[int]
) -> None:
    text, pieces = cut
    play = Play(guard())
    for number, piece in enumerate(pieces):
        play.see(play.guard.feed(piece))
        play.answer()
        if number in late:
            play.see(play.guard.overdue())
            play.answer()
    play.see(play.guard.finish())
    play.answer()
    assert found_in(PSEUDONYM.sub("|", play.out)) == []
    assert restore_text(play.guard._leaks, play.out) == text


def test_an_overdue_question_is_settled_like_any_other() -> None:
    guarded = guard()
    guarded.feed("So Anna said that Jane")
    guarded.overdue()
    assert guarded.waiting
    assert guarded.settle([]) == [Emit("So Anna said that ")]  # type: ignore[arg-type]
    assert guarded.feed(" Doe is here. ") != []
