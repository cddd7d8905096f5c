import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.presidio.cache import CachedRecogniser
from proxy.errors import ContentUnscannable, EngineUnavailable
from proxy.redact.spans import Span
from proxy.verdict import KindPlan

MAIL = (KindPlan("EMAIL_ADDRESS", 0.5),)
KEY = bytes(32)


class SlowRecogniser:
    """Finds a text's length in every text, when `go` is set. Fails on the words that say so."""

    def __init__(self, *, wait: bool = False) -> None:
        self.asked: list[list[str]] = []
        self.go = asyncio.Event()
        if not wait:
            self.go.set()

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        self.asked.append(list(texts))
        await self.go.wait()
        if "too long" in texts:
            raise ContentUnscannable("A text is too long.")
        if "crash" in texts:
            raise EngineUnavailable("The recogniser died.")
        return [(Span(0, len(text), plan[0].kind, plan[0].score),) if text else () for text in texts]

    @property
    def texts(self) -> list[str]:
        return [text for call in self.asked for text in call]


def cached(inner: SlowRecogniser, *, max_bytes: int = 1_000_000, revision: str = "1") -> CachedRecogniser:
    return CachedRecogniser(inner, max_bytes=max_bytes, revision=revision, key=KEY)


def start(cache: CachedRecogniser, *texts: str) -> "asyncio.Future[list[tuple[Span, ...]]]":
    return asyncio.ensure_future(cache.recognise(texts, MAIL))


async def test_a_text_is_looked_at_once() -> None:
    inner = SlowRecogniser()
    cache = cached(inner)
    first = await cache.recognise(["a", "bb"], MAIL)
    assert await cache.recognise(["bb", "a", "bb"], MAIL) == [first[1], first[0], first[1]]
    assert inner.asked == [["a", "bb"]]


async def test_a_text_that_stands_twice_in_a_question_is_asked_once() -> None:
    inner = SlowRecogniser()
    found = await cached(inner).recognise(["a", "bb", "a"], MAIL)
    assert [spans[0].end for spans in found] == [1, 2, 1]
    assert inner.texts == ["a", "bb"]


async def test_texts_without_findings_are_kept_too() -> None:
    inner = SlowRecogniser()
    cache = cached(inner)
    assert await cache.recognise([""], MAIL) == await cache.recognise([""], MAIL) == [()]
    assert inner.texts == [""]


@pytest.mark.parametrize(
    "plan",
    [
        (KindPlan("EMAIL_ADDRESS", 0.4),),
        (KindPlan("PERSON", 0.5),),
        (KindPlan("EMAIL_ADDRESS", 0.5), KindPlan("PERSON", 0.5)),
    ],
)
async def test_another_plan_is_another_question(plan: tuple[KindPlan, ...]) -> None:
    inner = SlowRecogniser()
    cache = cached(inner)
    for wanted in (MAIL, plan, MAIL, plan, list(plan), list(MAIL)):
        [[span]] = await cache.recognise(["a"], wanted)
        assert (span.kind, span.score) == (wanted[0].kind, wanted[0].score)
    assert inner.texts == ["a", "a"]


async def test_a_plan_list_that_changes_is_another_question() -> None:
    inner = SlowRecogniser()
    cache = cached(inner)
    plan = list(MAIL)
    await cache.recognise(["a"], plan)
    plan[0] = KindPlan("PERSON", 0.5)
    [[span]] = await cache.recognise(["a"], plan)
    assert span.kind == "PERSON"


async def test_a_plan_that_is_gone_is_never_taken_for_one_that_came_after_it() -> None:
    """A tuple may get the address of one that died: thousands come and go here."""
    cache = cached(SlowRecogniser())
    for number in range(2_000):
        score = number / 2_000
        [[span]] = await cache.recognise(["a"], (KindPlan("EMAIL_ADDRESS", score),))
        assert span.score == score
    assert len(cache._plans) <= 256


async def test_without_a_plan_nobody_is_asked() -> None:
    inner = SlowRecogniser()
    assert await cached(inner).recognise(["a", "b"], ()) == [(), ()]
    assert inner.asked == []


async def test_those_who_want_the_same_text_at_once_share_a_question() -> None:
    inner = SlowRecogniser(wait=True)
    cache = cached(inner)
    asked = [start(cache, "same", f"own {number}") for number in range(5)]
    await asyncio.sleep(0)
    inner.go.set()
    answers = await asyncio.gather(*asked)
    assert all(answer[0] == answers[0][0] for answer in answers)
    assert inner.texts.count("same") == 1


@pytest.mark.parametrize("poison", ["too long", "crash"])
async def test_a_failure_fails_its_asker_and_is_not_kept(poison: str) -> None:
    inner = SlowRecogniser(wait=True)
    cache = cached(inner)
    poisoned, innocent = start(cache, "same", poison), start(cache, "same")
    await asyncio.sleep(0)
    inner.go.set()
    with pytest.raises((ContentUnscannable, EngineUnavailable)):
        await poisoned
    assert (await innocent)[0] == (Span(0, 4, "EMAIL_ADDRESS", 0.5),)
    with pytest.raises((ContentUnscannable, EngineUnavailable)):
        await cache.recognise([poison], MAIL)


async def test_one_who_leaves_does_not_take_the_answer_from_others() -> None:
    inner = SlowRecogniser(wait=True)
    cache = cached(inner)
    leaves, stays = start(cache, "same"), start(cache, "same")
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    inner.go.set()
    assert (await stays)[0] == (Span(0, 4, "EMAIL_ADDRESS", 0.5),)
    assert leaves.cancelled()
    assert cache._asked == {}


async def test_one_who_leaves_while_waiting_for_another_disturbs_nobody() -> None:
    inner = SlowRecogniser(wait=True)
    cache = cached(inner)
    asks, waits, stays = start(cache, "same"), start(cache, "same"), start(cache, "same")
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.sleep(0)
    inner.go.set()
    assert await asks == await stays
    assert inner.texts == ["same"]


async def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    inner = SlowRecogniser()
    cache = cached(inner, max_bytes=1_200)  # two entries with one span each
    for text in ("a", "b", "a", "c"):
        await cache.recognise([text], MAIL)
    inner.asked.clear()
    await cache.recognise(["a", "c"], MAIL)
    assert inner.asked == []
    await cache.recognise(["b"], MAIL)
    assert inner.asked == [["b"]]
    assert cache._bytes <= 1_200


async def test_a_cache_without_room_still_answers() -> None:
    inner = SlowRecogniser()
    cache = cached(inner, max_bytes=0)
    assert await cache.recognise(["a"], MAIL) == await cache.recognise(["a"], MAIL)
    assert len(inner.asked) == 2
    assert cache._bytes == 0


async def test_no_text_is_kept() -> None:
    cache = cached(SlowRecogniser())
    await cache.recognise(["my secret"], MAIL)
    assert "secret" not in repr(vars(cache))


@given(st.text(), st.text())
def test_texts_and_revisions_have_their_own_keys(one: str, other: str) -> None:
    cache = CachedRecogniser(None, max_bytes=1, revision="1", key=KEY)  # type: ignore[arg-type]
    newer = CachedRecogniser(None, max_bytes=1, revision="2", key=KEY)  # type: ignore[arg-type]
    foreign = CachedRecogniser(None, max_bytes=1, revision="1", key=bytes(31))  # type: ignore[arg-type]
    [first, second] = cache._keys([one, other], MAIL)
    assert (first == second) is (one == other)
    assert first not in (newer._keys([one], MAIL)[0], foreign._keys([one], MAIL)[0])


async def test_a_hit_costs_microseconds() -> None:
    cache = cached(SlowRecogniser())
    texts = [f"{number} " + "x" * 397 for number in range(100)]
    await cache.recognise(texts, MAIL)
    started = time.perf_counter()
    for _ in range(20):
        await cache.recognise(texts, MAIL)
    assert (time.perf_counter() - started) / 2000 < 30e-6  # 2.5 on a quiet machine
