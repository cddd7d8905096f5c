import json
from base64 import b64encode
from struct import pack
from typing import Any

import pytest

from proxy.errors import Denied, RateLimited, UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, ToolOpen, Usage, Vector
from proxy.wire.ollama.reader import TextReader
from proxy.wire.ollama.writer import CHAT_COMMENT, GENERATE_COMMENT, error_body
from tests.wire.ollama.calls import BY_NAME, chat, read
from tests.wire.ollama.examples import CREATED

CONTENT, REASONING, TOOL = Lane(0, "content"), Lane(0, "reasoning"), Lane(0, "tool", 0)
ANSWER: list[AnswerEvent] = [
    Head(CREATED),
    Delta(REASONING, "Hm"),
    Delta(CONTENT, "Zoë"),
    Delta(CONTENT, ", 😀\u2028\n"),
    Finish(0, "stop"),
    Usage(26, 298),
    End(),
]
CALLS: list[AnswerEvent] = [
    Head(CREATED),
    ToolOpen(TOOL, "a1", "find"),
    Delta(TOOL, '{"city":"Köln"}'),
    ToolOpen(Lane(0, "tool", 1), "a2", "wait"),
    Delta(Lane(0, "tool", 1), ""),
    Finish(0, "tool_calls"),
    End(),
]
FIGURES = {
    "total_duration": 0,
    "load_duration": 0,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 0,
    "eval_count": 298,
    "eval_duration": 0,
}
AT = {"model": "m", "created_at": "2023-12-12T14:13:43Z"}
PROMPT = {"model": "m", "prompt": "a"}


def written(name: str, body: dict[str, Any], *events: AnswerEvent) -> list[Any]:
    exchange = read(name, body)
    writer = BY_NAME[name].writer(exchange)
    said = b"".join(writer.write(event) for event in events).decode()
    return [json.loads(one) for one in (said.splitlines() if exchange.stream else [said])]


def test_a_chat_is_streamed_in_lines() -> None:
    assert written("ollama_chat", chat(), *ANSWER) == [
        AT | {"message": {"role": "assistant", "content": "", "thinking": "Hm"}, "done": False},
        AT | {"message": {"role": "assistant", "content": "Zoë"}, "done": False},
        AT | {"message": {"role": "assistant", "content": ", 😀\u2028\n"}, "done": False},
        AT | {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"} | FIGURES,
    ]


def test_a_chat_is_told_whole() -> None:
    message = {"role": "assistant", "content": "Zoë, 😀\u2028\n", "thinking": "Hm"}
    assert written("ollama_chat", chat(stream=False), *ANSWER) == [
        AT | {"message": message, "done": True, "done_reason": "stop"} | FIGURES
    ]


def test_a_prompt_is_continued_in_lines_and_whole() -> None:
    assert written("ollama_generate", PROMPT, *ANSWER) == [
        AT | {"response": "", "thinking": "Hm", "done": False},
        AT | {"response": "Zoë", "done": False},
        AT | {"response": ", 😀\u2028\n", "done": False},
        AT | {"response": "", "done": True, "done_reason": "stop"} | FIGURES,
    ]
    [whole] = written("ollama_generate", PROMPT | {"stream": False}, *ANSWER)
    assert whole == AT | FIGURES | {
        "response": "Zoë, 😀\u2028\n",
        "thinking": "Hm",
        "done": True,
        "done_reason": "stop",
    }


def test_calls_of_tools_have_objects_as_arguments() -> None:
    first = {"id": "a1", "function": {"index": 0, "name": "find", "arguments": {"city": "Köln"}}}
    second = {"id": "a2", "function": {"index": 1, "name": "wait", "arguments": {}}}
    *streamed, last = written("ollama_chat", chat(), *CALLS)
    assert [one["message"]["tool_calls"] for one in streamed] == [[first], [second]]
    assert last["done_reason"] == "stop"
    assert "tool_calls" not in last["message"]
    [whole] = written("ollama_chat", chat(stream=False), *CALLS)
    assert whole["message"]["tool_calls"] == [first, second]


@pytest.mark.parametrize("arguments", ["[]", "1", "null", '"x"', "{", "not anna's JSON"])
def test_arguments_that_are_no_object_end_the_answer(arguments: str) -> None:
    writer = BY_NAME["ollama_chat"].writer(read("ollama_chat", chat()))
    writer.write(ToolOpen(TOOL, "a1", "find"))
    with pytest.raises(UpstreamUnavailable) as unavailable:
        writer.write(Delta(TOOL, arguments))
    assert "anna" not in unavailable.value.reason


@pytest.mark.parametrize(("reason", "told"), [("length", "length"), ("content_filter", "content_filter")])
def test_the_reason_of_the_end_is_told(reason: str, told: str) -> None:
    assert written("ollama_chat", chat(), Finish(0, reason), End())[-1]["done_reason"] == told


def test_a_refusal_is_text_because_there_is_no_other_word_for_it() -> None:
    [line] = written("ollama_chat", chat(), Delta(Lane(0, "refusal"), "No."))
    assert line["message"]["content"] == "No."


@pytest.mark.parametrize("created", [0, 253_402_300_799, 253_402_300_800, 2**53 - 1])
def test_any_time_that_a_reader_lets_through_can_be_told(created: int) -> None:
    [line] = written("ollama_chat", chat(), Head(created), End())
    assert line["created_at"].endswith("Z")


def test_what_is_written_is_read_again_as_the_same_texts() -> None:
    writer = BY_NAME["ollama_chat"].writer(read("ollama_chat", chat()))
    reader = TextReader(stream=True)
    again = [one for event in ANSWER for one in reader.feed(writer.write(event))]
    assert [one for one in again if isinstance(one, Delta)] == [
        one for one in ANSWER if isinstance(one, Delta)
    ]


def test_a_comment_is_a_piece_of_an_answer_with_nothing_in_it() -> None:
    reader = TextReader(stream=True)
    assert all(not isinstance(one, Delta) for one in reader.feed(CHAT_COMMENT + GENERATE_COMMENT))
    assert BY_NAME["ollama_chat"].comment == CHAT_COMMENT
    assert BY_NAME["ollama_generate"].comment == GENERATE_COMMENT


def test_embeddings_are_told_in_their_order() -> None:
    vectors: list[AnswerEvent] = [Vector(1, (0.5, 2.0)), Vector(0, (0.25, -1.0)), Usage(8, 0), End()]
    [told] = written("ollama_embed", {"model": "m", "input": ["a", "b"]}, *vectors)
    assert told == {
        "model": "m",
        "embeddings": [[0.25, -1.0], [0.5, 2.0]],
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 8,
    }
    [old] = written("ollama_embeddings", PROMPT, Vector(0, (0.25, -1.0)), End())
    assert old == {"embedding": [0.25, -1.0]}


def test_an_embedding_that_came_as_base64_is_told_as_numbers() -> None:
    coded = b64encode(pack("<2f", 0.25, -1.0)).decode()
    [told] = written("ollama_embed", {"model": "m", "input": "a"}, Vector(0, coded), End())
    assert told["embeddings"] == [[0.25, -1.0]]
    with pytest.raises(UpstreamUnavailable):
        written("ollama_embed", {"model": "m", "input": "a"}, Vector(0, "AAAA"))


def test_an_error_is_a_word_with_our_codes_beside_it() -> None:
    told = json.loads(error_body(Denied("Not for you.", rules=["a/b"]), "r-1"))
    assert told == {
        "error": "Not for you. (policy_denied: a/b)",
        "code": "policy_denied",
        "param": None,
        "rules": ["a/b"],
        "request_id": "r-1",
    }


@pytest.mark.parametrize("name", ["ollama_chat", "ollama_generate"])
def test_a_stream_that_a_rule_stopped_says_so_in_its_last_line(name: str) -> None:
    writer = BY_NAME[name].writer(read(name, chat() if name == "ollama_chat" else PROMPT))
    writer.write(Delta(CONTENT, "Zoë"))
    told = writer.error(Denied("Not for you.", rules=["a/b"]), "r-1")
    assert told.endswith(b"\n")
    line = json.loads(told)
    assert (line["error"], line["done"], line["done_reason"]) == (
        "Not for you. (policy_denied: a/b)",
        True,
        "content_filter",
    )
    assert "done" not in json.loads(writer.error(RateLimited("Too many."), "r-1"))
