import json
from typing import Any

import pytest

from proxy.errors import (
    Denied,
    EngineUnavailable,
    RateLimited,
    RequestInvalid,
    SluicegateError,
    UpstreamUnavailable,
    told,
)
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, Usage
from proxy.wire.tgi.reader import TgiReader
from proxy.wire.tgi.writer import error_body
from tests.wire.tgi.calls import BY_NAME, ask, read

CONTENT = Lane(0, "content")
ANSWER: list[AnswerEvent] = [
    Head(5),
    Delta(CONTENT, "Zoë"),
    Delta(CONTENT, ", 😀\u2028\n"),
    Finish(0, "stop"),
    Usage(5, 3),
    End(),
]
TEXT = "Zoë, 😀\u2028\n"


def said(body: dict[str, Any], *events: AnswerEvent, name: str = "tgi") -> str:
    writer = BY_NAME[name].writer(read(body, name))
    return b"".join(writer.write(event) for event in events).decode()


def streamed(body: dict[str, Any], *events: AnswerEvent) -> list[Any]:
    """As the official clients do it: line by line, whatever they take for the end of one."""
    return [json.loads(line[5:]) for line in said(body, *events).splitlines() if line.startswith("data:")]


def test_a_stream_is_told_in_pieces_that_are_no_tokens() -> None:
    first, second, last = streamed(ask(stream=True, details=True, seed=7), *ANSWER)
    piece = {"id": 0, "logprob": None, "special": False}
    nothing = {"generated_text": None, "details": None}
    assert first == {"index": 1, "token": {**piece, "text": "Zoë"}, **nothing}
    assert second == {"index": 2, "token": {**piece, "text": ", 😀\u2028\n"}, **nothing}
    assert last == {
        "index": 3,
        "token": {"id": 0, "text": "", "logprob": None, "special": True},
        "generated_text": TEXT,
        "details": {"finish_reason": "eos_token", "generated_tokens": 3, "seed": 7, "input_length": 5},
    }


def test_an_answer_is_told_whole_and_in_a_list_where_the_path_is_for_all_kinds_of_models() -> None:
    details = {
        "finish_reason": "eos_token",
        "generated_tokens": 3,
        "seed": None,
        "prefill": [],
        "tokens": [],
    }
    body = json.loads(said(ask(details=True), *ANSWER, name="tgi_generate"))
    assert body == {"generated_text": TEXT, "details": details}
    assert json.loads(said(ask(details=True), *ANSWER)) == [body]


def test_details_are_told_to_those_who_ask() -> None:
    assert json.loads(said({"inputs": "a"}, *ANSWER, name="tgi_generate")) == {"generated_text": TEXT}
    assert streamed(ask(stream=True), *ANSWER)[-1]["details"] is None


def test_the_callers_own_words_stand_before_the_answer_where_they_are_wanted() -> None:
    assert json.loads(said(ask(return_full_text=True), *ANSWER))[0]["generated_text"] == f"Hello{TEXT}"
    *pieces, last = streamed(ask(stream=True, return_full_text=True), *ANSWER)
    assert last["generated_text"] == f"Hello{TEXT}"
    assert "".join(one["token"]["text"] for one in pieces) == TEXT


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        (Finish(0, "length"), "length"),
        (Finish(0, "stop", "Human:"), "stop_sequence"),
        (Finish(0, "stop", ""), "stop_sequence"),
        (Finish(0, "content_filter"), "length"),
    ],
)
def test_the_reason_of_the_end_is_one_of_three_words(finish: Finish, told: str) -> None:
    [body] = json.loads(said(ask(details=True), finish, End()))
    assert body["details"]["finish_reason"] == told


def test_what_is_written_is_read_again_as_the_same_texts() -> None:
    reader = TgiReader(stream=True)
    again = reader.feed(said(ask(stream=True, details=True), *ANSWER).encode())
    assert again == [one for one in ANSWER if not isinstance(one, Head)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RequestInvalid("x"), "validation"),
        (Denied("x", rules=["a/b"]), "validation"),
        (RateLimited("x"), "overloaded"),
        (UpstreamUnavailable("x"), "generation"),
        (EngineUnavailable("x"), "generation"),
    ],
)
def test_an_error_is_of_a_kind_that_the_official_clients_raise(error: SluicegateError, kind: str) -> None:
    assert json.loads(error_body(error, "r-1")) == {
        "error": told(error),
        "error_type": kind,
        "code": error.code,
        "param": None,
        "rules": list(error.rules),
        "request_id": "r-1",
    }


def test_an_error_in_a_stream_is_an_event() -> None:
    writer = BY_NAME["tgi"].writer(read(ask(stream=True)))
    writer.write(Delta(CONTENT, "Zoë"))
    told = writer.error(Denied("Not for you.", rules=["a/b"]), "r-1")
    assert told == b"data: " + error_body(Denied("Not for you.", rules=["a/b"]), "r-1") + b"\n\n"
