"""The guard where every planned kind begins in a word that tells: other words leave at once, unasked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.exchange import CleanText
from proxy.redact.guard import Ask, Emit, Guard, conceal
from proxy.redact.restore import restore_text
from proxy.redact.spans import Span
from proxy.redact.vault import PSEUDONYM
from tests.redact.test_guard import ANSWERS, Play, guard
from tests.redact.texts import CARD, ISSUED, MAIL, PERSON, cut_texts, found_in, vault

MARKED = frozenset({"EMAIL_ADDRESS", "CREDIT_CARD"})
PLAN = (MAIL, CARD)


def marked(window_chars: int = 160) -> Guard:
    return guard(plan=PLAN, marked=MARKED, window_chars=window_chars)


@given(cut_texts(ANSWERS), st.integers(0, 5))
def test_however_the_answer_is_cut_the_same_leaves_and_the_same_is_asked(
    cut: tuple[str, list[str]], late: int
) -> None:
    text, pieces = cut
    whole, cut_up = Play(marked()), Play(marked(), late)
    assert cut_up.run(pieces) == whole.run([text])
    assert cut_up.asks == whole.asks


@given(cut_texts(), st.integers(0, 5))
def test_however_hostile_text_is_cut_the_same_leaves(cut: tuple[str, list[str]], late: int) -> None:
    text, pieces = cut
    assert Play(marked(), late).run(pieces) == Play(marked()).run([text])


@given(ANSWERS)
def test_the_guarded_answer_is_the_answer_with_its_findings_replaced(text: str) -> None:
    issued, leaks = vault(), vault("leaks")
    issued.issue("EMAIL_ADDRESS", "jane@example.com")
    wanted = conceal(text, found_in(text), plan=PLAN, leaks=leaks, issued=issued)
    assert Play(marked()).run([text]) == wanted


@given(cut_texts(ANSWERS), st.sampled_from([128, 160, 600]))
def test_no_character_of_a_finding_leaves(cut: tuple[str, list[str]], window_chars: int) -> None:
    out = Play(marked(window_chars)).run(cut[1])
    assert {one.kind for one in found_in(PSEUDONYM.sub("|", out))} <= {"PERSON"}


@given(cut_texts(ANSWERS))
def test_nothing_but_findings_is_changed(cut: tuple[str, list[str]]) -> None:
    play = Play(marked())
    assert restore_text(play.guard._leaks, play.run(cut[1])) == cut[0]


def test_quiet_words_leave_as_they_come_and_nobody_is_asked() -> None:
    guarded = marked()
    assert guarded.feed("Some plain wor") == [Emit(CleanText("Some plain "))]
    assert guarded.feed("ds") == []
    assert guarded.feed(" and") == [Emit(CleanText("words "))]
    assert guarded.finish() == [Emit(CleanText("and"))]


def test_a_word_that_tells_opens_a_window_and_words_after_the_window_leave_again() -> None:
    guarded = marked()
    [quiet, ask] = guarded.feed("The card is 4111 1111 1111 1111. That is all of it. And so")
    assert quiet == Emit(CleanText("The card is "))
    assert ask == Ask("4111 1111 1111 1111. That is all of it. ", "The card is ")
    steps = guarded.settle(ask.within(found_in(ask.text)))
    assert [PSEUDONYM.sub("|", step.text) for step in steps] == ["|. That is all of it. ", "And "]


@pytest.mark.parametrize(
    "word",
    [
        "jane@example.com", "4111", "example.com", "DE", "deadBeef", "a" * 21, "jane%40example", "x=40",
        "&commat;", "[at]", "(at)", "dot)", "\\u0040", "\uff14\uff11", "j\u0430ne", "a\u200bb", "\u2460", "1",
        "+", "<a>", "a_b", "a/b", "\u3002", ISSUED,
    ],
)  # fmt: skip
def test_what_a_finding_or_a_disguise_could_begin_with_is_never_quiet(word: str) -> None:
    assert not [step for step in marked().feed(f"{word} ") if isinstance(step, Emit)]


def test_a_finding_that_was_carried_over_is_not_quiet_at_its_start() -> None:
    """Whatever a recogniser says of it: a word that was found is not let go because it looks harmless."""
    guarded = marked()
    [ask] = guarded.feed("#1 done, he said. ")
    assert isinstance(ask, Ask)
    [left] = guarded.settle([Span(9, 17, "EMAIL_ADDRESS", 1.0)])
    assert left == Emit(CleanText("#1 done, "))
    assert all(isinstance(step, Ask) for step in guarded.feed("and more of it follows here. "))


def test_the_rest_of_a_word_that_a_bound_has_cut_is_not_quiet() -> None:
    guarded = marked(window_chars=16)
    [ask] = guarded.feed("1-" + "a" * 16)
    assert isinstance(ask, Ask)
    steps = guarded.settle([])
    assert not any(re.search("a ", step.text) for step in steps if isinstance(step, Emit))
    assert all(isinstance(step, Ask) for step in guarded.feed("a example "))


def test_with_any_other_kind_in_the_plan_or_a_judge_every_word_is_asked_about() -> None:
    assert guard(plan=(MAIL, PERSON), marked=MARKED).feed("plain words ") == []
    assert guard(plan=PLAN, marked=MARKED, always_ask=True).feed("plain words ") == []
    assert guard(plan=(), marked=MARKED, always_ask=True).feed("plain words ") == []
