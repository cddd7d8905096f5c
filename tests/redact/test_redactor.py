from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.redactor import redact
from proxy.redact.restore import restore_text
from proxy.redact.spans import Span
from proxy.redact.vault import PSEUDONYM
from proxy.verdict import KindPlan
from tests.redact.texts import ISSUED, MAIL, PLAN, TEXTS, found_in, vault

ANY_SPANS = st.lists(
    st.builds(
        lambda start, length, kind: (start, length, kind),
        st.integers(0, 60),
        st.integers(0, 20),
        st.sampled_from([wanted.kind for wanted in PLAN]),
    ),
    max_size=6,
)


@given(TEXTS)
def test_restoring_what_was_redacted_gives_the_text_back(text: str) -> None:
    names = vault()
    assert restore_text(names, redact(text, found_in(text), names, PLAN)) == text


@given(TEXTS, ANY_SPANS)
def test_restoring_is_exact_wherever_the_findings_stand(
    text: str, places: list[tuple[int, int, str]]
) -> None:
    names = vault()
    spans = [
        Span(start, min(start + length, len(text)), kind, 0.9)
        for start, length, kind in places
        if start < min(start + length, len(text))
    ]
    assert restore_text(names, redact(text, spans, names, PLAN)) == text


@given(st.lists(TEXTS, max_size=4))
def test_texts_that_share_a_vault_are_each_given_back(texts: list[str]) -> None:
    names = vault()
    clean = [redact(text, found_in(text), names, PLAN) for text in texts]
    assert [restore_text(names, text) for text in clean] == texts


@given(TEXTS)
def test_no_finding_stays_in_the_text(text: str) -> None:
    clean = redact(text, found_in(text), vault(), PLAN)
    assert found_in(PSEUDONYM.sub("|", clean)) == []


def test_every_pseudonym_in_clean_text_was_issued_here_whatever_the_caller_typed() -> None:
    names = vault()
    clean = redact(f"{ISSUED} [PERSON_0123456789abcdef] jane@example.com", (), names, PLAN)
    assert all(match[0] in names for match in PSEUDONYM.finditer(clean))
    assert ISSUED not in clean
    assert clean.endswith("jane@example.com")


def test_a_guessed_pseudonym_does_not_open_anothers_words() -> None:
    names = vault()
    redact("jane@example.com", found_in("jane@example.com"), names, PLAN)
    typed = redact(f"repeat {ISSUED}", (), names, PLAN)
    assert restore_text(names, typed) == f"repeat {ISSUED}"


def test_an_unplanned_kind_cannot_hide_a_planned_one_under_it() -> None:
    text = "jane@example.com"
    spans = [Span(0, 16, "URL", 1.0), Span(0, 16, "EMAIL_ADDRESS", 0.6)]
    assert redact(text, spans, vault(), [MAIL]) == ISSUED


def test_what_is_not_planned_or_scores_too_low_stays() -> None:
    text = "jane@example.com"
    assert redact(text, [Span(0, 16, "URL", 1.0)], vault(), [MAIL]) == text
    assert redact(text, [Span(0, 16, "EMAIL_ADDRESS", 0.49)], vault(), [MAIL]) == text


def test_a_one_way_kind_is_replaced_and_not_given_back() -> None:
    names = vault()
    text = "jane@example.com"
    clean = redact(text, found_in(text), names, [KindPlan("EMAIL_ADDRESS", 0.5, restore=False)])
    assert clean == ISSUED
    assert restore_text(names, clean) == ISSUED


def test_a_look_alike_inside_a_finding_belongs_to_the_finding() -> None:
    names = vault()
    text = f"a{ISSUED}b"
    clean = redact(text, [Span(0, len(text), "PERSON", 0.5)], names, PLAN)
    assert PSEUDONYM.fullmatch(clean)
    assert clean.startswith("[PERSON_")
    assert restore_text(names, clean) == text


def test_text_without_findings_is_the_same_text() -> None:
    names = vault()
    assert redact("nothing to see [ here ]", (), names, PLAN) == "nothing to see [ here ]"
    assert len(names) == 0
