import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Denied, UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Head, Lane, Tokens, ToolOpen, Usage
from proxy.wire.anthropic.writer import CountWriter, MessageWriter
from proxy.wire.registers import DIALECTS
from tests.wire.anthropic.assembling import Assembled, assemble, told
from tests.wire.anthropic.requests import ask, read, read_count
from tests.wire.anthropic.requests import count as counting
from tests.wire.anthropic.upstreams import LLAMA, LLAMA_WHOLE, STREAMS, TOOLS, events
from tests.wire.openai_chat import upstreams as chat

STREAMING = read(ask(stream=True, stop_sequences=["END"]))
WHOLE = read(ask(stop_sequences=["END"]))
HEAD = Head(7)
CONTENT, REASONING, REFUSAL = Lane(0, "content"), Lane(0, "reasoning"), Lane(0, "refusal")
FIRST, SECOND = Lane(0, "tool", 0), Lane(0, "tool", 1)


def written(exchange: Exchange, answer: list[AnswerEvent] | None) -> bytes:
    assert answer is not None
    writer = MessageWriter(exchange)
    return b"".join(writer.write(event) for event in answer)


def streamed(*answer: AnswerEvent) -> Assembled:
    made = assemble(written(STREAMING, [HEAD, *answer]))
    assert made.ended
    return made


def whole(*answer: AnswerEvent) -> Any:
    return json.loads(written(WHOLE, [HEAD, *answer]))


def both(*answer: AnswerEvent) -> dict[str, Any]:
    """The same message, in whichever way it is asked for."""
    message = whole(*answer)
    assert streamed(*answer).message == message
    return message


def test_a_message_has_the_names_of_the_caller_and_the_usage_of_the_upstream() -> None:
    assert both(Delta(CONTENT, "Hi"), Delta(CONTENT, "!"), Finish(0, "stop"), Usage(32, 3, 31), End()) == {
        "id": "msg_x-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi!"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 31,
            "output_tokens": 3,
        },
    }


def test_a_stream_has_the_events_of_the_protocol_in_their_order() -> None:
    assert streamed(Delta(CONTENT, "a"), Delta(CONTENT, "b"), Finish(0, "stop"), End()).names == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]


def test_thoughts_words_and_calls_are_blocks_one_after_the_other() -> None:
    message = both(
        Delta(REASONING, "h"),
        Delta(REASONING, "m"),
        Delta(CONTENT, "so"),
        ToolOpen(FIRST, "c1", "find"),
        Delta(FIRST, '{"a":1}'),
        ToolOpen(SECOND, "c2", "wait"),
        Finish(0, "tool_calls"),
        End(),
    )
    assert message["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "so"},
        {"type": "tool_use", "id": "c1", "name": "find", "input": {"a": 1}},
        {"type": "tool_use", "id": "c2", "name": "wait", "input": {}},
    ]
    assert message["stop_reason"] == "tool_use"


def test_lanes_that_take_turns_are_blocks_of_their_own_and_calls_come_last() -> None:
    message = streamed(
        Delta(CONTENT, "a"),
        ToolOpen(SECOND, "c2", "wait"),
        Delta(REASONING, "b"),
        ToolOpen(FIRST, "c1", "find"),
        Delta(SECOND, '{"x"'),
        Delta(FIRST, "{}"),
        Delta(CONTENT, "c"),
        Delta(SECOND, ":2}"),
        Finish(0, "tool_calls"),
        End(),
    ).message
    assert [one["type"] for one in message["content"]] == ["text", "thinking", "text", "tool_use", "tool_use"]
    assert [one.get("input") for one in message["content"][3:]] == [{}, {"x": 2}]


def test_a_refusal_is_told_in_text_and_as_the_reason() -> None:
    message = both(Delta(REFUSAL, "No."), Finish(0, "stop"), End())
    assert message["content"] == [{"type": "text", "text": "No."}]
    assert message["stop_reason"] == "refusal"


@pytest.mark.parametrize(
    ("finish", "reason", "sequence"),
    [
        (Finish(0, "stop"), "end_turn", None),
        (Finish(0, "length"), "max_tokens", None),
        (Finish(0, "tool_calls"), "tool_use", None),
        (Finish(0, "content_filter"), "refusal", None),
        (Finish(0, "stop", "END"), "stop_sequence", "END"),
        (Finish(0, "stop", "words of the server"), "end_turn", None),
    ],
)
def test_reasons_to_stop_are_those_of_the_protocol(finish: Finish, reason: str, sequence: str | None) -> None:
    message = both(Delta(CONTENT, "a"), finish, End())
    assert (message["stop_reason"], message["stop_sequence"]) == (reason, sequence)


def test_a_call_is_the_reason_to_stop_even_where_the_server_says_just_stop() -> None:
    assert (
        both(ToolOpen(FIRST, "c", "f"), Delta(FIRST, "{}"), Finish(0, "stop"), End())["stop_reason"]
        == "tool_use"
    )


@pytest.mark.parametrize("arguments", ["words", "[1]", "1", '{"a":', '{"a":1,"a":2}'])
def test_arguments_that_are_no_object_are_passed_on_as_text_or_not_at_all(arguments: str) -> None:
    answer: list[AnswerEvent] = [
        HEAD,
        ToolOpen(FIRST, "c", "f"),
        Delta(FIRST, arguments),
        Finish(0, "length"),
        End(),
    ]
    deltas = [
        one["delta"] for one in told(written(STREAMING, answer)) if one["type"] == "content_block_delta"
    ]
    assert deltas == [{"type": "input_json_delta", "partial_json": arguments}]
    with pytest.raises(UpstreamUnavailable) as refused:
        written(WHOLE, answer)
    assert arguments not in refused.value.reason


def test_an_answer_of_nothing_is_an_empty_message() -> None:
    message = both(Finish(0, "stop"), End())
    assert message["content"] == []
    assert written(STREAMING, [Finish(0, "stop"), End()]).startswith(b"event: message_start")


def test_an_answer_without_an_id_gets_the_exchanges_own() -> None:
    assert json.loads(written(WHOLE, [Head(0), End()]))["id"] == "msg_x-1"


def test_nothing_is_said_before_there_is_something_to_say() -> None:
    writer = MessageWriter(STREAMING)
    assert writer.write(HEAD) == b""
    assert writer.write(ToolOpen(FIRST, "c", "f")) == b""
    assert writer.write(Usage(1, 1)) == b""
    assert writer.write(Delta(CONTENT, "a"))
    writer = MessageWriter(WHOLE)
    assert [writer.write(one) for one in (HEAD, Delta(CONTENT, "a"), Finish(0, "stop"))] == [b"", b"", b""]
    assert writer.write(End())


def test_a_rule_that_stops_a_stream_closes_the_block_says_refusal_and_raises_at_the_client() -> None:
    writer = MessageWriter(STREAMING)
    stream = b"".join(
        writer.write(one) for one in (HEAD, Delta(CONTENT, "so far"), ToolOpen(FIRST, "c", "f"))
    )
    made = assemble(stream + writer.error(Denied("Not for you.", rules=["answers.secret"]), "req-1"))
    assert made.names[-3:] == ["content_block_stop", "message_delta", "error"]
    assert made.message["content"] == [{"type": "text", "text": "so far"}]
    assert made.message["stop_reason"] == "refusal"
    assert made.error_event is not None
    assert made.error_event["error"]["code"] == "policy_denied"
    assert made.error_event["error"]["rules"] == ["answers.secret"]
    assert made.error_event["request_id"] == "req-1"
    assert not made.ended


def test_a_failure_in_a_stream_closes_the_block_and_gives_no_reason_to_stop() -> None:
    writer = MessageWriter(STREAMING)
    stream = writer.write(Delta(CONTENT, "so far"))
    made = assemble(stream + writer.error(UpstreamUnavailable("Gone."), "r"))
    assert made.names[-2:] == ["content_block_stop", "error"]
    assert made.message["stop_reason"] is None


def test_an_error_before_any_event_is_a_whole_event() -> None:
    made = assemble(MessageWriter(STREAMING).error(Denied("No."), "r"))
    assert made.names == ["error"]
    assert json.loads(MessageWriter(WHOLE).error(Denied("No."), "r"))["error"]["code"] == "policy_denied"


def test_what_keeps_a_stream_warm_is_an_event_of_the_protocol() -> None:
    assert told(DIALECTS["anthropic_messages"].comment) == [{"type": "ping"}]


def test_a_block_is_closed_once() -> None:
    writer = MessageWriter(STREAMING)
    answer: list[AnswerEvent] = [Delta(CONTENT, "a"), Finish(0, "stop"), End()]
    stream = b"".join(writer.write(event) for event in answer)
    stream += writer.error(UpstreamUnavailable("Gone."), "r")
    assert stream.count(b"event: content_block_stop") == 1


@pytest.mark.parametrize("name", STREAMS)
def test_what_was_written_is_read_back_as_the_same_events(name: str) -> None:
    expected = events([STREAMS[name]])
    assert expected is not None
    assert joined(events([written(STREAMING, expected)])) == joined(expected)
    assert joined(events([written(WHOLE, expected)], stream=False)) == joined(expected)


def joined(answer: list[AnswerEvent] | None) -> Any:
    """Texts by lane, and the rest, in order."""
    assert answer is not None
    lanes: dict[Lane, str] = {}
    for one in answer:
        if isinstance(one, Delta):
            lanes[one.lane] = lanes.get(one.lane, "") + one.text
    return lanes, [one for one in answer if not isinstance(one, Delta)]


@pytest.mark.parametrize("name", STREAMS)
def test_however_the_upstream_is_cut_the_client_reads_the_same_bytes(name: str) -> None:
    stream = STREAMS[name]
    expected = written(STREAMING, events([stream]))
    for i in range(0, len(stream), 7):
        assert written(STREAMING, events([stream[:i], stream[i:]])) == expected


@pytest.mark.parametrize("name", chat.STREAMS)
def test_answers_of_servers_that_speak_openais_chat_become_messages(name: str) -> None:
    answer = chat.events([chat.STREAMS[name]])
    assert answer is not None
    first = [one for one in answer if getattr(getattr(one, "lane", None), "choice", 0) == 0]
    made = assemble(written(STREAMING, first))
    assert made.ended
    if name == "tools":
        assert [one["input"] for one in made.message["content"]] == [{"city": "Köln"}, {}]
        assert made.message["stop_reason"] == "tool_use"


def test_nothing_of_the_upstreams_own_name_of_the_model_reaches_the_caller() -> None:
    assert b"gguf" not in written(STREAMING, events([LLAMA])) + written(STREAMING, events([TOOLS]))
    assert b"gguf" not in written(WHOLE, events([LLAMA_WHOLE], stream=False))


def test_a_count_of_tokens_is_told_when_it_is_there() -> None:
    writer = CountWriter(read_count(counting()))
    assert writer.write(Tokens(32)) == b""
    assert json.loads(writer.write(End())) == {"input_tokens": 32}
    assert json.loads(writer.error(Denied("No."), "r"))["type"] == "error"


@given(st.lists(st.tuples(st.sampled_from([CONTENT, REASONING, REFUSAL]), st.text(max_size=8)), max_size=6))
def test_any_text_arrives_as_it_is_on_whatever_lanes(pieces: list[tuple[Lane, str]]) -> None:
    message = streamed(*(Delta(lane, text) for lane, text in pieces), Finish(0, "stop"), End()).message
    for kind, lanes in (("text", ("content", "refusal")), ("thinking", ("reasoning",))):
        expected = "".join(text for lane, text in pieces if lane.kind in lanes)
        assert "".join(one[kind] for one in message["content"] if one["type"] == kind) == expected
