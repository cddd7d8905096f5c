"""What stands across parts and messages reaches no model, comes back whole, and counts once."""

import json
from collections.abc import Sequence
from dataclasses import replace

from proxy.conductor.recognising import recognise
from proxy.exchange import Exchange
from proxy.redact.spans import Span, merge
from proxy.verdict import KindPlan
from tests.conductor.plays import Play, chat
from tests.fakes import MAIL, ScriptedPolicies, allow
from tests.redact.texts import PLAN, found_in


def house() -> Play:
    return Play(policies=ScriptedPolicies(admission=allow(redact_prompt=PLAN)), recogniser=Patterns())


class Patterns:
    """`asked`: every text that it was given."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        self.asked.extend(texts)
        planned = {wanted.kind for wanted in plan}
        return [merge(span for span in found_in(text) if span.kind in planned) for text in texts]


def parts(*texts: str, role: str = "user") -> dict[str, object]:
    return {"role": role, "content": [{"type": "text", "text": text} for text in texts]}


def said(role: str, text: str) -> dict[str, object]:
    return {"role": role, "content": text}


async def seen(*messages: dict[str, object]) -> str:
    """What the model server was sent."""
    play = house()
    await play.run(chat(messages=list(messages)))
    return play.upstream.bodies[0].decode()


async def test_an_address_over_two_parts_of_a_message_does_not_reach_the_model() -> None:
    body = await seen(parts("write to jane@exam", "ple.com now"))
    assert "jane" not in body
    assert "ple.com" not in body
    assert body.count("[EMAIL_ADDRESS_") == 2


async def test_a_name_over_two_messages_of_one_role_does_not_reach_the_model() -> None:
    body = await seen(said("user", "My name is Jane"), said("user", "Doe, and who are you?"))
    assert "Jane" not in body
    assert "Doe" not in body


async def test_what_two_roles_say_is_not_read_as_one() -> None:
    body = await seen(said("user", "My name is Jane"), said("assistant", "Doe is a deer."))
    assert "Jane" in body
    assert "Doe is a deer." in body


async def test_a_name_over_two_results_of_tools_does_not_reach_the_model() -> None:
    calls = [
        {"id": name, "type": "function", "function": {"name": "find", "arguments": "{}"}} for name in "ab"
    ]
    results: list[dict[str, object]] = [
        {"role": "tool", "tool_call_id": name, "content": text}
        for name, text in (("a", "first: Jane"), ("b", "Doe"))
    ]
    body = await seen(said("user", "Who?"), {"role": "assistant", "tool_calls": calls}, *results)
    assert "Jane" not in body
    assert "Doe" not in body


async def test_what_stands_across_parts_counts_once() -> None:
    play = house()
    text = "jane@example.com, and to ja"
    await play.run(chat(messages=[parts(text, "ne@exam", "ple.com or jane@example.com")]))
    prompt = next(one for one in play.policies.asked if one["phase"] == "prompt")
    assert prompt["entities"] == {"EMAIL_ADDRESS": 3}


async def test_the_record_holds_no_part_of_it() -> None:
    play = house()
    await play.run(chat(messages=[parts("write to jane@exam", "ple.com now")]))
    record = json.dumps(play.journal.tickets[0].record)
    assert "jane@exam" not in record
    assert "ple.com" not in record


async def test_texts_that_are_measured_one_by_one_have_no_seams() -> None:
    recogniser = Patterns()
    exchange = chat(messages=[parts("Jane", "Doe")])
    found = await recognise(recogniser, replace(exchange, operation="embeddings"), PLAN)
    assert recogniser.asked == ["Jane", "Doe"]
    assert found.spans == ((), ())


async def test_a_turn_pays_for_no_seams_where_roles_take_turns() -> None:
    recogniser = Patterns()
    await recognise(recogniser, talk(), PLAN)
    assert recogniser.asked == ["one", "two", "three"]


async def test_without_a_plan_nothing_is_looked_at_and_that_is_told() -> None:
    recogniser = Patterns()
    found = await recognise(recogniser, talk(), ())
    assert recogniser.asked == []
    assert found.spans == (None, None, None)
    assert not found.entities


async def test_a_name_beside_the_texts_does_not_part_them() -> None:
    found = await recognise(
        Patterns(),
        chat(messages=[{"role": "user", "name": "x", "content": "Jane"}, said("user", "Doe")]),
        (*PLAN, MAIL),
    )
    assert found.entities == {"PERSON": 1}


def talk() -> Exchange:
    return chat(messages=[said("user", "one"), said("assistant", "two"), said("user", "three")])
