import json
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.errors import Denied, UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, ToolOpen, Usage
from proxy.wire.openai_chat.reader import ChatReader
from proxy.wire.openai_chat.writer import FINGERPRINT, ChatWriter
from proxy.wire.sse import SseReader
from tests.wire.openai_chat.requests import chat, read
from tests.wire.openai_chat.upstreams import LLAMA, LLAMA_WHOLE, STREAMS, TOOLS, VLLM, events

STREAMING = read(chat(stream=True))
WITH_USAGE = read(chat(stream=True, stream_options={"include_usage": True}))
WHOLE = read(chat())
HEAD = Head(7)
CONTENT = Lane(0, "content")


def written(exchange: Any, told: list[AnswerEvent] | None) -> bytes:
    assert told is not None
    writer = ChatWriter(exchange)
    return b"".join(writer.write(event) for event in told)


def chunks(stream: bytes) -> list[ChatCompletionChunk]:
    """Each chunk as the SDK's type, strictly."""
    reader = SseReader()
    payloads = reader.feed(stream)
    reader.finish()
    assert payloads.pop() == "[DONE]"
    return [ChatCompletionChunk.model_validate_json(payload) for payload in payloads]


def client(body: bytes, content_type: str = "text/event-stream", status: int = 200) -> openai.OpenAI:
    """The official client, with a door that answers this."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": content_type})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://upstream/v1", http_client=transport, max_retries=0)


def ask(body: bytes) -> openai.Stream[ChatCompletionChunk]:
    return client(body).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], stream=True
    )


def test_a_stream_is_what_the_sdk_knows() -> None:
    told = chunks(written(STREAMING, events([LLAMA])))
    assert {(one.id, one.model, one.object, one.created, one.system_fingerprint) for one in told} == {
        ("chatcmpl-x-1", "m", "chat.completion.chunk", 1795477440, FINGERPRINT)
    }
    assert [one.choices[0].delta.content for one in told] == ["", "Zoë", ", 😀", None]
    assert [one.choices[0].delta.role for one in told] == ["assistant", None, None, None]
    assert [one.choices[0].finish_reason for one in told] == [None, None, None, "length"]
    assert all(one.usage is None for one in told)


def test_nothing_of_the_upstreams_own_name_of_the_model_reaches_the_caller() -> None:
    for exchange, told in ((STREAMING, events([LLAMA])), (WHOLE, events([LLAMA_WHOLE], stream=False))):
        assert b"gguf" not in written(exchange, told)


def test_usage_is_told_last_and_only_to_who_asked() -> None:
    *others, last = chunks(written(WITH_USAGE, events([LLAMA])))
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (32, 3, 35)
    assert last.usage.prompt_tokens_details is not None
    assert last.usage.prompt_tokens_details.cached_tokens == 31
    assert all(one.usage is None for one in others)
    assert b'"usage":null' in written(WITH_USAGE, events([LLAMA]))
    assert b"usage" not in written(STREAMING, events([LLAMA]))


def test_calls_of_tools_are_streamed_as_the_sdk_assembles_them() -> None:
    calls: dict[int, list[str]] = {}
    for one in chunks(written(STREAMING, events([TOOLS]))):
        for call in one.choices[0].delta.tool_calls or ():
            assert call.function is not None
            calls.setdefault(call.index, []).extend(
                [call.id or "", call.function.name or "", call.function.arguments or ""]
            )
    assert ["".join(call) for call in calls.values()] == ['call_9find{"city":"Köln"}', "call_10wait{}"]


def test_choices_and_reasoning_keep_their_places() -> None:
    told = chunks(written(STREAMING, events([VLLM])))
    content = {0: "", 1: ""}
    reasoning = {0: "", 1: ""}
    for one in told:
        content[one.choices[0].index] += one.choices[0].delta.content or ""
        reasoning[one.choices[0].index] += getattr(one.choices[0].delta, "reasoning_content", None) or ""
    assert content == {0: "AC", 1: "B"}
    assert reasoning == {0: "hm", 1: "hm"}


@pytest.mark.parametrize("name", STREAMS)
def test_however_the_upstream_is_cut_the_client_reads_the_same_bytes(name: str) -> None:
    stream = STREAMS[name]
    expected = written(WITH_USAGE, events([stream]))
    for i in range(len(stream)):
        assert written(WITH_USAGE, events([stream[:i], stream[i:]])) == expected
    assert written(WITH_USAGE, events(stream[i : i + 1] for i in range(len(stream)))) == expected


@pytest.mark.parametrize("name", STREAMS)
def test_what_was_written_is_read_back_as_the_same_events(name: str) -> None:
    told = events([STREAMS[name]])
    again = events([written(WITH_USAGE, told)])
    assert told is not None
    assert again is not None
    usage = [one for one in told if isinstance(one, Usage)]
    assert [one for one in again if one not in usage] == [one for one in told if one not in usage]
    assert [one for one in again if isinstance(one, Usage)] == usage


def test_a_whole_answer_is_what_the_sdk_knows() -> None:
    told = ChatCompletion.model_validate_json(written(WHOLE, events([LLAMA_WHOLE], stream=False)))
    assert (told.id, told.model, told.object) == ("chatcmpl-x-1", "m", "chat.completion")
    [choice] = told.choices
    assert (choice.message.content, choice.finish_reason) == ("Zoë, 😀", "length")
    assert told.usage is not None
    assert told.usage.total_tokens == 35


def test_a_whole_answer_with_everything_in_it_is_what_the_sdk_knows() -> None:
    tool = Lane(0, "tool", 0)
    told: list[AnswerEvent] = [
        HEAD, Delta(Lane(1, "refusal"), "no"), Delta(Lane(0, "reasoning"), "hm"), ToolOpen(tool, "c", "f"),
        Delta(tool, '{"a"'), Delta(tool, ":1}"), Finish(1, "content_filter"), Finish(0, "tool_calls"), End(),
    ]  # fmt: skip
    answer = ChatCompletion.model_validate_json(written(WHOLE, told))
    first, second = answer.choices
    assert first.message.content is None
    assert first.message.tool_calls is not None
    assert [call.model_dump() for call in first.message.tool_calls] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]
    assert getattr(first.message, "reasoning_content", None) == "hm"
    assert (second.message.refusal, second.message.content, second.finish_reason) == (
        "no",
        "",
        "content_filter",
    )
    assert answer.usage is None


def test_the_sdk_reads_a_stream_to_its_end() -> None:
    pieces = [chunk.choices[0].delta.content for chunk in ask(written(STREAMING, events([LLAMA])))]
    assert "".join(piece or "" for piece in pieces) == "Zoë, 😀"


def test_the_sdk_raises_what_stops_a_stream_after_it_gave_out_what_came_before() -> None:
    writer = ChatWriter(STREAMING)
    told: list[AnswerEvent] = [
        HEAD,
        Delta(CONTENT, "so far"),
        Delta(Lane(1, "content"), "x"),
        Finish(1, "stop"),
    ]
    stream = b"".join(writer.write(event) for event in told)
    stream += writer.error(Denied("Not for you.", rules=["answers.secret"]), "req-1")
    assert b"[DONE]" not in stream
    pieces: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIError) as stopped:
        pieces.extend(ask(stream))
    assert stopped.value.message == "Not for you."
    assert stopped.value.code == "policy_denied"
    assert isinstance(stopped.value.body, dict)
    assert stopped.value.body["rules"] == ["answers.secret"]
    assert stopped.value.body["request_id"] == "req-1"


def test_only_a_rule_filters_and_only_choices_that_are_still_open() -> None:
    for error, filtered in ((Denied("No."), [0]), (UpstreamUnavailable("Gone."), [])):
        writer = ChatWriter(STREAMING)
        for event in (HEAD, Delta(CONTENT, "a"), Delta(Lane(1, "content"), "b"), Finish(1, "stop")):
            writer.write(event)
        *ended, last = SseReader().feed(writer.error(error, "r"))
        choices = [json.loads(one)["choices"][0] for one in ended]
        assert [(one["index"], one["finish_reason"]) for one in choices] == [
            (i, "content_filter") for i in filtered
        ]
        assert json.loads(last)["error"]["code"] == error.code


def test_an_error_before_any_event_is_a_whole_event() -> None:
    [payload] = SseReader().feed(ChatWriter(STREAMING).error(Denied("No."), "r"))
    assert json.loads(payload)["error"]["message"] == "No."
    assert json.loads(ChatWriter(WHOLE).error(Denied("No."), "r"))["error"]["code"] == "policy_denied"


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_any_text_arrives_as_it_is(texts: list[str]) -> None:
    told: list[AnswerEvent] = [HEAD, *(Delta(CONTENT, text) for text in texts), Finish(0, "stop"), End()]
    streamed = chunks(written(STREAMING, told))
    assert "".join(one.choices[0].delta.content or "" for one in streamed) == "".join(texts)
    answer = ChatCompletion.model_validate_json(written(WHOLE, told))
    assert answer.choices[0].message.content == "".join(texts)


def test_a_whole_answer_says_nothing_before_its_end() -> None:
    writer = ChatWriter(WHOLE)
    reader = ChatReader(stream=False)
    reader.feed(LLAMA_WHOLE)
    *before, end = reader.finish()
    assert all(writer.write(event) == b"" for event in before)
    assert writer.write(end)
