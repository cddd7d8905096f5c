import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conductor.answering import UNASKED_CHARS
from proxy.engines import UpstreamRoute
from proxy.errors import Denied, EngineUnavailable, SoftRuleDenied, UpstreamUnavailable
from proxy.exchange import AnswerEvent, CleanText, Delta, End, Finish, Json, Lane, ToolOpen, Usage
from proxy.verdict import Decision, SoftAsk, SoftVerdict
from proxy.wire.dialect import UpstreamRequest
from tests.conductor.plays import MAIL_TOOL, Play, chat
from tests.fakes import (
    MAIL,
    DeadEngine,
    ScriptedPolicies,
    ScriptedUpstream,
    WordJudge,
    allow,
    answer_events,
    block,
)

CONTENT, REASONING = Lane(0, "content"), Lane(0, "reasoning")
OF_ANSWER = SoftAsk("soft.answer", "It is forbidden.", 0.5, side="answer")
PLAIN, REDACTING = allow(), allow(redact_answer=(MAIL,))
SENTENCE = "One more line of words that are all quite plain. "


def answers_asked(play: Play) -> list[Mapping[str, Json]]:
    return [asked["answer"] for asked in play.policies.asked if asked["phase"] == "answer"]


def playing(*events: AnswerEvent, admission: Decision = REDACTING, **phases: object) -> Play:
    policies = ScriptedPolicies(admission=admission, **phases)  # type: ignore[arg-type]
    return Play(policies=policies, upstream=ScriptedUpstream(*events))


# -- when the answer phase is asked


@pytest.mark.parametrize("admission", [PLAIN, REDACTING])
async def test_the_rules_are_asked_before_the_first_text_leaves(admission: Decision) -> None:
    play = playing(*answer_events(SENTENCE, SENTENCE), admission=admission, answer=block())
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert play.heard == []
    assert [asked["final"] for asked in answers_asked(play)] == [False]


async def test_windows_that_bring_nothing_new_are_not_asked_about() -> None:
    play = playing(*answer_events(*[SENTENCE] * 20))
    await play.run(chat("Hi"))
    assert [asked["final"] for asked in answers_asked(play)] == [False, True]


async def test_a_new_leak_is_asked_about_before_anything_of_its_window_leaves() -> None:
    def no_mail(asked: Mapping[str, Json]) -> Decision:
        return block() if asked["answer"]["entities"] else allow()

    events = answer_events(SENTENCE, SENTENCE, "Ask carl@example.com today please. ", SENTENCE)
    play = playing(*events, answer=no_mail)
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert play.text == SENTENCE * 2


async def test_every_kind_of_news_is_asked_about() -> None:
    events: list[AnswerEvent] = [
        Delta(CONTENT, SENTENCE),
        Delta(REASONING, SENTENCE),  # another lane
        Finish(1, "stop"),
        Delta(CONTENT, SENTENCE),
        Usage(1, 1),
        Delta(CONTENT, SENTENCE),
        ToolOpen(Lane(0, "tool"), "call-1", "mail"),
        Delta(CONTENT, SENTENCE),
        Delta(CONTENT, SENTENCE),  # nothing new
        Finish(0, "stop"),
        End(),
    ]
    play = playing(*events)
    await play.run(chat("Hi", n=2, tools=[MAIL_TOOL]))
    assert len([asked for asked in answers_asked(play) if not asked["final"]]) == 5


@pytest.mark.parametrize("admission", [PLAIN, REDACTING])
@given(sizes=st.lists(st.integers(1, 1_500), min_size=1, max_size=12))
async def test_no_more_than_so_many_characters_leave_unasked(admission: Decision, sizes: list[int]) -> None:
    whole = SENTENCE * (sum(sizes) // len(SENTENCE) + 1)
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    pieces = [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    play = playing(*answer_events(*pieces), admission=admission)
    await play.run(chat("Hi"))
    told = [sum(lane["chars"] for lane in asked["lanes"]) for asked in answers_asked(play)]
    assert told[0] == 0
    assert told[-1] == len(whole[: ends[-1]])
    assert all(later - earlier <= UNASKED_CHARS for earlier, later in pairwise(told))


async def test_a_long_answer_that_becomes_too_long_is_cut() -> None:
    def short(asked: Mapping[str, Json]) -> Decision:
        return block() if sum(lane["chars"] for lane in asked["answer"]["lanes"]) > 3_000 else allow()

    play = playing(*answer_events(*[SENTENCE] * 200), answer=short)
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert len(play.text) <= 3_000 + UNASKED_CHARS


async def test_a_blank_window_needs_no_verdict() -> None:
    play = playing(*answer_events("\n\n", SENTENCE), admission=allow(soft=(OF_ANSWER,)))
    assert (await play.run(chat("Hi"))).startswith("\n\n" + SENTENCE)


async def test_every_window_needs_a_verdict_whatever_the_policies_made_of_it() -> None:
    class OnceOnly(WordJudge):
        async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
            said = await super().judge(rule, text)
            return said if len(self.asked) < 2 else replace(said, status="error", score=None)

    play = playing(*answer_events(SENTENCE, SENTENCE), admission=allow(soft=(OF_ANSWER,)))
    play.judge = OnceOnly()
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert play.text == SENTENCE


# -- what is held back, and for how long


class TickingClock:
    """Half a second passes with every look at it."""

    def __init__(self) -> None:
        self.ticks = 1_000

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        self.ticks += 1
        return self.ticks / 2


async def test_words_that_begin_no_finding_leave_as_they_come_and_nobody_is_asked() -> None:
    play = playing(*answer_events("Some ", "plain ", "words ", "follow"))
    play.marked = frozenset({"EMAIL_ADDRESS"})
    await play.run(chat("Hi"))
    assert play.heard[:3] == [b"Some ", b"plain ", b"words "]
    assert play.recogniser.asked == []


async def test_a_finding_among_such_words_is_replaced_before_it_leaves() -> None:
    play = playing(*answer_events(*"Then ask carl@example.com about all of that, please."))
    play.marked = frozenset({"EMAIL_ADDRESS"})
    text = await play.run(chat("Hi"))
    assert "carl" not in text
    assert "[EMAIL_ADDRESS_" in text


async def test_what_waits_for_longer_than_the_bound_is_looked_at_as_it_is() -> None:
    slow = playing(*answer_events("so Ab ", "Cd Ef ", "of Gh", " Ij Kl"))
    slow.clock = TickingClock()
    await slow.run(chat("Hi"))
    assert slow.heard[0] == b"so Ab Cd Ef of "
    quick = playing(*answer_events("so Ab ", "Cd Ef ", "of Gh", " Ij Kl"))
    await quick.run(chat("Hi"))
    assert quick.heard[0] == b"so Ab Cd Ef of Gh Ij Kl"


async def test_a_judge_is_asked_about_sentences_however_long_they_wait() -> None:
    play = playing(*answer_events("so Ab ", "Cd Ef ", "of Gh", " Ij Kl."), admission=allow(soft=(OF_ANSWER,)))
    play.clock = TickingClock()
    await play.run(chat("Hi"))
    assert play.heard[0] == b"so Ab Cd Ef of Gh Ij Kl."


# -- an answer that is not streamed


async def test_a_whole_answer_is_looked_at_once_and_decided_on_once() -> None:
    play = playing(*answer_events(SENTENCE * 30, SENTENCE * 30))
    await play.run(chat("Hi", stream=False))
    assert play.recogniser.asked == [SENTENCE * 60]
    assert [asked["final"] for asked in answers_asked(play)] == [True]
    assert answers_asked(play)[0]["lanes"][0]["chars"] == len(SENTENCE * 60)


@pytest.mark.parametrize("admission", [PLAIN, REDACTING])
async def test_nothing_of_a_whole_answer_leaves_before_its_decision(admission: Decision) -> None:
    play = playing(*answer_events(SENTENCE), admission=admission, answer=block())
    with pytest.raises(Denied):
        await play.run(chat("Hi", stream=False))
    assert play.heard == []
    assert play.journal.tickets[0].record is None


async def test_what_a_model_leaks_in_a_whole_answer_is_replaced_wherever_it_was_cut() -> None:
    play = playing(*answer_events("Ask carl@exam", "ple.com now."))
    text = await play.run(chat("Hi", stream=False))
    assert "carl" not in text
    assert "[EMAIL_ADDRESS_" in text
    assert "carl" not in json.dumps(play.journal.tickets[0].record)
    assert answers_asked(play)[0]["entities"] == {"EMAIL_ADDRESS": 1}


async def test_a_whole_answer_gives_the_callers_own_words_back() -> None:
    play = playing(admission=allow(redact_prompt=(MAIL,), redact_answer=(MAIL,)))

    async def echo(route: UpstreamRoute, request: UpstreamRequest) -> object:
        play.upstream.events = answer_events(json.loads(request.body)["messages"][0]["content"])
        return await ScriptedUpstream.open(play.upstream, route, request)

    play.upstream.open = echo  # type: ignore[assignment]
    words = "To anna@example.com now."
    assert await play.run(chat(words, stream=False)) == f"{words}[stop][end]"
    assert "anna@" not in json.dumps(play.journal.tickets[0].record)


async def test_the_lanes_of_a_whole_answer_are_all_looked_at() -> None:
    mail = "Ask carl@example.com now."
    events: list[AnswerEvent] = [Delta(CONTENT, mail), Delta(REASONING, mail), Finish(0, "stop"), End()]
    play = playing(*events)
    assert "carl" not in await play.run(chat("Hi", stream=False))


async def test_a_whole_answer_that_nobody_can_look_at_never_leaves() -> None:
    class NotTheAnswer(DeadEngine):
        async def recognise(self, texts, plan):
            return await DeadEngine.recognise(self, texts, plan) if plan else [() for _ in texts]

    play = playing(*answer_events(SENTENCE))
    play.recogniser = NotTheAnswer()
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi", stream=False))
    assert play.heard == []


async def test_a_whole_answer_that_is_cut_short_leaves_nothing() -> None:
    play = Play(upstream=ScriptedUpstream(Delta(CONTENT, SENTENCE), UpstreamUnavailable("It died.")))
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi", stream=False))
    assert play.heard == []


async def test_a_whole_answer_under_a_soft_rule_is_judged_in_windows() -> None:
    def denies(asked: Mapping[str, Json]) -> Decision:
        failed = any(one["status"] == "fail" for one in asked["answer"]["soft"].values())
        return block("soft.answer") if failed else allow()

    events = answer_events(SENTENCE + "Now the forbidden one comes. " + SENTENCE)
    play = playing(*events, admission=allow(soft=(OF_ANSWER,)), answer=denies)
    with pytest.raises(SoftRuleDenied):
        await play.run(chat("Hi", stream=False))
    assert len(play.judge.asked) == 2


async def test_an_obligation_of_the_first_window_comes_too_late_and_blocks() -> None:
    other = allow(redact_answer=(replace(MAIL, score=0.1),))
    play = playing(*answer_events(SENTENCE), answer=other)
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert play.heard == []


async def test_an_obligation_that_is_met_already_comes_never_too_late() -> None:
    play = playing(*answer_events(SENTENCE), answer=allow(redact_answer=(MAIL,)))
    assert await play.run(chat("Hi")) == SENTENCE + "[stop][end]"
