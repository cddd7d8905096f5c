"""What is booked for an exchange: as the upstream told it, else counted, whoever broke it off and when."""

import asyncio
from typing import Any

import pytest

from proxy.conductor.booking import COUNTED_CHARS
from proxy.errors import Stopping, UpstreamRefused, UpstreamUnavailable, UpstreamUnreached
from proxy.exchange import Delta, Finish, Head, Lane, ToolOpen, Usage
from tests.conductor.plays import ANNA, MAIL_TOOL, PlainWriter, Play, chat
from tests.fakes import MAIL, ScriptedPolicies, ScriptedUpstream, allow, answer_events, block

PROMPT = "Hello there."
SAYS = Delta(Lane(0, "content"), "Good day. ")


async def stopped_after(
    play: Play, pieces: int, by: type[BaseException] = asyncio.CancelledError, **how: Any
) -> None:
    """A caller that goes away after so many pieces of the answer."""
    async with play.conductor.converse(ANNA, chat(PROMPT), **how) as reply:
        taken = 0
        async for _ in reply.stream(PlainWriter()):
            taken += 1
            if taken >= pieces:
                raise by


def booked(play: Play) -> tuple[str, Usage | None]:
    [summary] = play.tally.summaries
    return summary.status, summary.usage


async def test_what_the_upstream_tells_is_booked_as_it_is() -> None:
    play = Play()
    await play.run(chat(PROMPT))
    assert booked(play) == ("complete", Usage(3, 5))


async def test_a_whole_answer_without_usage_is_counted_and_the_caller_is_told_no_guess() -> None:
    written = []

    class Writer(PlainWriter):
        def write(self, event: Any) -> bytes:
            written.append(event)
            return super().write(event)

    events = [one for one in answer_events("Good day. ", "Bye.") if not isinstance(one, Usage)]
    for stream in (True, False):
        play = Play(upstream=ScriptedUpstream(*events))
        async with play.conductor.converse(ANNA, chat(PROMPT, stream=stream)) as reply:
            assert [out async for out in reply.stream(Writer())]
        assert booked(play) == ("complete", Usage(len(PROMPT), len("Good day. Bye."), estimated=True))
    assert not any(isinstance(one, Usage) for one in written)


@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_a_caller_that_leaves_in_a_stream_is_booked_for_what_has_come(pieces: int) -> None:
    play = Play(upstream=ScriptedUpstream(Head(1), *[SAYS] * 5))
    with pytest.raises(asyncio.CancelledError):
        await stopped_after(play, pieces)
    status, usage = booked(play)
    assert status == "client_gone"
    assert usage == Usage(len(PROMPT), pieces * len(SAYS.text), estimated=True)


async def test_text_that_the_guard_still_holds_was_paid_for_too() -> None:
    held = Delta(Lane(0, "content"), "no border in here")
    upstream = ScriptedUpstream(Head(1), SAYS, held, UpstreamUnavailable("gone"))
    play = Play(policies=ScriptedPolicies(prompt=allow(redact_answer=(MAIL,))), upstream=upstream)
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat(PROMPT))
    assert play.text == SAYS.text
    assert booked(play)[1] == Usage(len(PROMPT), len(SAYS.text + held.text), estimated=True)


async def test_arguments_of_a_tool_call_that_never_ended_were_paid_for_too() -> None:
    lane = Lane(0, "tool", 0)
    upstream = ScriptedUpstream(
        Head(1), ToolOpen(lane, "c", "mail"), Delta(lane, '{"to": "x'), UpstreamUnavailable("gone")
    )
    play = Play(upstream=upstream)
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat(PROMPT, tools=[MAIL_TOOL]))
    usage = booked(play)[1]
    assert usage is not None
    assert (usage.completion, usage.estimated) == (len('{"to": "x'), True)
    assert usage.prompt > len(PROMPT)  # the tool's definition


async def test_usage_that_came_before_the_caller_left_is_no_estimate() -> None:
    upstream = ScriptedUpstream(Head(1), SAYS, Usage(7, 9), SAYS, SAYS)
    play = Play(upstream=upstream)
    with pytest.raises(asyncio.CancelledError):
        await stopped_after(play, 3)
    assert booked(play) == ("client_gone", Usage(7, 9))


async def test_a_caller_that_leaves_while_the_model_has_not_begun_to_answer_pays_for_the_prompt() -> None:
    play = Play(upstream=ScriptedUpstream(open_s=30))
    task = asyncio.get_running_loop().create_task(play.run(chat(PROMPT)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert booked(play) == ("client_gone", Usage(len(PROMPT), 0, estimated=True))


async def test_what_never_reached_a_model_costs_nothing() -> None:
    refused = Play(policies=ScriptedPolicies(admission=block()))
    with pytest.raises(Exception, match="blocks"):
        await refused.run(chat(PROMPT))
    assert booked(refused) == ("blocked", None)


@pytest.mark.parametrize("error", [UpstreamUnreached("no"), UpstreamRefused(500)])
async def test_what_the_model_server_would_not_do_costs_nothing(error: Any) -> None:
    class Refusing(ScriptedUpstream):
        async def open(self, *_: Any) -> Any:
            raise error

    play = Play(upstream=Refusing())
    with pytest.raises(type(error)):
        await play.run(chat(PROMPT))
    assert booked(play) == ("partial", None)


async def test_a_long_answer_is_counted_in_part_and_the_rest_by_its_rate() -> None:
    asked = []

    class Halves:
        """A token is two characters."""

        def cached(self, model: str, text: str) -> int | None:
            return len(text) // 2

        def count(self, model: str, text: str) -> int:
            asked.append(len(text))
            return len(text) // 2

    long = Delta(Lane(0, "content"), "word " * COUNTED_CHARS)
    play = Play(upstream=ScriptedUpstream(Head(1), long, UpstreamUnavailable("gone")), tokens=Halves())
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat(PROMPT))
    usage = booked(play)[1]
    assert usage is not None
    assert usage.completion == len(long.text) // 2
    assert asked == [COUNTED_CHARS]


async def test_a_caller_whose_connection_breaks_while_it_is_written_to_has_gone() -> None:
    play = Play(upstream=ScriptedUpstream(Head(1), SAYS, Finish(0, "stop")))
    with pytest.raises(ConnectionResetError):
        await stopped_after(play, 1, by=ConnectionResetError)
    assert booked(play)[0] == "client_gone"


async def test_a_proxy_that_stops_says_so_and_does_not_blame_the_caller() -> None:
    play = Play(upstream=ScriptedUpstream(Head(1), *[SAYS] * 5))
    with pytest.raises(Stopping):
        await stopped_after(play, 2, stopping=lambda: True)
    [summary] = play.tally.summaries
    assert (summary.status, summary.error) == ("partial", "stopping")
    assert summary.usage == Usage(len(PROMPT), 2 * len(SAYS.text), estimated=True)


async def test_after_it_said_so_a_stopping_proxy_can_still_await_its_last_words() -> None:
    play = Play(upstream=ScriptedUpstream(open_s=30))
    told = []

    async def caller() -> None:
        try:
            async with play.conductor.converse(ANNA, chat(PROMPT), lambda: True):
                pass
        except Stopping:
            async with asyncio.timeout(1):
                await asyncio.sleep(0.01)
            told.append("goodbye")

    task = asyncio.get_running_loop().create_task(caller())
    await asyncio.sleep(0.05)
    task.cancel()
    await task
    assert told == ["goodbye"]
    assert task.cancelling() == 0
