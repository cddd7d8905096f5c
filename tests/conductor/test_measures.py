"""Answers without words on their way: embeddings, scores, classes, tokens."""

import json
from typing import Any

import pytest

from proxy.engines import UpstreamRoute
from proxy.errors import Denied, EngineUnavailable, UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Head, Lane, Score, Tokens, Usage, Vector
from proxy.verdict import SoftAsk, Withhold
from proxy.wire.registers import DIALECTS
from tests.conductor.plays import ANNA, Play
from tests.fakes import MAIL, ScriptedPolicies, ScriptedUpstream, allow, block
from tests.wire.rooms import read

WORDS = "anna@example.com"
VECTORS: tuple[AnswerEvent, ...] = (
    Head(0),
    Vector(0, (0.5, 0.25)),
    Vector(1, (0.125,)),
    Usage(4, 0),
    End(),
)
EMBED = read("openai_embeddings", {"model": "small", "input": ["The sea", f"Write to {WORDS}"]})
OF_ANSWER = SoftAsk("soft.answer", "It is forbidden.", 0.5, side="answer")


def play(*events: AnswerEvent, wire: str, **phases: Any) -> Play:
    upstream = ScriptedUpstream(*events)
    upstream.served = {"small": (UpstreamRoute("local", "weights-1", "", (wire,)),)}
    return Play(policies=ScriptedPolicies(**phases), upstream=upstream)


async def heard(stage: Play, exchange: Exchange) -> bytes:
    """What the caller would receive, in the dialect that they speak."""
    writer = DIALECTS[exchange.dialect].writer(exchange)
    said = []
    async with stage.conductor.converse(ANNA, exchange) as reply:
        async for out in reply.stream(writer):
            stage.heard.append(out)
            said.append(out)
    return b"".join(said)


async def test_vectors_come_back_for_what_is_left_when_the_rules_have_taken_theirs() -> None:
    stage = play(*VECTORS, wire="openai_embeddings", admission=allow(redact_prompt=(MAIL,)))
    said = json.loads(await heard(stage, EMBED))
    assert [one["embedding"] for one in said["data"]] == [[0.5, 0.25], [0.125]]
    assert said["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert WORDS.encode() not in stage.upstream.bodies[0]
    assert stage.tally.summaries[0].entities == {"EMAIL_ADDRESS": 1}
    assert stage.tally.summaries[0].operation == "embeddings"
    assert stage.tally.summaries[0].usage == Usage(4, 0)


async def test_the_rules_on_answers_are_asked_once_and_told_that_there_are_no_words() -> None:
    stage = play(*VECTORS, wire="openai_embeddings")
    await heard(stage, EMBED)
    assert stage.policies.phases_asked() == ["admission", "prompt", "answer"]
    asked = stage.policies.asked[-1]
    assert asked["operation"] == "embeddings"
    assert asked["answer"] == {
        "final": True,
        "lanes": [],
        "entities": {},
        "soft": {},
        "finish": {},
        "usage": {"prompt": 4, "completion": 0, "cached": 0, "reasoning": 0},
        "documents": [],
    }


@pytest.mark.parametrize(
    ("wire", "exchange", "events"),
    [
        ("openai_embeddings", EMBED, VECTORS),
        (
            "vllm_rerank",
            read("vllm_rerank", {"model": "small", "query": "q", "documents": ["a"]}),
            (Score(0, 0.625), End()),
        ),
        (
            "vllm_tokenize",
            read("vllm_tokenize", {"model": "small", "prompt": "a"}),
            (Tokens(1, (625,)), End()),
        ),
        (
            "vllm_detokenize",
            read("vllm_detokenize", {"model": "small", "tokens": [625]}),
            (Delta(Lane(0, "content"), "625"), Finish(0, "stop"), End()),
        ),
        ("tei_predict", read("tei_predict", {"inputs": "a"}, model="small"), (Score(0, 0.625, "joy"), End())),
    ],
)
async def test_a_rule_on_answers_keeps_every_number_from_the_caller(
    wire: str, exchange: Exchange, events: tuple[AnswerEvent, ...]
) -> None:
    stage = play(*events, wire=wire, answer=block())
    with pytest.raises(Denied):
        await heard(stage, exchange)
    assert b"".join(stage.heard) == b""
    assert stage.tally.summaries[0].status == "blocked"
    assert stage.journal.tickets[0].record is None
    assert await heard(play(*events, wire=wire), exchange)


@pytest.mark.parametrize(
    "events",
    [
        (Vector(0, (0.5,)), End()),
        (End(),),
        (Vector(0, (0.5,)), Vector(1, (0.5,))),
        (Vector(0, (0.5,)), Vector(1, (0.5,)), Vector(2, (0.5,)), End()),
        (Vector(0, (0.5,)), UpstreamUnavailable("It has gone.")),
    ],
)
async def test_vectors_that_are_too_few_or_too_many_are_no_answer(events: tuple[Any, ...]) -> None:
    stage = play(*events, wire="openai_embeddings")
    with pytest.raises(UpstreamUnavailable):
        await heard(stage, EMBED)
    assert b"".join(stage.heard) == b""


async def test_each_of_several_texts_must_have_its_score() -> None:
    exchange = read("vllm_rerank", {"model": "small", "query": "q", "documents": ["a", "b"], "top_n": 1})
    with pytest.raises(UpstreamUnavailable):
        await heard(play(Score(1, 0.5), End(), wire="vllm_rerank"), exchange)
    said = json.loads(await heard(play(Score(1, 0.5), Score(0, 0.25), End(), wire="vllm_rerank"), exchange))
    assert [(one["index"], one["document"]["text"]) for one in said["results"]] == [(1, "b")]


async def test_a_reranked_document_is_withheld_and_the_others_keep_their_numbers() -> None:
    documents = [{"text": "Secret.", "id": "fin"}, "Water."]
    exchange = read("vllm_rerank", {"model": "small", "query": "q", "documents": documents})
    stage = play(
        Score(0, 0.1), Score(1, 0.9), End(),
        wire="vllm_rerank",
        admission=allow(withhold=(Withhold("fin", notice=False),)),
    )  # fmt: skip
    said = json.loads(await heard(stage, exchange))
    assert b"Secret" not in stage.upstream.bodies[0]
    assert json.loads(stage.upstream.bodies[0])["documents"] == ["-", "Water."]
    assert [one["index"] for one in said["results"]] == [1, 0]


async def test_the_text_of_tokens_passes_the_guard_and_is_recorded() -> None:
    exchange = read("vllm_detokenize", {"model": "small", "tokens": [1, 2]})
    stage = play(
        Delta(Lane(0, "content"), f"Write to {WORDS}"), Finish(0, "stop"), End(),
        wire="vllm_detokenize",
        admission=allow(redact_answer=(MAIL,)),
    )  # fmt: skip
    said = json.loads(await heard(stage, exchange))["prompt"]
    assert said.startswith("Write to ")
    assert WORDS not in said
    assert WORDS not in json.dumps(stage.journal.tickets[0].record)
    assert stage.policies.asked[0]["unscannable"] == [{"where": "tokens", "kind": "token_ids"}]


async def test_a_soft_rule_on_answers_has_nothing_to_judge_in_numbers_and_judges_words() -> None:
    stage = play(*VECTORS, wire="openai_embeddings", admission=allow(soft=(OF_ANSWER,)))
    assert await heard(stage, EMBED)
    assert stage.judge.asked == []
    exchange = read("vllm_detokenize", {"model": "small", "tokens": [1]})
    stage = play(
        Delta(Lane(0, "content"), "a forbidden word"), Finish(0, "stop"), End(),
        wire="vllm_detokenize",
        admission=allow(soft=(OF_ANSWER,)),
    )  # fmt: skip
    await heard(stage, exchange)
    assert stage.judge.asked == [("soft.answer", "a forbidden word")]


async def test_a_late_demand_on_numbers_blocks() -> None:
    stage = play(*VECTORS, wire="openai_embeddings", answer=allow(redact_answer=(MAIL,)))
    with pytest.raises(EngineUnavailable):
        await heard(stage, EMBED)
    assert b"".join(stage.heard) == b""


async def test_texts_of_several_prompts_are_guarded_and_restored_each_on_its_lane() -> None:
    exchange = read(
        "openai_completions",
        {"model": "small", "stream": True, "prompt": [f"Write to {WORDS}", "The sea"], "suffix": WORDS},
    )
    stage = play(wire="openai_completions", admission=allow(redact_prompt=(MAIL,)))
    stage.upstream.events = (
        Head(0),
        Delta(Lane(1, "content"), "is "),
        Delta(Lane(0, "content"), "<EMAIL_"),
        Finish(1, "stop"),
        Finish(0, "stop"),
        End(),
    )
    said = (await heard(stage, exchange)).decode()
    assert WORDS not in stage.upstream.bodies[0].decode()
    sent = json.loads(stage.upstream.bodies[0])
    pseudonym = sent["suffix"]
    assert sent["prompt"] == [f"Write to {pseudonym}", "The sea"]
    assert said.endswith("data: [DONE]\n\n")
    stage.upstream.events = (
        Delta(Lane(0, "content"), pseudonym[:7]),
        Delta(Lane(0, "content"), pseudonym[7:]),
        Finish(0, "stop"),
        Finish(1, "stop"),
        End(),
    )
    assert WORDS in (await heard(stage, exchange)).decode()
