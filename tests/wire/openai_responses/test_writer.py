import json
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from proxy.errors import Denied, UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, ToolOpen, Usage
from proxy.wire.openai_responses.writer import ResponsesWriter
from proxy.wire.sse import SseReader
from tests.wire.openai_responses.examples import MAXIMAL
from tests.wire.openai_responses.requests import ask, read
from tests.wire.openai_responses.upstreams import LLAMA, LLAMA_WHOLE, STREAMS, VLLM, events

STREAMING = read(ask(stream=True))
WHOLE = read(ask())
HEAD = Head(7)
CONTENT, REASONING, TOOL = Lane(0, "content"), Lane(0, "reasoning"), Lane(0, "tool")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

ALL: list[AnswerEvent] = [
    HEAD,
    Delta(REASONING, "hm"),
    Delta(CONTENT, "Zoë"),
    Delta(CONTENT, " 😀"),
    Delta(REASONING, ", so"),  # held back until the end
    Delta(Lane(0, "refusal"), "no"),
    ToolOpen(TOOL, "call_9", "find"),
    Delta(TOOL, '{"city":"Köln"}'),
    ToolOpen(Lane(0, "tool", 1), "call_10", "wait"),
    Delta(Lane(0, "tool", 1), "{}"),
    Finish(0, "tool_calls"),
    Usage(32, 8, 31, 2),
    End(),
]


def written(exchange: Any, told: Any) -> bytes:
    assert told is not None
    writer = ResponsesWriter(exchange)
    return b"".join(writer.write(event) for event in told)


def stream_events(stream: bytes) -> list[dict[str, Any]]:
    """Each event as it is, after the SDK's type took it strictly; names and numbers checked."""
    reader = SseReader()
    payloads = reader.feed(stream)
    reader.finish()
    told = [json.loads(payload) for payload in payloads]
    names = [line[7:] for line in stream.decode().split("\n") if line.startswith("event: ")]
    assert names == [one["type"] for one in told]
    assert [one["sequence_number"] for one in told] == list(range(len(told)))
    for payload in payloads:
        assert not _extras(EVENT.validate_json(payload))
    return told


def _extras(model: Any) -> set[str]:
    """Members that the SDK's type does not know, but for the nested error, by which it raises."""
    return (getattr(model, "model_extra", None) or {}).keys() - {"error"}


def client(body: bytes, content_type: str = "text/event-stream") -> openai.OpenAI:
    """The official client, with a door that answers this."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=body, headers={"content-type": content_type})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://upstream/v1", http_client=transport, max_retries=0)


def final(body: bytes, **more: Any) -> Any:
    with client(body).responses.stream(model="m", input="x", **more) as stream:
        return stream.get_final_response()


def test_a_stream_has_every_event_in_its_order() -> None:
    told = stream_events(written(STREAMING, ALL))
    assert [(one["type"].removeprefix("response."), one.get("output_index")) for one in told] == [
        ("created", None),
        ("in_progress", None),
        ("output_item.added", 0),
        ("content_part.added", 0),
        ("reasoning_text.delta", 0),
        ("output_item.added", 1),
        ("content_part.added", 1),
        ("output_text.delta", 1),
        ("output_text.delta", 1),
        ("reasoning_text.delta", 0),
        ("output_item.added", 2),
        ("content_part.added", 2),
        ("refusal.delta", 2),
        ("output_item.added", 3),
        ("function_call_arguments.delta", 3),
        ("output_item.added", 4),
        ("function_call_arguments.delta", 4),
        ("reasoning_text.done", 0),
        ("content_part.done", 0),
        ("output_item.done", 0),
        ("output_text.done", 1),
        ("content_part.done", 1),
        ("output_item.done", 1),
        ("refusal.done", 2),
        ("content_part.done", 2),
        ("output_item.done", 2),
        ("function_call_arguments.done", 3),
        ("output_item.done", 3),
        ("function_call_arguments.done", 4),
        ("output_item.done", 4),
        ("completed", None),
    ]


def test_the_sdks_helper_reads_a_stream_to_its_end() -> None:
    response = final(written(STREAMING, ALL))
    assert response.status == "completed"
    assert response.output_text == "Zoë 😀"
    reasoning, message, refusal, *calls = response.output
    assert [one.text for one in reasoning.content] == ["hm, so"]
    assert message.status == "completed"
    assert refusal.content[0].refusal == "no"
    assert [(one.call_id, one.name, one.arguments) for one in calls] == [
        ("call_9", "find", '{"city":"Köln"}'),
        ("call_10", "wait", "{}"),
    ]
    assert response.usage.input_tokens == 32
    assert response.usage.input_tokens_details.cached_tokens == 31
    assert response.usage.output_tokens_details.reasoning_tokens == 2
    assert response.usage.total_tokens == 40


def test_the_sdks_helper_gives_text_as_it_comes() -> None:
    with client(written(STREAMING, ALL)).responses.stream(model="m", input="x") as stream:
        deltas = [(one.delta, one.snapshot) for one in stream if one.type == "response.output_text.delta"]
    assert deltas == [("Zoë", "Zoë"), (" 😀", "Zoë 😀")]


def test_the_sdk_parses_text_into_a_model() -> None:
    class City(BaseModel):
        name: str

    told = [HEAD, Delta(CONTENT, '{"name":'), Delta(CONTENT, '"Köln"}'), Finish(0, "stop"), End()]
    assert final(written(STREAMING, told), text_format=City).output_parsed == City(name="Köln")
    whole = client(written(WHOLE, told), "application/json").responses.parse(
        model="m", input="x", text_format=City
    )
    assert whole.output_parsed == City(name="Köln")


def test_a_whole_answer_is_what_the_stream_ends_with() -> None:
    whole = json.loads(written(WHOLE, ALL))
    assert whole == stream_events(written(STREAMING, ALL))[-1]["response"]
    response = Response.model_validate(whole)
    assert (response.model_extra or {}) == {"store": False}
    assert whole["id"] == "resp_x-1"
    assert [one["id"] for one in whole["output"]] == [
        "rs_x-1_0",
        "msg_x-1_1",
        "msg_x-1_2",
        "fc_x-1_3",
        "fc_x-1_4",
    ]


@pytest.mark.parametrize("name", STREAMS)
def test_what_servers_send_is_what_the_sdk_knows(name: str) -> None:
    stream_events(written(STREAMING, events([STREAMS[name]])))


def test_what_was_asked_for_is_repeated_and_what_was_kept_here_is_not() -> None:
    told = json.loads(written(read(MAXIMAL | {"stream": False, "stream_options": None}), ALL))
    Response.model_validate(told)
    assert told["model"] == "m"
    for name in ("instructions", "temperature", "top_p", "max_output_tokens", "text", "tool_choice"):
        assert told[name] == MAXIMAL[name]
    assert [one["name"] for one in told["tools"]] == ["find", "wait"]
    assert told["reasoning"]["effort"] == "low"
    assert told["metadata"] == {}
    assert "somebody" not in json.dumps(told)
    assert told["store"] is False


def test_nothing_of_the_upstreams_own_names_reaches_the_caller() -> None:
    for exchange, told in (
        (STREAMING, events([LLAMA])),
        (WHOLE, events([LLAMA_WHOLE], stream=False)),
        (STREAMING, events([VLLM])),
    ):
        out = written(exchange, told)
        assert b"gguf" not in out
        assert b"resp_9" not in out
        assert b"msg_Xc" not in out


def test_later_news_of_the_head_stand_in_the_last_event() -> None:
    first, *_, last = stream_events(written(STREAMING, events([LLAMA])))
    assert first["response"]["created_at"] == 0
    assert last["response"]["created_at"] == 1795487522


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_is_cut_short_is_incomplete(finish: str, reason: str) -> None:
    told = [HEAD, Delta(CONTENT, "Zo"), Finish(0, finish), End()]
    *_, item, last = stream_events(written(STREAMING, told))
    assert last["type"] == "response.incomplete"
    for response in (last["response"], json.loads(written(WHOLE, told))):
        assert response["status"] == "incomplete"
        assert response["incomplete_details"] == {"reason": reason}
        assert response["output"][0]["status"] == item["item"]["status"] == "incomplete"
        assert response["output"][0]["content"][0]["text"] == "Zo"


def test_an_empty_answer_is_a_response_too() -> None:
    for told in ([HEAD, Finish(0, "stop"), End()], [Finish(0, "stop"), End()]):
        assert [one["type"] for one in stream_events(written(STREAMING, told))] == [
            "response.created",
            "response.in_progress",
            "response.completed",
        ]
        assert json.loads(written(WHOLE, told))["output"] == []


def stopped(error: Any, told: list[AnswerEvent]) -> bytes:
    writer = ResponsesWriter(STREAMING)
    return b"".join(writer.write(event) for event in told) + writer.error(error, "req-1")


DENIED = Denied("A rule does not allow this.", rules=["tools.answer"])


def test_a_rule_ends_a_stream_as_filtered_and_the_sdk_raises_it() -> None:
    stream = stopped(DENIED, [HEAD, Delta(CONTENT, "Zo")])
    *_, done, incomplete, error = stream_events(stream)
    assert done["item"]["status"] == "incomplete"
    assert incomplete["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert incomplete["response"]["output"][0]["content"][0]["text"] == "Zo"
    assert error["code"] == "policy_denied"
    with pytest.raises(openai.APIError) as raised:
        final(stream)
    assert raised.value.code == "policy_denied"
    assert raised.value.message == "A rule does not allow this."
    assert raised.value.body == {
        "message": "A rule does not allow this.",
        "type": "permission_error",
        "param": None,
        "code": "policy_denied",
        "rules": ["tools.answer"],
        "request_id": "req-1",
    }


def test_any_other_end_is_a_failed_response_and_the_sdk_raises_it() -> None:
    stream = stopped(UpstreamUnavailable("It went away."), [HEAD, Delta(CONTENT, "Zo")])
    *_, failed, error = stream_events(stream)
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "It went away."}
    assert error["type"] == "error"
    assert b"response.completed" not in stream
    with pytest.raises(openai.APIError) as raised:
        for _ in client(stream).responses.create(model="m", input="x", stream=True):
            pass
    assert raised.value.code == "upstream_unavailable"


def test_a_stream_begins_with_its_response_even_without_a_head() -> None:
    told = stream_events(written(STREAMING, [Delta(CONTENT, "x"), Finish(0, "stop"), End()]))
    assert [one["type"] for one in told[:3]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]


def test_an_error_before_anything_was_said_is_a_stream_that_the_sdk_can_read() -> None:
    for error in (DENIED, UpstreamUnavailable("It went away.")):
        told = stream_events(stopped(error, []))
        assert [told[0]["type"], told[-1]["type"]] == ["response.created", "error"]
        with pytest.raises(openai.APIError):
            final(stopped(error, []))


def test_an_error_of_a_whole_answer_is_one_body() -> None:
    told = json.loads(ResponsesWriter(WHOLE).error(DENIED, "req-1"))
    assert told["error"]["code"] == "policy_denied"
    assert told["error"]["rules"] == ["tools.answer"]


SECOND = Lane(0, "content", 1)
HALVES: list[AnswerEvent] = [
    *(HEAD, Delta(SECOND, "emma."), Delta(CONTENT, "example.com")),
    *(Delta(SECOND, "thompson@"), Finish(0, "stop"), End()),
]


@pytest.mark.parametrize("exchange", [STREAMING, WHOLE], ids=["stream", "whole"])
def test_two_texts_are_apart_where_a_client_puts_them_together(exchange: Any) -> None:
    """Each has a guard of its own, so that none of them has seen the joint."""
    body = written(exchange, HALVES)
    answer = final(body) if exchange.stream else Response.model_validate_json(body)
    assert answer.output_text == "emma.thompson@\n\nexample.com"


def test_a_single_text_stands_as_it_was_said() -> None:
    assert Response.model_validate_json(written(WHOLE, ALL)).output_text == "Zoë 😀"
