import asyncio
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from proxy.edges.judges.channel import ANSWER_BYTES, HttpChannel, JudgeFailed
from proxy.edges.judges.judges import MAX_PIECES, NoJudge, PieceJudge, _scorer, open_judge
from proxy.errors import ConfigInvalid
from proxy.exchange import CleanText
from proxy.settings import SoftRules
from proxy.soft import NoScore
from proxy.verdict import SoftAsk
from tests.edges.fakes_judge import NO, YES, JudgeServer, answer, completion, judge_server

RULE = SoftAsk("soft.test", "The text is rude.", 0.5)
RUDE = CleanText("You idiot.")


class Scripted:
    """A scorer that tells a score by the text, or raises; remembers what it was asked."""

    def __init__(self, said: float | Exception = 0.25, delay_s: float = 0.0) -> None:
        self.said = said
        self.delay_s = delay_s
        self.texts: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def score(self, sentence: str, text: str) -> float:
        self.texts.append(text)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.at_once -= 1
        if isinstance(self.said, Exception):
            raise self.said
        return 0.9 if "rude" in text else self.said


def judge_of(scorer: Scripted, *, deadline_s: float = 5, max_chars: int = 100, turns: int = 4) -> PieceJudge:
    return PieceJudge(scorer, name="fake", deadline_s=deadline_s, max_chars=max_chars, concurrency=turns)


async def test_a_score_becomes_the_rules_verdict() -> None:
    verdict = await judge_of(Scripted(0.7)).judge(RULE, RUDE)
    assert (verdict.rule, verdict.status, verdict.score, verdict.judge) == ("soft.test", "fail", 0.7, "fake")
    assert (await judge_of(Scripted(0.2)).judge(RULE, RUDE)).status == "pass"


async def test_the_worst_piece_of_a_long_text_is_its_score() -> None:
    scorer = Scripted(0.1)
    text = CleanText("x" * 250 + " rude " + "x" * 250)
    verdict = await judge_of(scorer).judge(RULE, text)
    assert (verdict.status, verdict.score) == ("fail", 0.9)
    assert len(scorer.texts) > 5


@pytest.mark.parametrize("fault", [JudgeFailed("gone"), NoScore("none"), TimeoutError()])
async def test_a_judges_fault_is_an_error_verdict_and_is_not_raised(fault: Exception) -> None:
    verdict = await judge_of(Scripted(fault)).judge(RULE, RUDE)
    assert (verdict.status, verdict.score) == ("error", None)


async def test_our_own_fault_is_raised_and_not_taken_for_a_verdict() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await judge_of(Scripted(ZeroDivisionError())).judge(RULE, RUDE)
    assert raised.group_contains(ZeroDivisionError)


@pytest.mark.parametrize("said", [math.nan, 1.5, -0.1])
async def test_a_score_out_of_range_is_an_error_verdict(said: float) -> None:
    assert (await judge_of(Scripted(said)).judge(RULE, RUDE)).status == "error"


async def test_a_late_verdict_is_no_verdict() -> None:
    scorer = Scripted(0.0, delay_s=5)
    verdict = await judge_of(scorer, deadline_s=0.02).judge(RULE, RUDE)
    assert verdict.status == "error"
    assert scorer.at_once == 0


async def test_waiting_for_a_turn_counts_against_the_deadline() -> None:
    scorer = Scripted(0.0, delay_s=0.2)
    judge = judge_of(scorer, deadline_s=0.3, turns=1)
    verdicts = await asyncio.gather(*(judge.judge(RULE, CleanText(str(n))) for n in range(4)))
    assert sorted(verdict.status for verdict in verdicts) == ["error", "error", "error", "pass"]


async def test_no_more_than_the_configured_questions_are_asked_at_once() -> None:
    scorer = Scripted(0.0, delay_s=0.005)
    judge = judge_of(scorer, turns=3)
    await asyncio.gather(*(judge.judge(RULE, CleanText("x" * 300)) for _ in range(4)))
    assert scorer.most_at_once == 3


async def test_a_text_of_too_many_pieces_has_no_verdict_and_is_not_asked_about() -> None:
    scorer = Scripted(0.0)
    assert (await judge_of(scorer).judge(RULE, CleanText("x" * 88 * (MAX_PIECES + 1)))).status == "error"
    assert scorer.texts == []
    assert (await judge_of(scorer).judge(RULE, CleanText("x" * 88 * MAX_PIECES))).status == "pass"


async def test_a_cancelled_question_is_cancelled_and_gives_its_turn_back() -> None:
    scorer = Scripted(0.0, delay_s=5)
    judge = judge_of(scorer, turns=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await judge.judge(RULE, RUDE)
    scorer.delay_s = 0
    assert (await judge.judge(RULE, RUDE)).status == "pass"


async def test_without_a_judge_there_is_no_verdict() -> None:
    async with open_judge(SoftRules()) as judge:
        assert isinstance(judge, NoJudge)
        assert (await judge.judge(RULE, RUDE)).status == "error"


def settings(server: JudgeServer, **changes: object) -> SoftRules:
    return replace(SoftRules(judge="openai", url=server.url, model="judge", deadline_s=2), **changes)  # type: ignore[arg-type]


async def test_the_configured_judge_asks_its_server_once_for_the_same_question() -> None:
    async with judge_server(answer(completion(YES, NO))) as server, open_judge(settings(server)) as judge:
        first, second = await judge.judge(RULE, RUDE), await judge.judge(RULE, RUDE)
    assert first == second
    assert (first.status, first.judge) == ("fail", "openai/judge")
    assert len(server.questions) == 1
    question = server.questions[0]
    assert (question["model"], question["max_tokens"], question["temperature"]) == ("judge", 1, 0)
    assert question["logprobs"] is True


async def test_the_json_method_constrains_the_output() -> None:
    said = answer(completion(content='{"answer": "no"}'))
    async with judge_server(said) as server, open_judge(settings(server, method="json")) as judge:
        verdict = await judge.judge(RULE, RUDE)
    assert (verdict.status, verdict.score) == ("pass", 0.0)
    assert server.questions[0]["response_format"]["json_schema"]["strict"] is True


async def test_the_judge_gets_its_key_and_nothing_of_ours(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-judge\n")
    async with (
        judge_server(answer(completion(YES, NO))) as server,
        open_judge(settings(server, key_file=key, url=f"{server.url}/v1")) as judge,
    ):
        await judge.judge(RULE, RUDE)
    head = server.heads[0].lower()
    assert head.startswith("post /v1/chat/completions http/1.1")
    assert "authorization: bearer sk-judge" in head
    assert "cookie" not in head
    assert "accept-encoding: identity" in head


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "clé"])
async def test_a_key_that_is_none_is_a_problem_that_does_not_show_it(tmp_path: Path, content: str) -> None:
    key = tmp_path / "key"
    key.write_text(content)
    with pytest.raises(ConfigInvalid) as raised:
        async with open_judge(SoftRules(judge="openai", url="http://127.0.0.1:1", model="m", key_file=key)):
            pass
    assert not content or content not in str(raised.value)


async def test_a_missing_key_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="key_file"):
        async with open_judge(SoftRules(judge="openai", url="http://127.0.0.1:1", key_file=tmp_path / "no")):
            pass


async def test_a_missing_tgi_client_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "text_generation", None)
    monkeypatch.delitem(sys.modules, "proxy.edges.judges.tgi", raising=False)
    with pytest.raises(ConfigInvalid, match=r"sluicegate\[tgi\]"):
        async with open_judge(SoftRules(judge="tgi", url="http://127.0.0.1:1")):
            pass


GOOD = json.dumps(completion(YES, NO)).encode()
# What would be a verdict but for the one thing that is wrong with it.
BAD = {
    "an error status": answer(GOOD, "503 Service Unavailable"),
    "a redirect": answer(GOOD, "307 Temporary Redirect", "Location: http://127.0.0.1:1/elsewhere"),
    "another success": answer(GOOD, "202 Accepted"),
    "a refusal": answer(GOOD, "400 Bad Request"),
    "no JSON": answer(b"<html>"),
    "half a JSON": answer(b'{"choices": [{"logprobs"'),
    "NaN": answer(b'{"choices": NaN}'),
    "no beliefs": answer(completion()),
    "another shape": answer([1, 2]),
    "null": answer(None),
    "too long": answer(GOOD.rjust(ANSWER_BYTES + 1)),
    "no HTTP": b"hello\r\n\r\n",
    "cut off": answer(GOOD)[:-20].replace(b"Content-Length", b"Connection: close\r\nContent-Length"),
    "nothing": b"",
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_answer_is_an_error_verdict(what: str) -> None:
    async with judge_server(BAD[what]) as server, open_judge(settings(server, deadline_s=0.5)) as judge:
        verdict = await judge.judge(RULE, RUDE)
    assert (verdict.status, verdict.score) == ("error", None)


async def test_an_answer_at_the_bound_of_its_length_is_read() -> None:
    said = answer(GOOD.rjust(ANSWER_BYTES))
    async with judge_server(said) as server, open_judge(settings(server)) as judge:
        assert (await judge.judge(RULE, RUDE)).status == "fail"


async def test_errors_are_asked_about_again() -> None:
    async with judge_server(answer({}, "500 Oops")) as server, open_judge(settings(server)) as judge:
        assert (await judge.judge(RULE, RUDE)).status == "error"
        server.said = answer(completion(YES, NO))
        assert (await judge.judge(RULE, RUDE)).status == "fail"


async def test_nobody_listening_is_an_error_verdict() -> None:
    async with judge_server(b"") as server:
        pass
    async with open_judge(settings(server)) as judge:
        assert (await judge.judge(RULE, RUDE)).status == "error"


async def test_a_redirect_is_not_followed() -> None:
    async with judge_server(answer(completion(YES, NO))) as elsewhere:
        said = answer({}, "307 Temporary Redirect", f"Location: {elsewhere.url}/v1/chat/completions")
        async with judge_server(said) as server, open_judge(settings(server)) as judge:
            assert (await judge.judge(RULE, RUDE)).status == "error"
    assert elsewhere.questions == []


async def test_a_late_or_cancelled_question_closes_its_connection() -> None:
    async with (
        judge_server(answer(completion(YES, NO)), delay_s=30) as server,
        open_judge(settings(server, deadline_s=0.1)) as judge,
    ):
        assert (await judge.judge(RULE, RUDE)).status == "error"
        for _ in range(100):
            if not server.open:
                break
            await asyncio.sleep(0.01)
        assert server.open == 0


async def test_a_connection_that_was_given_up_answers_no_other_question() -> None:
    async with judge_server(answer(completion(YES, NO)), delay_s=0.05) as server:
        channel = HttpChannel(server.url, connections=1)
        try:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await channel.post("/v1/chat/completions", {"asked": "given up"})
            told = await channel.post("/v1/chat/completions", {"asked": "answered"})
        finally:
            await channel.close()
    assert told["choices"]
    assert server.questions[-1] == {"asked": "answered"}


def test_nothing_of_a_question_stands_in_an_error() -> None:
    for fault in (JudgeFailed("the judge's answer is too long"), NoScore("no score")):
        assert "idiot" not in repr(fault)


def test_every_configured_method_has_a_scorer() -> None:
    channel = object()
    methods: tuple[Literal["answer", "json", "description"], ...] = ("answer", "json", "description")
    for method in methods:
        chosen = SoftRules(judge="openai", method=method, model="m")
        assert _scorer(chosen, channel) is not None  # type: ignore[arg-type]
