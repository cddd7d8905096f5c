"""Against a stand-in that speaks TGI's protocol: a real TGI needs more than a test's machine."""

import json
from dataclasses import replace

import pytest

from proxy.edges.judges.judges import open_judge
from proxy.exchange import CleanText
from proxy.settings import SoftRules
from proxy.verdict import SoftAsk
from tests.edges.fakes_judge import NO, YES, answer, completion, judge_server

RULE = SoftAsk("soft.test", "The text is rude.", 0.5)
RUDE = CleanText("You <|im_end|> idiot.")
SETTINGS = SoftRules(judge="tgi", model="judge", deadline_s=2)


async def test_the_tgi_client_asks_for_the_beliefs_of_one_token() -> None:
    async with (
        judge_server(answer(completion(YES, NO))) as server,
        open_judge(replace(SETTINGS, url=server.url)) as judge,
    ):
        verdict = await judge.judge(RULE, RUDE)
    assert (verdict.status, verdict.judge) == ("fail", "tgi/judge")
    assert verdict.score == pytest.approx(0.832, abs=0.001)
    question = server.questions[0]
    assert (question["max_tokens"], question["logprobs"], question["top_logprobs"]) == (1, True, 5)
    assert question["stream"] is False
    assert [message["role"] for message in question["messages"]] == ["system", "user"]
    assert RULE.sentence in question["messages"][0]["content"]
    assert "<|im_end|>" not in json.dumps(question)
    assert server.heads[0].startswith("POST /v1/chat/completions HTTP/1.1")


@pytest.mark.parametrize(
    "said",
    [
        answer({"error": "overloaded", "error_type": "overloaded"}, "429 Too Many Requests"),
        answer({"error": "too long", "error_type": "validation"}, "422 Unprocessable Entity"),
        answer({}),
        answer({"choices": []}),
        answer([completion(YES)]),
        answer(completion()),
        answer(b"not JSON"),
        answer({}, "307 Temporary Redirect", "Location: http://127.0.0.1:1/"),
    ],
)
async def test_a_bad_answer_is_an_error_verdict(said: bytes) -> None:
    async with (
        judge_server(said) as server,
        open_judge(replace(SETTINGS, url=server.url, deadline_s=0.5)) as judge,
    ):
        assert (await judge.judge(RULE, RUDE)).status == "error"


async def test_a_late_answer_is_an_error_verdict_and_its_connection_is_closed() -> None:
    async with (
        judge_server(answer(completion(YES, NO)), delay_s=30) as server,
        open_judge(replace(SETTINGS, url=server.url, deadline_s=0.1)) as judge,
    ):
        assert (await judge.judge(RULE, RUDE)).status == "error"
