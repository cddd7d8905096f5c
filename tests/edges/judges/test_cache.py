import asyncio
from dataclasses import replace

import pytest

from proxy.edges.judges.cache import CachedJudge
from proxy.exchange import CleanText
from proxy.verdict import SoftAsk, SoftVerdict

RULE = SoftAsk("soft.test", "The text is rude.", 0.5)
TEXT = CleanText("You idiot.")


class Counting:
    """A judge with one score for everything; None is no verdict."""

    def __init__(self, score: float | None = 0.6) -> None:
        self.score = score
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        self.asked += 1
        await self.go.wait()
        if self.score is None:
            return SoftVerdict(rule.rule, "error", None, "inner")
        return SoftVerdict(rule.rule, "fail" if self.score >= rule.threshold else "pass", self.score, "inner")


def cached(inner: Counting, entries: int = 10, revision: str = "r") -> CachedJudge:
    return CachedJudge(inner, entries=entries, revision=revision, key=b"k" * 32)


async def test_the_same_question_is_asked_once() -> None:
    inner = Counting()
    judge = cached(inner)
    first, second = await judge.judge(RULE, TEXT), await judge.judge(RULE, TEXT)
    assert first == second == SoftVerdict("soft.test", "fail", 0.6, "inner")
    assert inner.asked == 1


async def test_another_text_or_another_sentence_is_another_question() -> None:
    inner = Counting()
    judge = cached(inner)
    await judge.judge(RULE, TEXT)
    await judge.judge(RULE, CleanText("You idiot"))
    await judge.judge(replace(RULE, sentence="The text is rud"), CleanText("e.You idiot."))
    assert inner.asked == 3


async def test_a_kept_score_is_judged_by_the_threshold_of_the_rule_that_asks() -> None:
    inner = Counting(0.6)
    judge = cached(inner)
    await judge.judge(RULE, TEXT)
    lenient = await judge.judge(replace(RULE, rule="soft.other", threshold=0.7), TEXT)
    assert (lenient.rule, lenient.status, inner.asked) == ("soft.other", "pass", 1)


async def test_no_verdict_is_not_kept() -> None:
    inner = Counting(None)
    judge = cached(inner)
    assert (await judge.judge(RULE, TEXT)).status == "error"
    inner.score = 0.1
    assert (await judge.judge(RULE, TEXT)).status == "pass"
    assert inner.asked == 2


async def test_the_least_recently_used_goes_first() -> None:
    inner = Counting()
    judge = cached(inner, entries=2)
    for text in ("one", "two", "one", "three"):
        await judge.judge(RULE, CleanText(text))
    assert inner.asked == 3
    await judge.judge(RULE, CleanText("one"))
    assert inner.asked == 3
    await judge.judge(RULE, CleanText("two"))
    assert inner.asked == 4


async def test_a_cache_without_room_still_answers() -> None:
    inner = Counting()
    judge = cached(inner, entries=0)
    await judge.judge(RULE, TEXT)
    await judge.judge(RULE, TEXT)
    assert inner.asked == 2


async def test_those_who_ask_at_once_share_one_question() -> None:
    inner = Counting()
    inner.go.clear()
    judge = cached(inner)
    other = replace(RULE, rule="soft.other", threshold=0.9)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(judge.judge(rule, TEXT)) for rule in (RULE, RULE, other)]
        await asyncio.sleep(0)
        inner.go.set()
    assert [task.result().status for task in asked] == ["fail", "fail", "pass"]
    assert asked[2].result().rule == "soft.other"
    assert inner.asked == 1


async def test_those_who_wait_for_a_failure_get_their_own_rules_error() -> None:
    inner = Counting(None)
    inner.go.clear()
    judge = cached(inner)
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(judge.judge(rule, TEXT)) for rule in (RULE, replace(RULE, rule="soft.other"))
        ]
        await asyncio.sleep(0)
        inner.go.set()
    assert [(task.result().rule, task.result().status) for task in asked] == [
        ("soft.test", "error"),
        ("soft.other", "error"),
    ]


async def test_when_the_asker_is_cancelled_the_others_ask_for_themselves() -> None:
    inner = Counting()
    inner.go.clear()
    judge = cached(inner)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(judge.judge(RULE, TEXT))
        others = [group.create_task(judge.judge(RULE, TEXT)) for _ in range(3)]
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        inner.go.set()
    assert first.cancelled()
    assert [task.result().score for task in others] == [0.6] * 3
    assert inner.asked == 2


async def test_cancelling_one_who_waits_cancels_nobody_else() -> None:
    inner = Counting()
    inner.go.clear()
    judge = cached(inner)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(judge.judge(RULE, TEXT))
        await asyncio.sleep(0)
        waiting = group.create_task(judge.judge(RULE, TEXT))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        inner.go.set()
    assert first.result().status == "fail"


async def test_our_own_fault_frees_those_who_wait() -> None:
    class Broken(Counting):
        async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
            await super().judge(rule, text)
            raise ZeroDivisionError

    inner = Broken()
    judge = cached(inner)
    asked = await asyncio.gather(*(judge.judge(RULE, TEXT) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in asked] == [ZeroDivisionError] * 2


async def test_neither_text_nor_sentence_is_kept_or_shown() -> None:
    judge = cached(Counting())
    await judge.judge(RULE, CleanText("canary-text"))
    assert repr(judge) == "<CachedJudge with 1 scores>"
    assert "canary" not in str(judge._kept)
    assert "rude" not in str(judge._kept)


def test_the_place_of_a_score_depends_on_key_and_revision() -> None:
    places = {
        CachedJudge(Counting(), entries=1, revision=revision, key=key)._key("s", "t")
        for revision, key in (("a", b"k" * 32), ("b", b"k" * 32), ("a", b"l" * 32))
    }
    assert len(places) == 3


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), (("a", ""), ("", "a"))])
def test_sentence_and_text_do_not_run_together(one: tuple[str, str], other: tuple[str, str]) -> None:
    judge = cached(Counting())
    assert judge._key(*one) != judge._key(*other)
