"""With real Presidio in real worker processes; one pool serves most of the tests: it costs seconds."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from proxy.edges.presidio.pool import PresidioPool
from proxy.edges.presidio.process import environment
from proxy.errors import ConfigInvalid, ContentUnscannable, EngineUnavailable
from proxy.settings import Redaction
from proxy.verdict import KindPlan

PATTERNS = tuple(
    KindPlan(kind, 0.4)
    for kind in ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS")
)
PLAN = (KindPlan("PERSON", 0.4), KindPlan("LOCATION", 0.4), *PATTERNS)
TEXT = "Write to Jane Doe in Paris, jane@example.com, card 4111 1111 1111 1111."
LONG = f"{TEXT} The contract was prepared last week and nobody wants to change it. " * 40

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[PresidioPool]:
    started = PresidioPool(Redaction(deadline_s=20.0))
    await started.start()
    yield started
    await started.close()


@contextmanager
def set_to(pool: PresidioPool, **values: float) -> Iterator[None]:
    """Other settings for one test: a pool of its own would cost seconds."""
    usual = pool._settings
    pool._settings = replace(usual, **values)  # type: ignore[arg-type]
    yield
    pool._settings = usual


async def kinds(pool: PresidioPool, text: str, plan: tuple[KindPlan, ...] = PLAN) -> dict[str, str]:
    [found] = await pool.recognise([text], plan)
    return {text[span.start : span.end]: span.kind for span in found}


def runs(pid: int) -> bool:
    """Whether the process is there and not just waiting to be reaped."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def environ_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


async def test_names_and_patterns_are_found_where_they_stand(pool: PresidioPool) -> None:
    assert await kinds(pool, TEXT) == {
        "Jane Doe": "PERSON",
        "Paris": "LOCATION",
        "jane@example.com": "EMAIL_ADDRESS",
        "4111 1111 1111 1111": "CREDIT_CARD",
    }


@pytest.mark.parametrize("before", ["😀😀 ", "é̀ ", "\u202e", "𝕳 ", "\r\n\t", "好。"])
async def test_places_are_counted_in_characters_of_python(pool: PresidioPool, before: str) -> None:
    assert "jane@example.com" in await kinds(pool, f"{before} jane@example.com", PATTERNS)


async def test_each_text_has_its_own_findings(pool: PresidioPool) -> None:
    found = await pool.recognise(["", "jane@example.com", "nothing", "10.1.2.3"], PATTERNS)
    assert [[span.kind for span in spans] for spans in found] == [[], ["EMAIL_ADDRESS"], [], ["IP_ADDRESS"]]


async def test_findings_do_not_overlap_and_ascend(pool: PresidioPool) -> None:
    plan = (*PLAN, KindPlan("URL", 0.1), KindPlan("DATE_TIME", 0.1), KindPlan("US_DRIVER_LICENSE", 0.01))
    [found] = await pool.recognise([TEXT], plan)
    assert all(left.end <= right.start for left, right in pairwise(found))


async def test_kinds_and_scores_below_the_plan_are_not_findings(pool: PresidioPool) -> None:
    assert await kinds(pool, "212-555-0143", (KindPlan("PHONE_NUMBER", 0.4),)) == {
        "212-555-0143": "PHONE_NUMBER"
    }
    assert await kinds(pool, "212-555-0143", (KindPlan("PHONE_NUMBER", 0.91),)) == {}
    assert await kinds(pool, TEXT, (KindPlan("PHONE_NUMBER", 0.4),)) == {}


async def test_without_plan_or_text_nobody_is_asked(pool: PresidioPool) -> None:
    with set_to(pool, queue=0, max_chars=0):
        assert await pool.recognise([TEXT, "more"], ()) == [(), ()]
        assert await pool.recognise([], PLAN) == []


async def test_a_kind_that_nobody_finds_refuses_instead_of_being_left_out(pool: PresidioPool) -> None:
    for kind in ("SHOE_SIZE", "AGE"):  # Presidio claims AGE; this model never finds it
        with pytest.raises(EngineUnavailable, match=kind):
            await pool.recognise([TEXT], (*PLAN, KindPlan(kind, 0.5)))


async def test_national_kinds_that_presidio_ships_switched_off_can_be_planned(pool: PresidioPool) -> None:
    assert {"UK_NINO", "IN_AADHAAR", "AU_TFN", "SG_NRIC_FIN"} <= pool.kinds
    plan = (KindPlan("IN_PAN", 0.4),)
    assert await kinds(pool, "pan ABCPD1234E", plan) == {"ABCPD1234E": "IN_PAN"}


async def test_a_text_that_is_too_long_is_refused(pool: PresidioPool) -> None:
    with set_to(pool, max_chars=10):
        assert await pool.recognise(["x" * 10], PATTERNS) == [()]
        with pytest.raises(ContentUnscannable, match="10 characters"):
            await pool.recognise(["short", "x" * 11], PATTERNS)


async def test_a_lone_surrogate_is_refused_and_the_worker_lives(pool: PresidioPool) -> None:
    pids = pool.pids
    with pytest.raises(ContentUnscannable):
        await pool.recognise(["a \ud800 b"], PATTERNS)
    assert await kinds(pool, "jane@example.com")
    assert pool.pids == pids


async def test_nothing_is_lost_in_a_text_of_many_pieces(pool: PresidioPool) -> None:
    text = "".join(
        f"Line {at}: write to user{at}@example.com or 4111 1111 1111 1111 soon. " for at in range(400)
    )
    [found] = await pool.recognise([text], PATTERNS)
    words = [text[span.start : span.end] for span in found]
    assert words.count("4111 1111 1111 1111") == 400
    assert [word for word in words if "@" in word] == [f"user{at}@example.com" for at in range(400)]


@pytest.mark.slow
async def test_a_worker_killed_in_the_middle_refuses_and_the_next_question_is_answered(
    pool: PresidioPool,
) -> None:
    [pid] = pool.pids
    asked = asyncio.ensure_future(pool.recognise([LONG], PLAN))
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable):
        await asked
    assert await kinds(pool, "jane@example.com")
    assert pool.pids != (pid,)
    assert not runs(pid)


@pytest.mark.slow
async def test_a_worker_that_hangs_is_killed_at_the_deadline(pool: PresidioPool) -> None:
    [pid] = pool.pids
    os.kill(pid, signal.SIGSTOP)
    with set_to(pool, deadline_s=0.5):
        started = time.monotonic()
        with pytest.raises(EngineUnavailable, match="deadline"):
            await pool.recognise(["jane@example.com"], PATTERNS)
        assert 0.4 < time.monotonic() - started < 2.0
    assert await kinds(pool, "jane@example.com")
    assert not runs(pid)


async def test_a_deadline_missed_in_the_queue_costs_no_worker(pool: PresidioPool) -> None:
    pids = pool.pids
    with set_to(pool, deadline_s=1.0), pytest.raises(EngineUnavailable, match="deadline"):
        await asyncio.gather(*(pool.recognise([LONG * 3], PLAN) for _ in range(8)))
    assert await kinds(pool, "jane@example.com")
    assert pool.pids == pids


async def test_more_texts_than_the_queue_takes_are_refused_at_once(pool: PresidioPool) -> None:
    with set_to(pool, queue=4):
        results = await asyncio.gather(
            *(pool.recognise([TEXT], PATTERNS) for _ in range(12)), return_exceptions=True
        )
    refused = [result for result in results if isinstance(result, EngineUnavailable)]
    assert len(refused) == 8
    assert all(isinstance(result, list) for result in results if result not in refused)


async def test_an_idle_pool_takes_more_texts_at_once_than_its_queue_holds(pool: PresidioPool) -> None:
    with set_to(pool, queue=4):
        assert len(await pool.recognise([TEXT] * 12, PATTERNS)) == 12


async def test_cancelled_callers_do_not_shift_the_answers_of_others(pool: PresidioPool) -> None:
    async def ask(number: int) -> set[str]:
        return set(await kinds(pool, f"user{number}@example.com", PATTERNS))

    asked = [asyncio.ensure_future(ask(number)) for number in range(90)]
    for wait, task in enumerate(asked[::3]):
        await asyncio.sleep(0.002 * (wait % 3))
        task.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for number, answer in enumerate(answers):
        assert answer == {f"user{number}@example.com"} or isinstance(answer, asyncio.CancelledError)
    assert sum(isinstance(answer, set) for answer in answers) >= 60
    assert pool._waiting == 0


async def test_a_pattern_that_takes_too_long_refuses_the_text(pool: PresidioPool) -> None:
    pids = pool.pids
    with pytest.raises(EngineUnavailable, match="to its end"):
        await pool.recognise(["ab." * 1333], (KindPlan("URL", 0.4),))
    assert pool.pids == pids


async def test_the_loop_goes_on_while_texts_are_read(pool: PresidioPool) -> None:
    longest = 0.0
    asked = asyncio.ensure_future(pool.recognise([LONG], PLAN))
    while not asked.done():
        started = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - started)
        await asyncio.sleep(0.001)
    await asked
    assert longest < 0.1  # a worker needs 0.3 s for this text; the machine may stop us for a while


async def test_a_worker_gets_nothing_of_our_environment(pool: PresidioPool) -> None:
    [pid] = pool.pids
    seen = dict(entry.split("=", 1) for entry in environ_of(pid).split("\0") if entry)
    assert seen == environment()
    assert "PATH" not in seen


async def test_nothing_of_a_text_is_in_what_the_pool_shows(pool: PresidioPool) -> None:
    asked = asyncio.ensure_future(pool.recognise([TEXT], PLAN))
    await asyncio.sleep(0)
    assert "Jane" not in repr(list(pool._queue._queue))  # type: ignore[attr-defined]
    await asked


async def test_a_model_that_is_not_installed_is_told_and_leaves_no_process() -> None:
    missing = PresidioPool(Redaction(spacy_model="en_core_web_nothing", workers=1))
    with pytest.raises(ConfigInvalid, match="en_core_web_nothing"):
        await missing.start()
    assert missing.pids == ()


@pytest.mark.slow
async def test_closing_ends_the_workers_and_refuses_who_waits() -> None:
    closing = PresidioPool(Redaction())
    await closing.start()
    pids = closing.pids
    waiting = [asyncio.ensure_future(closing.recognise([LONG], PLAN)) for _ in range(3)]
    await asyncio.sleep(0.02)
    await closing.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, EngineUnavailable) for answer in answers)
    assert not any(map(runs, pids))
    with pytest.raises(EngineUnavailable):
        await closing.recognise([TEXT], PLAN)


async def test_a_pool_that_was_not_started_refuses() -> None:
    with pytest.raises(EngineUnavailable, match="not running"):
        await PresidioPool(Redaction()).recognise([TEXT], PLAN)
