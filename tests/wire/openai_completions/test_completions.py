import json
from typing import Any

import httpx2
import openai
import pytest
from openai.types import Completion

from proxy.errors import Denied, RequestInvalid, UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, Usage
from proxy.wire.openai_completions.fields import TEXTS
from proxy.wire.openai_completions.reader import CompletionReader
from proxy.wire.openai_completions.writer import CompletionWriter
from proxy.wire.sse import SseReader
from proxy.wire.tree import cap_tokens
from tests.wire.openai_completions.examples import (
    LLAMA,
    LLAMA_TWO,
    LLAMA_WHOLE,
    MAXIMAL,
    VLLM,
    choice,
    chunk,
    sse,
)
from tests.wire.rooms import events, read, spelled, written

NAME = "openai_completions"
HEAD = Head(1795487742)
FIRST, SECOND = Lane(0, "content"), Lane(1, "content")
PLAIN: dict[str, Any] = {"model": "m", "prompt": "The sea is"}
STREAMING = read(NAME, {**PLAIN, "stream": True})
WITH_USAGE = read(NAME, {**PLAIN, "stream": True, "stream_options": {"include_usage": True}})
WHOLE = read(NAME, PLAIN)


def refused(body: dict[str, Any]) -> str | None:
    with pytest.raises(RequestInvalid) as error:
        read(NAME, body)
    return error.value.param


def chunks(stream: bytes) -> list[Completion]:
    """Each chunk as the SDK reads it. Its own type wants a reason in every chunk, which no server sends."""
    reader = SseReader()
    payloads = reader.feed(stream)
    reader.finish()
    assert payloads.pop() == "[DONE]"
    for payload in payloads:
        told = json.loads(payload)
        for one in told["choices"]:
            one["finish_reason"] = one["finish_reason"] or "stop"
        Completion.model_validate(told)
    return [Completion.model_construct(**json.loads(payload)) for payload in payloads]


def client(body: bytes, content_type: str = "text/event-stream") -> openai.OpenAI:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=body, headers={"content-type": content_type})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://upstream/v1", http_client=transport, max_retries=0)


def test_a_request_is_read_and_written_anew_for_the_upstream() -> None:
    exchange = read(NAME, MAXIMAL)
    body = spelled(exchange)
    kept = {name: value for name, value in MAXIMAL.items() if name not in ("user", "best_of", "echo")}
    assert body == {**kept, "model": "weights", "stream_options": {"include_usage": True}}
    assert exchange.operation == "text_completion"
    assert [segment.text for segment in exchange.segments if segment.source == "message"] == [
        "The sea is",
        "A dog is",
        "and that is all.",
    ]


def test_a_stream_is_always_asked_for_its_usage_and_nothing_else_is() -> None:
    assert spelled(STREAMING)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in spelled(WHOLE)


def test_so_many_answers_are_expected_as_prompts_times_n() -> None:
    assert WHOLE.answers == 1
    assert read(NAME, MAXIMAL).answers == 4
    assert read(NAME, {**PLAIN, "prompt": ["a"] * 32, "n": 2}).answers == TEXTS
    assert refused({**PLAIN, "prompt": ["a"] * 33, "n": 2}) == "prompt"
    assert refused({**PLAIN, "prompt": ["a"] * (TEXTS + 1)}) == "prompt"


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2]], [], ["a", 1], {"text": "a"}, 1, True, [None]])
def test_a_prompt_that_cannot_be_read_is_refused(prompt: Any) -> None:
    assert refused({**PLAIN, "prompt": prompt}) == "prompt"


def test_a_prompt_must_be_there() -> None:
    assert refused({"model": "m"}) == "prompt"
    assert refused({"model": "m", "prompt": None}) == "prompt"


@pytest.mark.parametrize(("field", "value"), [("best_of", 2), ("echo", True), ("logprobs", 0), ("n", 9)])
def test_what_would_bring_more_than_was_inspected_is_refused(field: str, value: Any) -> None:
    assert refused({**PLAIN, field: value}) == field


def test_the_answer_can_be_capped() -> None:
    assert spelled(cap_tokens(WHOLE, 7))["max_tokens"] == 7
    assert spelled(cap_tokens(read(NAME, MAXIMAL), 7))["max_tokens"] == 7


def test_a_stream_of_llama_cpp_becomes_events() -> None:
    assert events(NAME, [LLAMA], stream=True) == [
        HEAD,
        Delta(FIRST, " a place"),
        Delta(FIRST, ", Zoë"),
        Finish(0, "length"),
        Usage(3, 5, 2),
        End(),
    ]


def test_a_whole_answer_becomes_the_same_events_with_one_delta() -> None:
    expected = [HEAD, Delta(FIRST, " a place, Zoë"), Finish(0, "length"), Usage(3, 5, 2), End()]
    assert events(NAME, [LLAMA_WHOLE]) == expected


def test_texts_of_several_prompts_are_told_apart_and_their_usage_is_added() -> None:
    told = events(NAME, [LLAMA_TWO], stream=True)
    assert told == [
        HEAD,
        Delta(FIRST, " a"),
        Delta(SECOND, " is"),
        Finish(0, "length"),
        Finish(1, "stop"),
        Usage(7, 7, 2),
        End(),
    ]


def test_a_usage_that_comes_alone_is_that_of_all() -> None:
    told = events(NAME, [VLLM], stream=True)
    assert told is not None
    assert told[-2:] == [Usage(3, 5, 2), End()]


def test_a_whole_answer_of_several_texts_tells_one_usage() -> None:
    body = chunk(choice("a", "stop"), choice("b", "stop", 1), usage={"prompt_tokens": 4})
    told = events(NAME, [json.dumps(body).encode()])
    assert told is not None
    assert told[-2:] == [Usage(4, 0), End()]


@pytest.mark.parametrize(
    "lies",
    [
        [chunk(choice("a"))],
        [chunk()],
        [chunk(choice("a", "stop"), choice("b", index=1))],
        [chunk(choice("a", "stop")), chunk(choice("b"))],
        [chunk(choice("a", "stop", TEXTS))],
        [chunk(choice("a", "stop", -1))],
        [chunk(choice("a", "abort"))],
        [chunk(choice(7, "stop"))],  # type: ignore[arg-type]
        [{"error": {"message": "words"}}],
        ["[]"],
        ["words"],
        [{"choices": None}],
        [{"choices": [None]}],
    ],
)
def test_what_is_no_whole_answer_is_none(lies: list[Any]) -> None:
    assert events(NAME, [sse(*lies, "[DONE]")], stream=True) is None


def test_nothing_is_read_after_the_end() -> None:
    told = events(NAME, [LLAMA + sse(chunk(choice("more", "stop", 1)))], stream=True)
    assert told == events(NAME, [LLAMA], stream=True)
    assert events(NAME, [LLAMA, sse(chunk(choice("more", "stop", 1)))], stream=True) == told


def test_what_a_text_brings_beside_is_counted() -> None:
    reader = CompletionReader(stream=True)
    reader.feed(sse(chunk(choice("a", surprise="b"))))
    assert reader.dropped == {"surprise": 1}


def test_a_stream_that_stops_is_no_answer() -> None:
    reader = CompletionReader(stream=True)
    reader.feed(LLAMA[: LLAMA.index(b"data: [DONE]")])
    with pytest.raises(UpstreamUnavailable):
        reader.finish()


def test_a_stream_is_what_the_sdk_knows() -> None:
    told = chunks(written(WITH_USAGE, events(NAME, [LLAMA], stream=True)))
    assert {(one.id, one.model, one.object, one.created) for one in told} == {
        ("cmpl-x-1", "m", "text_completion", HEAD.created)
    }
    with client(written(WITH_USAGE, events(NAME, [LLAMA], stream=True))) as sdk:
        read_by_sdk = list(sdk.completions.create(model="m", prompt="x", stream=True))
    assert "".join(one.choices[0].text for one in read_by_sdk if one.choices) == " a place, Zoë"
    assert [one.choices[0].finish_reason for one in read_by_sdk if one.choices][-1] == "length"
    assert read_by_sdk[-1].usage is not None
    assert read_by_sdk[-1].usage.total_tokens == 8


def test_usage_is_in_a_stream_only_when_it_is_wanted() -> None:
    assert b"usage" not in written(STREAMING, events(NAME, [LLAMA], stream=True))


def test_a_usage_that_nobody_told_is_not_made_up() -> None:
    told: list[AnswerEvent] = [HEAD, Delta(FIRST, "a"), Finish(0, "stop"), End()]
    assert b"prompt_tokens" not in written(WITH_USAGE, told)


def test_a_whole_answer_is_what_the_sdk_knows() -> None:
    body = written(WHOLE, events(NAME, [LLAMA_WHOLE]))
    Completion.model_validate_json(body)
    with client(body, "application/json") as sdk:
        told = sdk.completions.create(model="m", prompt="x")
    assert told.choices[0].text == " a place, Zoë"
    assert told.choices[0].finish_reason == "length"
    assert told.model == "m"
    assert told.usage is not None
    assert told.usage.prompt_tokens_details is not None
    assert told.usage.prompt_tokens_details.cached_tokens == 2


def test_texts_come_back_under_their_numbers() -> None:
    told = written(read(NAME, MAXIMAL | {"stream": False, "stream_options": None}), [
        HEAD, Delta(SECOND, "b"), Delta(FIRST, "a"), Finish(1, "stop"), Finish(0, "stop"), End(),
    ])  # fmt: skip
    assert [(one["index"], one["text"]) for one in json.loads(told)["choices"]] == [(0, "a"), (1, "b")]


def test_an_answer_without_an_id_gets_one_of_ours() -> None:
    told: list[AnswerEvent] = [Finish(0, "stop"), End()]
    assert json.loads(written(WHOLE, told))["id"] == "cmpl-x-1"


def test_a_rule_that_stops_a_stream_ends_every_open_text_and_the_sdk_raises() -> None:
    from_start: list[AnswerEvent] = [HEAD, Delta(FIRST, "a"), Delta(SECOND, "b"), Finish(1, "stop")]
    writer_error = _stopped(from_start, Denied("A policy does not allow this.", rules=("test.rule",)))
    assert writer_error.count(b"content_filter") == 1
    with client(writer_error) as sdk:
        stream = sdk.completions.create(model="m", prompt="x", stream=True)
        with pytest.raises(openai.APIError) as raised:
            list(stream)
    assert raised.value.code == "policy_denied"


def test_a_failure_is_not_called_a_filter() -> None:
    assert b"content_filter" not in _stopped([HEAD, Delta(FIRST, "a")], UpstreamUnavailable("It has gone."))


def _stopped(told: list[AnswerEvent], error: Any) -> bytes:
    writer = CompletionWriter(STREAMING)
    return b"".join(writer.write(event) for event in told) + writer.error(error, "request-1")
