"""Copied passages on the way in and on the way out: what the policies hear, and what comes of their word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.conductor import Conductor, Doors, House
from proxy.conductor.copying import LOOK_CHARS
from proxy.errors import ContentUnscannable, Denied, EngineUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Json, Lane, ToolOpen
from proxy.fingerprints.copies import Copied
from proxy.verdict import Decision, Withhold
from tests.conductor.plays import MAIL_TOOL, Play, chat
from tests.fakes import (
    ALLOW,
    MAIL,
    ScriptedPolicies,
    ScriptedUpstream,
    StandingClock,
    allow,
    answer_events,
    block,
)
from tests.fingerprints.test_copies import FINDER
from tests.fingerprints.texts import MEMO

QUESTION = f"Sum this up.\n\n{MEMO}\n\nBe short."


class MemoCopies:
    """Knows one memo. `asked` holds the texts it was given."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find(self, texts: Sequence[str]) -> list[tuple[Copied, ...]]:
        self.asked += texts
        return [FINDER.find(text) for text in texts]


class EverywhereCopies:
    """Finds a passage in whatever is left."""

    async def find(self, texts: Sequence[str]) -> list[tuple[Copied, ...]]:
        return [(Copied("memo", 0, max(len(text) // 2, 1), 15),) for text in texts]


class DeadCopies:
    async def find(self, texts: Sequence[str]) -> list[tuple[Copied, ...]]:
        raise EngineUnavailable("Nobody looked for passages.")


@dataclass
class CopyPlay(Play):
    copies: Any = None

    @property
    def conductor(self) -> Conductor:
        doors = Doors(
            policy=self.policies,
            recogniser=self.recogniser,
            judge=self.judge,
            tokens=self.tokens,
            upstream=self.upstream,
            journal=self.journal,
            clock=StandingClock(),
            meter=self.tally,
            copies=self.copies or MemoCopies(),
        )
        return Conductor(House(doors, b"k" * 32, "[withheld]", self.window_chars))


def quoting_blocks(document: Mapping[str, Json]) -> Decision:
    return block("documents.answer") if document["answer"]["documents"] else ALLOW


def telling(*texts: str) -> ScriptedUpstream:
    return ScriptedUpstream(*answer_events(*texts))


async def test_the_policies_hear_of_a_copied_passage_as_of_a_document() -> None:
    play = CopyPlay()
    await play.run(chat(QUESTION))
    told = [{"id": "memo", "source": "fingerprint", "chars": len(MEMO)}]
    assert [one["documents"] for one in play.policies.asked if one["phase"] == "admission"] == [told]
    assert [one["documents"] for one in play.policies.asked if one["phase"] == "prompt"] == [told]
    assert b"Halden" in play.upstream.bodies[0]


@pytest.mark.parametrize(("notice", "instead"), [(True, "[withheld]"), (False, "")])
async def test_a_copied_passage_is_withheld_as_the_policies_say(notice: bool, instead: str) -> None:
    play = CopyPlay(policies=ScriptedPolicies(admission=allow(withhold=(Withhold("memo", notice),))))
    await play.run(chat(QUESTION))
    assert b"Halden" not in play.upstream.bodies[0]
    assert f"Sum this up.\\n\\n{instead}\\n\\nBe short." in play.upstream.bodies[0].decode()


async def test_one_document_goes_under_its_label_and_without_it() -> None:
    play = CopyPlay(policies=ScriptedPolicies(admission=allow(withhold=(Withhold("memo", True),))))
    await play.run(chat(f'<document id="memo">{MEMO}</document>', f"Again: {MEMO}"))
    assert b"Halden" not in play.upstream.bodies[0]
    assert play.upstream.bodies[0].count(b"[withheld]") == 2


async def test_a_false_label_does_not_save_a_passage_and_the_rest_of_the_document_stays() -> None:
    play = CopyPlay(policies=ScriptedPolicies(admission=allow(withhold=(Withhold("memo", True),))))
    await play.run(chat(f'<document id="public">Weather.\n\n{MEMO}\n\nMore weather.</document>'))
    body = play.upstream.bodies[0].decode()
    assert "Halden" not in body
    assert "Weather.\\n\\n[withheld]\\n\\nMore weather.</document>" in body


async def test_a_document_that_is_nowhere_is_not_withheld_in_silence() -> None:
    play = CopyPlay(policies=ScriptedPolicies(admission=allow(withhold=(Withhold("other", True),))))
    with pytest.raises(EngineUnavailable):
        await play.run(chat(QUESTION))
    assert not play.upstream.bodies


async def test_passages_that_never_end_refuse_the_request() -> None:
    policies = ScriptedPolicies(admission=allow(withhold=(Withhold("memo", True),)))
    play = CopyPlay(policies=policies, copies=EverywhereCopies())
    with pytest.raises(ContentUnscannable):
        await play.run(chat(QUESTION))
    assert not play.upstream.bodies


async def test_nothing_passes_when_nobody_looked() -> None:
    play = CopyPlay(copies=DeadCopies())
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hello."))
    assert not play.upstream.bodies


async def test_a_whole_answer_that_quotes_is_refused_before_a_letter_of_it_leaves() -> None:
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=telling(f"Well. {MEMO}"))
    with pytest.raises(Denied):
        await play.run(chat("Hello.", stream=False))
    assert play.text == ""


async def test_of_a_streamed_answer_no_more_leaves_than_tells_the_passage() -> None:
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=telling(*f"Well. {MEMO}"))
    with pytest.raises(Denied):
        await play.run(chat("Hello."))
    assert "Halden" not in play.text  # word 40 of 71


async def test_a_short_answer_that_quotes_is_refused_at_its_end() -> None:
    short = " ".join(MEMO.split()[:26])
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=telling(short))
    with pytest.raises(Denied):
        await play.run(chat("Hello."))
    assert "[end]" not in play.text


async def test_what_is_held_to_the_end_is_decided_on_before_it_leaves() -> None:
    policies = ScriptedPolicies(admission=allow(redact_answer=(MAIL,)), answer=quoting_blocks)
    play = CopyPlay(policies=policies, upstream=telling("the Halden"), copies=EverywhereCopies())
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert "Halden" not in play.text


async def test_a_passage_that_comes_slowly_is_found_over_the_looks() -> None:
    words = MEMO.split()
    slow = telling(*[f"{one} " for one in words])
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=slow, window_chars=16)
    with pytest.raises(Denied):
        await play.run(chat("Hello."))


async def test_a_passage_that_two_looks_share_is_found() -> None:
    short = " ".join(MEMO.split()[:26])
    own = "so " * ((LOOK_CHARS - len(short) // 2) // 3)
    upstream = telling(*f"{own}{short} {'so ' * LOOK_CHARS}")
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=upstream)
    with pytest.raises(Denied):
        await play.run(chat("Hello."))


async def test_two_lanes_are_looked_at_apart() -> None:
    half, rest = MEMO.split()[:12], MEMO.split()[12:24]
    reasoning, content = Lane(0, "reasoning"), Lane(0, "content")
    events: list[AnswerEvent] = [
        Delta(reasoning, " ".join(half)),
        Delta(content, " ".join(rest)),
        Finish(0, "stop"),
        End(),
    ]
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=ScriptedUpstream(*events))
    assert "[end]" in await play.run(chat("Hello."))


async def test_a_tool_call_that_carries_a_passage_out_is_refused_before_it_leaves() -> None:
    lane = Lane(0, "tool")
    arguments = '{"text": "' + " ".join(MEMO.split()[:26]) + '"}'
    assert len(arguments) < LOOK_CHARS
    events: list[AnswerEvent] = [
        ToolOpen(lane, "call-1", "mail"),
        Delta(lane, arguments),
        Finish(0, "tool_calls"),
        End(),
    ]
    play = CopyPlay(policies=ScriptedPolicies(answer=quoting_blocks), upstream=ScriptedUpstream(*events))
    with pytest.raises(Denied):
        await play.run(chat("Hello.", tools=[MAIL_TOOL]))
    assert play.text == ""


async def test_an_allowed_quotation_passes_whole_and_is_told_to_the_last_decision() -> None:
    play = CopyPlay(upstream=telling(*MEMO))
    assert MEMO in await play.run(chat("Hello."))
    [quoted] = play.policies.asked[-1]["answer"]["documents"]
    assert (quoted["id"], quoted["source"]) == ("memo", "fingerprint")
