import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.exchange import CleanText
from proxy.redact.guard import CONTEXT_CHARS, Ask, Emit, Guard, conceal
from proxy.redact.restore import restore_text
from proxy.redact.spans import Span
from proxy.redact.vault import PSEUDONYM, Vault
from proxy.verdict import KindPlan
from tests.redact.texts import ENTITIES, ISSUED, PLAN, cut_texts, found_in, vault

# Answers as a model writes them, with entities that no window's end stands in ("Jane. Doe" is not one).
WORDS = st.sampled_from(
    [
        "jane@example.com", "4111 1111 1111 1111", "Jane Doe", "Jane", "Doe", "4111", "Dr.", "J.", ISSUED,
        "the card is", "write to", "plain words here", "done.", "well,", "first:", "Really!", "**bold.**",
        "x" * 70, "。", "7.", "[PERSON_0123456789abcdef]",
    ]
)  # fmt: skip
ANSWERS = st.lists(st.tuples(WORDS, st.sampled_from([" ", " ", " ", "\n", "\n\n"])), max_size=40).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


def guard(
    *,
    window_chars: int = 160,
    plan: tuple[KindPlan, ...] = PLAN,
    always_ask: bool = False,
    marked: frozenset[str] = frozenset(),
) -> Guard:
    issued = vault()
    issued.issue("EMAIL_ADDRESS", "jane@example.com")
    return Guard(
        plan=plan,
        leaks=vault("leaks"),
        issued=issued,
        window_chars=window_chars,
        always_ask=always_ask,
        marked=marked,
    )


class Play:
    """A guard with a recogniser that answers at once or, with `late`, only after that many more pieces."""

    def __init__(self, guarded: Guard, late: int = 0) -> None:
        self.guard = guarded
        self.late = late
        self.open: Ask | None = None
        self.wait = 0
        self.asks: list[Ask] = []
        self.out = ""

    def see(self, steps: list[Ask | Emit]) -> None:
        for step in steps:
            if isinstance(step, Emit):
                self.out += step.text
            else:
                assert self.open is None, "two questions at once"
                self.open, self.wait = step, self.late
                self.asks.append(step)

    def answer(self) -> None:
        while self.open and not self.wait:
            ask, self.open = self.open, None
            self.see(self.guard.settle(ask.within(found_in(ask.text))))

    def run(self, pieces: list[str]) -> str:
        for piece in pieces:
            self.see(self.guard.feed(piece))
            self.wait = max(0, self.wait - 1)
            self.answer()
        self.see(self.guard.finish())
        self.late = self.wait = 0
        self.answer()
        assert not self.guard.waiting
        return self.out


@given(cut_texts(ANSWERS), st.integers(0, 5))
def test_however_the_answer_is_cut_the_same_leaves(cut: tuple[str, list[str]], late: int) -> None:
    text, pieces = cut
    whole = Play(guard())
    cut_up = Play(guard(), late)
    assert cut_up.run(pieces) == whole.run([text])
    assert cut_up.asks == whole.asks


@given(cut_texts(), st.integers(0, 5))
def test_however_hostile_text_is_cut_the_same_leaves(cut: tuple[str, list[str]], late: int) -> None:
    text, pieces = cut
    assert Play(guard(), late).run(pieces) == Play(guard()).run([text])


@given(ANSWERS)
def test_the_guarded_answer_is_the_answer_with_its_findings_replaced(text: str) -> None:
    play = Play(guard())
    issued, leaks = vault(), vault("leaks")
    issued.issue("EMAIL_ADDRESS", "jane@example.com")
    assert play.run([text]) == conceal(text, found_in(text), plan=PLAN, leaks=leaks, issued=issued)


@given(cut_texts(ANSWERS), st.sampled_from([128, 160, 200, 600]))
def test_no_character_of_a_finding_leaves(cut: tuple[str, list[str]], window_chars: int) -> None:
    _, pieces = cut
    out = Play(guard(window_chars=window_chars)).run(pieces)
    assert found_in(PSEUDONYM.sub("|", out)) == []


@given(cut_texts(ANSWERS))
def test_nothing_but_findings_is_changed(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    play = Play(guard())
    assert restore_text(play.guard._leaks, play.run(pieces)) == text


@given(cut_texts(ANSWERS))
def test_no_window_is_longer_than_asked_and_no_context_either(cut: tuple[str, list[str]]) -> None:
    play = Play(guard())
    play.run(cut[1])
    assert all(0 < len(ask.window) <= 160 and len(ask.context) <= CONTEXT_CHARS for ask in play.asks)


@given(cut_texts(ANSWERS))
def test_without_a_plan_everything_passes_at_once(cut: tuple[str, list[str]]) -> None:
    passing = guard(plan=())
    for piece in cut[1]:
        assert passing.feed(piece) == ([Emit(CleanText(piece))] if piece else [])
    assert passing.finish() == []


@given(cut_texts(ANSWERS))
def test_with_always_ask_nothing_leaves_before_somebody_saw_it(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    play = Play(guard(plan=(), always_ask=True))
    assert play.run(pieces) == text
    assert not text or play.asks


def windows(text: str, **settings: int) -> list[str]:
    play = Play(guard(**settings))  # type: ignore[arg-type]
    play.run(list(text))
    return [ask.window for ask in play.asks]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("This is done. And more", "This is done. "),
        ("Is it done? And more", "Is it done? "),
        ("it is **done.** And more", "it is **done.** "),
        ('he said "done." And more', 'he said "done." '),
        ("a line\nand more", "a line\n"),
        ("Title Case\n\nand more", "Title Case\n\n"),
        ("好的。再见", "好的。"),
        ("mail jane@example.com. And", "mail jane@example.com. "),
    ],
)
def test_windows_end_where_no_entity_can_go_on(text: str, first: str) -> None:
    assert windows(text)[0] == first


@pytest.mark.parametrize(
    "text",
    [
        "Ask a41. 11",
        "Ask Dr. Jane",
        "Ask J. Doe",
        "At 4111. 1111",
        "Ask Jane\nDoe",
        "at 41\n11",
        "and x. Y",
        "no, not yet",
        "Jane! Doe",
    ],
)
def test_windows_do_not_end_where_an_entity_could_go_on(text: str) -> None:
    assert windows(text) == [text]


def test_a_clause_ends_a_window_only_when_it_is_long() -> None:
    long = "Plain Words and " * 6
    assert windows(f"{long}so, and more")[0] == f"{long}so, "


def test_the_first_window_ends_after_three_plain_words_and_the_later_ones_are_longer() -> None:
    lengths = [len(window) for window in windows("some plain words of a model that goes on and on " * 8)]
    assert lengths[0] == len("some plain words ")
    assert all(length <= 2 * sum(lengths[:number]) for number, length in enumerate(lengths) if number)
    assert all(80 <= length <= 110 for length in lengths[4:-1])


@pytest.mark.parametrize(
    "text",
    ["12 rue de la Paix", "at van de la Rosa", "say Ab plain words", "a b c d e f g", "aa.bb is the card"],
)
def test_a_window_does_not_end_after_words_that_a_name_may_have_in_it(text: str) -> None:
    assert windows(text) == [text]


def test_a_judge_is_asked_about_sentences() -> None:
    play = Play(guard(always_ask=True))
    play.run(["some plain words of a model that goes on and on. And more."])
    assert next(ask.window for ask in play.asks).endswith("and on. ")


def test_text_leaves_as_soon_as_its_window_is_settled() -> None:
    play = Play(guard())
    play.see(play.guard.feed("This is done. Wri"))
    play.answer()
    assert play.out == "This is done. "


def test_a_finding_that_touches_the_end_of_a_window_waits_for_the_next() -> None:
    play = Play(guard())
    play.see(play.guard.feed("mail jane@example.com\n"))
    play.answer()
    assert play.out == "mail "
    play.see(play.guard.feed("and wait.\n"))
    play.answer()
    assert [ask.window for ask in play.asks] == ["mail jane@example.com\n", "jane@example.com\nand wait.\n"]
    assert PSEUDONYM.sub("|", play.out) == "mail |\nand wait.\n"


def test_text_that_comes_while_a_question_is_open_is_kept() -> None:
    guarded = guard()
    [ask] = guarded.feed("This is done. ")
    assert isinstance(ask, Ask)
    assert guarded.feed("And this too. ") == []
    assert guarded.finish() == []
    assert guarded.settle([]) == [Emit(CleanText("This is done. ")), Ask("And this too. ", "This is done. ")]
    assert guarded.settle([]) == [Emit(CleanText("And this too. "))]
    assert not guarded.waiting


@pytest.mark.parametrize("before", ["x" * 90 + " ", "Word Word " * 9, "好" * 95])
@pytest.mark.parametrize("entity", ["4111 1111 1111 1111", "Jane Doe", "jane@example.com"])
@pytest.mark.parametrize("shift", range(0, 24, 3))
def test_an_entity_at_a_forced_cut_is_seen_whole(before: str, entity: str, shift: int) -> None:
    text = f"{before}{'y' * shift} {entity} {'Z' * 200}"
    out = Play(guard()).run(list(text))
    assert PSEUDONYM.sub("|", out) == text.replace(entity, "|")


@pytest.mark.parametrize("before", range(80, 110))
def test_an_entity_at_a_forced_cut_without_any_space_is_seen_whole(before: int) -> None:
    text = "-" * before + "jane@example.com" + "-" * 200
    out = Play(guard()).run([text])
    assert PSEUDONYM.sub("|", out) == text.replace("jane@example.com", "|")


def test_a_long_entity_that_crosses_a_forced_cut_is_one_finding() -> None:
    mail = "a" * 100 + "@example.com"
    text = f"{'Word ' * 18}{mail} and more"
    play = Play(guard())
    assert restore_text(play.guard._leaks, play.run([text])) == text
    assert [play.guard._leaks.original(one) for one in play.guard._leaks] == [mail]


def test_a_finding_that_runs_on_past_a_forced_window_opens_the_next() -> None:
    guarded = guard()
    guarded.feed("Word " * 40)
    [emit] = guarded.settle([Span(80, 160, "PERSON", 1.0)])
    assert emit == Emit(CleanText("Word " * 16))
    [ask] = guarded.finish()
    assert isinstance(ask, Ask)
    assert ask.window == "Word " * 24


def test_a_window_ends_at_its_bound_whatever_comes_behind() -> None:
    text = "Word " * 36 + "done. " + "Word " * 36
    assert max(map(len, windows(text))) == 160
    play = Play(guard())
    play.run([text])
    assert [ask.window for ask in play.asks] == windows(text)


def test_a_finding_longer_than_the_window_is_gone_to_its_end() -> None:
    long = "a" * 700 + "@example.com"
    play = Play(guard())
    guarded = play.guard
    steps = guarded.feed(f"see {long} there")
    out = ""
    while steps:
        step = steps.pop(0)
        if isinstance(step, Emit):
            out += step.text
        else:
            start = step.window.find("a")
            steps += guarded.settle(
                [Span(start, len(step.window), "EMAIL_ADDRESS", 1.0)] if start >= 0 else []
            )
    out += "".join(step.text for step in guarded.finish() if isinstance(step, Emit))
    assert "aa" not in out
    assert "example" not in out
    assert PSEUDONYM.sub("|", out) == "see |"


def test_what_follows_a_swallowed_finding_is_guarded_again() -> None:
    guarded = guard()
    [ask] = guarded.feed("b" * 200)
    assert isinstance(ask, Ask)
    [out] = guarded.settle([Span(0, len(ask.window), "PERSON", 1.0)])
    assert isinstance(out, Emit)
    assert PSEUDONYM.fullmatch(out.text)
    assert guarded.feed("bbb") == []
    assert guarded.feed("b and more. ") == [Ask(" and more. ", "b" * CONTEXT_CHARS)]


def test_the_callers_own_pseudonyms_are_not_findings_but_the_words_beside_them_are() -> None:
    text = f"see https://example.com/{ISSUED}/secret now. "
    guarded = guard()
    [ask] = guarded.feed(text)
    assert isinstance(ask, Ask)
    start = text.index("https")
    [emit] = guarded.settle([Span(start, text.index(" now"), "PERSON", 1.0)])
    assert isinstance(emit, Emit)
    assert ISSUED in emit.text
    assert "example" not in emit.text
    assert "secret" not in emit.text


def test_marks_beside_the_callers_own_pseudonym_are_no_finding() -> None:
    guarded = guard()
    guarded.feed(f"mail {ISSUED} - now. ")
    [emit] = guarded.settle([Span(4, 5 + len(ISSUED) + 2, "PERSON", 1.0)])
    assert emit == Emit(CleanText(f"mail {ISSUED} - now. "))


def test_a_pseudonym_that_was_not_issued_for_the_prompt_protects_nothing() -> None:
    text = "see [PERSON_0123456789abcdef] now. "
    guarded = guard()
    guarded.feed(text)
    [emit] = guarded.settle([Span(4, 29, "PERSON", 1.0)])
    assert isinstance(emit, Emit)
    assert "0123456789abcdef" not in emit.text


def test_findings_go_to_the_vault_of_leaks_and_not_to_the_prompts() -> None:
    issued, leaks = vault(), vault("leaks")
    guarded = Guard(plan=PLAN, leaks=leaks, issued=issued, window_chars=600)
    guarded.feed("mail jane@example.com. ")
    [emit] = guarded.settle(found_in("mail jane@example.com. "))
    assert guarded.finish() == []
    assert len(leaks) == 1
    assert len(issued) == 0
    assert isinstance(emit, Emit)
    assert ISSUED not in emit.text


def test_a_finding_that_reaches_in_from_the_context_is_cut_at_the_window() -> None:
    ask = Ask("Doe is here. ", "by Jane ")
    assert ask.within([Span(3, 11, "PERSON", 1.0), Span(0, 2, "X", 1.0)]) == [Span(0, 3, "PERSON", 1.0)]
    assert ask.text == "by Jane Doe is here. "


def test_unplanned_and_weak_findings_stay() -> None:
    guarded = guard(plan=(KindPlan("PERSON", 0.8),))
    guarded.feed("mail Jane Doe now. ")
    [emit] = guarded.settle([Span(5, 13, "PERSON", 0.7), Span(0, 4, "URL", 1.0)])
    assert emit == Emit(CleanText("mail Jane Doe now. "))


def test_spans_outside_of_the_window_do_no_harm() -> None:
    guarded = guard()
    guarded.feed("mail me now. ")
    [emit] = guarded.settle([Span(8, 99, "PERSON", 1.0), Span(50, 60, "PERSON", 1.0)])
    assert emit == Emit(CleanText("mail me "))


def test_an_answer_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="question"):
        guard().settle([])


def test_questions_and_answers_do_not_show_their_text() -> None:
    assert "secret" not in repr([Ask("secret", "secret"), Emit(CleanText("secret"))])


def test_a_character_costs_microseconds() -> None:
    guarded = guard(window_chars=600)
    text = "Some plain text of a model that goes on and on. " * 100
    started = time.perf_counter()
    for character in text:
        for step in guarded.feed(character):
            if isinstance(step, Ask):
                guarded.settle([])
    assert (time.perf_counter() - started) / len(text) < 30e-6


@example("[PERSON_0123456789abcdef]")
@given(st.text())
def test_conceal_replaces_every_finding_of_a_whole_text(text: str) -> None:
    issued, leaks = vault(), vault("leaks")
    clean = conceal(text, found_in(text), plan=PLAN, leaks=leaks, issued=issued)
    assert restore_text(leaks, clean) == text
    assert not ENTITIES.search(clean)


def test_a_vault_is_never_shown_by_a_guard() -> None:
    assert "jane" not in repr(guard())
    assert isinstance(guard()._leaks, Vault)
