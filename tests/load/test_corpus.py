import json

import pytest

from load.corpus import HISTORY_MESSAGES, MARK_LETTERS, Marks, answer_pieces, mark_in, question


@pytest.mark.parametrize("chars", [3_000, 20_000])
def test_a_question_has_about_the_history_that_it_says(chars: int) -> None:
    body = json.loads(question(chars).body("bcdf"))
    history = body["messages"][:-1]
    assert len(history) == HISTORY_MESSAGES
    assert sum(len(message["content"]) for message in history) == pytest.approx(chars, rel=0.01)


def test_questions_differ_in_their_last_message_alone() -> None:
    asked, marks = question(3_000), Marks(1)
    one, other = (json.loads(asked.body(marks.fresh()))["messages"] for _ in range(2))
    assert one[:-1] == other[:-1]
    assert one[-1] != other[-1]


def test_marks_never_come_twice_and_hold_nothing_that_a_recogniser_could_take() -> None:
    marks = Marks(1)
    made = [marks.fresh() for _ in range(5_000)]
    assert len(set(made)) == len(made)
    assert set("".join(made)) <= set(MARK_LETTERS)


@pytest.mark.parametrize(
    ("body", "mark"), [(b"a [[b]] c", b"b"), (b"[[a]] [[b]]", b"b"), (b"a ]] [[b", b""), (b"", b"")]
)
def test_the_mark_is_found_or_is_empty(body: bytes, mark: bytes) -> None:
    assert mark_in(body) == mark


def test_every_sentence_of_an_answer_is_marked() -> None:
    sentences = "".join(answer_pieces(64)).strip().split("\n")
    assert len(sentences) == 4
    assert all("[[MARK]]" in sentence for sentence in sentences)
