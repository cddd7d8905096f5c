import asyncio
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engines import UpstreamRoute
from proxy.errors import (
    ContentUnscannable,
    Denied,
    EngineUnavailable,
    ModelUnknown,
    NotTranslatable,
    RecordUnavailable,
    SoftRuleDenied,
    UpstreamRefused,
    UpstreamUnavailable,
)
from proxy.exchange import AnswerEvent, Delta, End, Finish, Head, Lane, ToolOpen
from proxy.verdict import KindPlan, SoftAsk, Withhold
from proxy.wire.openai_chat.writer import ChatWriter
from tests.conductor.plays import ANNA, BERT, MAIL_TOOL, PlainWriter, Play, chat
from tests.fakes import (
    MAIL,
    DeadEngine,
    MemoryJournal,
    ScriptedPolicies,
    ScriptedUpstream,
    WordJudge,
    allow,
    answer_events,
    block,
)

WORDS = "anna@example.com"
BEFORE = SoftAsk("soft.before", "It is forbidden.", 0.5)
BESIDE = SoftAsk("soft.beside", "It is forbidden.", 0.5, when="beside")
OF_ANSWER = SoftAsk("soft.answer", "It is forbidden.", 0.5, side="answer")
CONTENT = Lane(0, "content")


def denies_failed(document):
    """A stand-in for the soft rules' own Rego: every asked rule must have passed or be pending."""
    verdicts = document.get("answer", document)["soft"]
    failed = [rule for rule, one in verdicts.items() if one["status"] not in ("pass", "pending")]
    return block(failed[0]) if failed else allow()


async def test_an_allowed_chat_reaches_the_client_with_its_end() -> None:
    play = Play()
    assert await play.run(chat("Hi")) == "Hello.[stop][end]"


@pytest.mark.parametrize("phase", ["admission", "prompt"])
async def test_a_blocked_prompt_never_reaches_the_model(phase: str) -> None:
    play = Play(policies=ScriptedPolicies(**{phase: block("no.way")}))
    with pytest.raises(Denied) as refused:
        await play.run(chat("Hi"))
    assert refused.value.rules == ("no.way",)
    assert play.upstream.bodies == []
    assert play.heard == []


async def test_a_request_blocked_at_admission_is_shown_to_no_other_engine() -> None:
    play = Play(policies=ScriptedPolicies(admission=block()))
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert play.recogniser.asked == []
    assert play.judge.asked == []


async def test_a_blocked_exchange_is_in_the_decision_log_and_not_in_the_feedback_stream() -> None:
    play = Play(policies=ScriptedPolicies(prompt=block("no.way")))
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    [ticket] = play.journal.tickets
    assert ticket.closed == 1
    assert ticket.decisions[0]["status"] == "blocked"
    assert ticket.record is None


async def test_a_dead_policy_engine_blocks() -> None:
    play = Play(policies=DeadEngine())
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert play.upstream.bodies == []


async def test_a_dead_recogniser_blocks() -> None:
    play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=(MAIL,))), recogniser=DeadEngine())
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert play.upstream.bodies == []


async def test_a_dead_judge_is_an_error_that_the_rules_see() -> None:
    policies = ScriptedPolicies(admission=allow(soft=(BEFORE,)), prompt=denies_failed)
    play = Play(policies=policies, judge=DeadEngine())
    with pytest.raises(SoftRuleDenied):
        await play.run(chat("Hi"))
    assert policies.asked[-1]["soft"] == {"soft.before": {"status": "error", "score": None}}
    assert play.upstream.bodies == []


async def test_policies_that_forget_to_look_at_a_failed_verdict_do_not_let_it_pass() -> None:
    play = Play(policies=ScriptedPolicies(admission=allow(soft=(BEFORE,))), judge=DeadEngine())
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert play.upstream.bodies == []


async def test_the_owner_of_a_rule_may_let_it_pass_without_a_verdict() -> None:
    lenient = replace(BEFORE, on_error="allow")
    play = Play(policies=ScriptedPolicies(admission=allow(soft=(lenient,))), judge=DeadEngine())
    assert await play.run(chat("Hi")) == "Hello.[stop][end]"


async def test_a_full_spool_refuses_before_the_model_is_asked() -> None:
    play = Play(journal=MemoryJournal(full=True))
    with pytest.raises(RecordUnavailable):
        await play.run(chat("Hi"))
    assert play.upstream.bodies == []


async def test_a_model_outside_the_table_is_refused() -> None:
    play = Play()
    with pytest.raises(ModelUnknown):
        await play.run(chat("Hi", model="Small"))


async def test_the_model_the_judge_and_the_record_get_pseudonyms_and_the_client_its_own_words() -> None:
    policies = ScriptedPolicies(admission=allow(redact_prompt=(MAIL,), soft=(BEFORE,)))
    echo = ScriptedUpstream()
    play = Play(policies=policies, upstream=echo)
    exchange = chat(f"Write to {WORDS}, please.")

    async def open_echo(route, request):
        said = json.loads(request.body)["messages"][0]["content"]
        echo.events = answer_events(*said)
        return await ScriptedUpstream.open(echo, route, request)

    play.upstream.open = open_echo
    assert await play.run(exchange) == f"Write to {WORDS}, please.[stop][end]"
    assert WORDS not in echo.bodies[0].decode()
    assert all(WORDS not in text for _, text in play.judge.asked)
    record = json.dumps(play.journal.tickets[0].record)
    assert WORDS not in record
    assert "[EMAIL_ADDRESS_" in record


async def test_two_people_never_share_a_pseudonym() -> None:
    received = []
    for identity in (ANNA, BERT):
        play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=(MAIL,))))
        await play.run(chat(WORDS), identity)
        received.append(json.loads(play.upstream.bodies[0])["messages"][0]["content"])
    assert received[0] != received[1]


async def test_a_finding_in_the_key_of_an_object_refuses_the_request() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "mail", "arguments": json.dumps({WORDS: 1})}}
    exchange = chat(
        messages=[
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "sent"},
        ]
    )
    play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=(MAIL,))))
    with pytest.raises(ContentUnscannable):
        await play.run(exchange)
    assert play.upstream.bodies == []


async def test_a_tool_call_in_the_history_is_decided_on() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "shell", "arguments": '{"run": "ls"}'}}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "a file"},
    ]
    play = Play(policies=ScriptedPolicies(tool_call=block("tools")))
    with pytest.raises(Denied):
        await play.run(chat(messages=messages))
    assert play.policies.asked[-1]["tool_call"] == {
        "name": "shell",
        "arguments": {"run": "ls"},
        "source": "history",
    }


async def test_a_withheld_document_leaves_no_character_upstream() -> None:
    policies = ScriptedPolicies(admission=allow(withhold=(Withhold("fin-1"),)))
    play = Play(policies=policies)
    await play.run(chat('Sum up <document id="fin-1">Secret figures</document> now.'))
    body = play.upstream.bodies[0].decode()
    assert "Secret" not in body
    assert "[withheld]" in body
    assert "now." in body


async def test_obligations_of_the_prompt_decision_are_met_before_anything_is_sent() -> None:
    policies = ScriptedPolicies(prompt=allow(redact_prompt=(MAIL,)))
    play = Play(policies=policies)
    await play.run(chat(WORDS))
    assert WORDS not in play.upstream.bodies[0].decode()
    assert policies.phases_asked().count("prompt") == 2


async def test_policies_that_always_demand_something_new_are_refused() -> None:
    demands = iter(range(100))
    policies = ScriptedPolicies(prompt=lambda _: allow(strip_tools=(f"tool-{next(demands)}",)))
    play = Play(policies=policies)
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert play.upstream.bodies == []


@pytest.mark.parametrize("open_s", [0.0, 0.1])
async def test_nothing_of_the_answer_leaves_before_the_verdict_beside(open_s: float) -> None:
    policies = ScriptedPolicies(admission=allow(soft=(BESIDE,)), prompt=denies_failed)
    play = Play(policies=policies, judge=WordJudge("Hi", 0.05), upstream=ScriptedUpstream(open_s=open_s))
    with pytest.raises(SoftRuleDenied):
        await play.run(chat("Hi"))
    assert play.heard == []
    assert all(answer.closed for answer in play.upstream.answers)


async def test_rules_beside_the_model_do_not_wait_for_it_and_it_does_not_wait_for_them() -> None:
    policies = ScriptedPolicies(admission=allow(soft=(BESIDE,)), prompt=denies_failed)
    play = Play(policies=policies, judge=WordJudge(delay_s=0.2), upstream=ScriptedUpstream(open_s=0.2))
    async with asyncio.timeout(0.39):
        await play.run(chat("Hi"))
    assert policies.asked[1]["soft"]["soft.beside"]["status"] == "pending"
    assert policies.asked[2]["soft"]["soft.beside"]["status"] == "pass"


async def test_an_entity_that_the_model_made_up_is_replaced_and_never_restored() -> None:
    policies = ScriptedPolicies(admission=allow(redact_answer=(MAIL,)))
    play = Play(policies=policies, upstream=ScriptedUpstream(*answer_events("Ask carl@exam", "ple.com now.")))
    text = await play.run(chat("Who?"))
    assert "carl" not in text
    assert "[EMAIL_ADDRESS_" in text
    assert "carl" not in json.dumps(play.journal.tickets[0].record)


async def test_the_callers_own_words_are_no_leak_of_the_model() -> None:
    policies = ScriptedPolicies(admission=allow(redact_prompt=(MAIL,), redact_answer=(MAIL,)))
    play = Play(policies=policies)

    async def echo(route, request):
        play.upstream.events = answer_events(json.loads(request.body)["messages"][0]["content"])
        return await ScriptedUpstream.open(play.upstream, route, request)

    play.upstream.open = echo
    assert await play.run(chat(f"To {WORDS} now.")) == f"To {WORDS} now.[stop][end]"


@given(st.data())
def test_however_the_answer_is_cut_the_client_hears_the_same(data: st.DataObject) -> None:
    whole = "One fine line. Ask carl@example.com or dora@example.com soon. And so it ends."
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    async def heard(*texts: str) -> str:
        policies = ScriptedPolicies(admission=allow(redact_answer=(MAIL,)))
        return await Play(policies=policies, upstream=ScriptedUpstream(*answer_events(*texts))).run(
            chat("Who?")
        )

    cut, together = asyncio.run(heard(*pieces)), asyncio.run(heard(whole))
    assert cut == together


async def test_an_answer_that_breaks_a_soft_rule_is_cut_before_its_window() -> None:
    policies = ScriptedPolicies(admission=allow(soft=(OF_ANSWER,)), answer=denies_failed)
    events = answer_events("A good sentence. ", "Now the forbidden one. ", "And more of it.")
    play = Play(policies=policies, upstream=ScriptedUpstream(*events))
    with pytest.raises(SoftRuleDenied):
        await play.run(chat("Tell me."))
    assert "forbidden" not in play.text
    assert "A good sentence." in play.text
    assert "[end]" not in play.text


async def test_an_answer_blocked_at_its_end_never_gets_its_end() -> None:
    policies = ScriptedPolicies(answer=lambda asked: block() if asked["answer"]["final"] else allow())
    play = Play(policies=policies)
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert "[stop]" not in play.text
    assert play.journal.tickets[0].record is None


async def test_an_obligation_that_comes_too_late_blocks() -> None:
    play = Play(policies=ScriptedPolicies(answer=allow(redact_answer=(MAIL,))))
    with pytest.raises(EngineUnavailable):
        await play.run(chat("Hi"))
    assert "[end]" not in play.text


async def test_an_exchange_that_must_not_be_mirrored_is_only_in_the_decision_log() -> None:
    play = Play(policies=ScriptedPolicies(answer=allow(no_mirror=True)))
    await play.run(chat("Hi"))
    [ticket] = play.journal.tickets
    assert ticket.record is None
    assert ticket.decisions[0]["status"] == "complete"


async def test_the_record_is_written_before_the_end_is_said() -> None:
    play = Play()
    async with play.conductor.converse(ANNA, chat("Hi")) as reply:
        async for out in reply.stream(PlainWriter()):
            if b"[end]" in out:
                assert play.journal.tickets[0].closed == 1


async def test_an_upstream_that_dies_gives_no_end_and_a_partial_record() -> None:
    events = [*answer_events("Half an answer")[:2], UpstreamUnavailable("It died.")]
    play = Play(upstream=ScriptedUpstream(*events))
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi"))
    assert play.text == "Half an answer"
    [ticket] = play.journal.tickets
    assert ticket.closed == 1
    assert ticket.decisions[0]["status"] == "partial"


async def test_an_answer_without_its_end_is_cut_short_not_complete() -> None:
    play = Play(upstream=ScriptedUpstream(*answer_events("Half")[:2]))
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi"))
    assert "[end]" not in play.text


async def test_a_client_that_leaves_ends_the_models_work_and_is_booked() -> None:
    play = Play(upstream=ScriptedUpstream(*answer_events("a", "b", "c"), pause_s=0.05))
    running = asyncio.ensure_future(play.run(chat("Hi")))
    while not play.heard:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert play.upstream.answers[0].closed
    [ticket] = play.journal.tickets
    assert ticket.closed == 1
    assert ticket.decisions[0]["status"] == "client_gone"
    assert [summary.status for summary in play.tally.summaries] == ["client_gone"]


async def test_a_client_that_leaves_while_the_model_is_asked_leaves_nothing_open() -> None:
    policies = ScriptedPolicies(admission=allow(soft=(BESIDE,)))
    play = Play(policies=policies, judge=WordJudge(delay_s=1), upstream=ScriptedUpstream())
    running = asyncio.ensure_future(play.run(chat("Hi")))
    while not play.upstream.answers:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert play.upstream.answers[0].closed
    assert play.journal.tickets[0].closed == 1


def tool_call(arguments: str, *, pieces: int = 3):
    lane = Lane(0, "tool", 0)
    size = max(1, len(arguments) // pieces)
    cut = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    return [
        ToolOpen(lane, "call-1", "mail"),
        *(Delta(lane, one) for one in cut),
        Finish(0, "tool_calls"),
        End(),
    ]


async def test_a_tool_call_is_decided_whole_and_given_back_with_the_callers_words() -> None:
    policies = ScriptedPolicies(admission=allow(redact_prompt=(MAIL,)))
    play = Play(policies=policies)

    async def calls(route, request):
        said = json.loads(request.body)["messages"][0]["content"]
        play.upstream.events = tool_call(json.dumps({"to": said, "n": 2}))
        return await ScriptedUpstream.open(play.upstream, route, request)

    play.upstream.open = calls
    text = await play.run(chat(WORDS, tools=[MAIL_TOOL]))
    assert text == '[call mail]{"to":"anna@example.com","n":2}[tool_calls][end]'
    asked = next(one for one in policies.asked if one["phase"] == "tool_call")["tool_call"]
    assert asked["source"] == "model"
    assert asked["arguments"]["to"].startswith("[EMAIL_ADDRESS_")


async def test_a_denied_tool_call_never_leaves() -> None:
    play = Play(
        policies=ScriptedPolicies(tool_call=block()), upstream=ScriptedUpstream(*tool_call('{"a": 1}'))
    )
    with pytest.raises(Denied):
        await play.run(chat("Hi", tools=[MAIL_TOOL]))
    assert play.heard == []


async def test_arguments_that_are_not_an_object_are_none_for_the_rules() -> None:
    policies = ScriptedPolicies()
    play = Play(policies=policies, upstream=ScriptedUpstream(*tool_call("not json")))
    await play.run(chat("Hi", tools=[MAIL_TOOL]))
    asked = next(one for one in policies.asked if one["phase"] == "tool_call")
    assert asked["tool_call"]["arguments"] is None


async def test_what_a_model_leaks_in_a_tool_call_is_replaced() -> None:
    policies = ScriptedPolicies(admission=allow(redact_answer=(MAIL,)))
    play = Play(policies=policies, upstream=ScriptedUpstream(*tool_call('{"to": "carl@example.com"}')))
    text = await play.run(chat("Hi", tools=[MAIL_TOOL]))
    assert "carl" not in text
    assert "[EMAIL_ADDRESS_" in text


async def test_only_granted_models_are_listed() -> None:
    policies = ScriptedPolicies(admission=lambda asked: block() if asked["model"] == "large" else allow())
    play = Play(policies=policies)
    assert await play.conductor.visible_models(ANNA, "openai_chat") == ["small"]


async def test_a_kind_that_is_planned_one_way_is_not_given_back() -> None:
    policies = ScriptedPolicies(
        admission=allow(redact_prompt=(KindPlan("EMAIL_ADDRESS", 0.5, restore=False),))
    )
    play = Play(policies=policies)

    async def echo(route, request):
        play.upstream.events = answer_events(json.loads(request.body)["messages"][0]["content"])
        return await ScriptedUpstream.open(play.upstream, route, request)

    play.upstream.open = echo
    assert WORDS not in await play.run(chat(WORDS))


@pytest.mark.parametrize("event", [Delta(Lane(1, "content"), "more"), Finish(1, "stop")])
async def test_an_answer_that_nobody_asked_for_is_not_passed_on(event: Delta | Finish) -> None:
    events = [*answer_events("Hello.")[:2], event, *answer_events()[1:]]
    play = Play(upstream=ScriptedUpstream(*events))
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi"))
    assert "more" not in play.text
    assert "[end]" not in play.text


async def test_as_many_answers_as_were_asked_for_pass() -> None:
    events = [*answer_events("One.")[:2], Delta(Lane(1, "content"), "Two."), *answer_events()[1:]]
    assert "Two." in await Play(upstream=ScriptedUpstream(*events)).run(chat("Hi", n=2))


async def test_a_tool_that_was_not_offered_is_not_called() -> None:
    for offered in ([], [{"type": "function", "function": {"name": "other"}}]):
        play = Play()
        play.upstream.events = tool_call("{}")
        with pytest.raises(UpstreamUnavailable, match="was not offered"):
            await play.run(chat("Hi", tools=offered))
        assert "mail" not in play.text


async def test_a_tool_that_was_taken_out_of_the_request_is_not_called() -> None:
    play = Play(policies=ScriptedPolicies(admission=allow(strip_tools=("mail",))))
    play.upstream.events = tool_call("{}")
    with pytest.raises(UpstreamUnavailable, match="was not offered"):
        await play.run(chat("Hi", tools=[MAIL_TOOL]))


async def test_the_ids_of_an_answer_are_ours() -> None:
    play = Play()
    play.upstream.events = [Head(7), *tool_call("{}")]
    exchange = chat("Hi", tools=[MAIL_TOOL])
    async with play.conductor.converse(ANNA, exchange) as reply:
        said = b"".join([out async for out in reply.stream(ChatWriter(exchange))]).decode()
    assert '"id":"chatcmpl-exchange-1"' in said
    assert "an-address" not in said
    assert "words" not in said
    assert "call-1" not in said
    assert re.search(r'"id":"[0-9A-Za-z]{9}"', said)


# -- several servers of one model


def two_servers(play: Play, **gone: bool) -> None:
    routes = (
        UpstreamRoute("near", "w", "", ("openai_chat",)),
        UpstreamRoute("far", "w2", "eu", ("openai_chat",)),
    )
    play.upstream.served = {"small": routes}
    play.upstream.gone = {name for name, is_gone in gone.items() if is_gone}


async def test_another_server_is_asked_when_the_first_has_begun_nothing() -> None:
    play = Play()
    two_servers(play, near=True)
    assert await play.run(chat("Hi")) == "Hello.[stop][end]"
    assert [name for name, _ in play.upstream.asked] == ["near", "far"]
    assert [json.loads(body)["model"] for body in play.upstream.bodies] == ["w", "w2"]
    assert play.tally.summaries[0].upstream == "far"


@pytest.mark.parametrize("soft", [(), (BESIDE,)])
async def test_another_server_is_asked_when_the_first_says_that_it_is_busy(soft: tuple[SoftAsk, ...]) -> None:
    play = Play(policies=ScriptedPolicies(admission=allow(soft=soft)))
    two_servers(play)
    play.upstream.busy = {"near"}
    assert await play.run(chat("Hi")) == "Hello.[stop][end]"
    assert [name for name, _ in play.upstream.asked] == ["near", "far"]


async def test_when_all_are_busy_the_caller_is_told_what_the_last_one_said() -> None:
    play = Play()
    two_servers(play)
    play.upstream.busy = {"near", "far"}
    with pytest.raises(UpstreamRefused) as caught:
        await play.run(chat("Hi"))
    assert caught.value.upstream_status == 503


async def test_the_policies_decide_about_the_other_server_before_it_is_asked() -> None:
    def only_near(document):
        return block() if document["upstream"]["residency"] == "eu" else allow()

    play = Play(policies=ScriptedPolicies(admission=only_near))
    two_servers(play, near=True)
    with pytest.raises(Denied):
        await play.run(chat("Hi"))
    assert [name for name, _ in play.upstream.asked] == ["near"]


async def test_when_none_can_be_reached_the_caller_is_told_so() -> None:
    play = Play()
    two_servers(play, near=True, far=True)
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi"))
    assert [name for name, _ in play.upstream.asked] == ["near", "far"]
    assert len(play.journal.tickets) == 1


async def test_a_server_that_has_begun_is_the_last_one_asked() -> None:
    play = Play(
        upstream=ScriptedUpstream(UpstreamUnavailable("The model server ended the connection early."))
    )
    two_servers(play)
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi"))
    assert [name for name, _ in play.upstream.asked] == ["near"]


async def test_a_server_that_speaks_no_word_of_the_dialect_is_not_asked() -> None:
    play = Play()
    play.upstream.served = {"small": (UpstreamRoute("near", "w", "", ("tei_embed",)),)}
    with pytest.raises(NotTranslatable):
        await play.run(chat("Hi"))
    assert play.upstream.asked == []


# -- what was not looked at is said


async def test_what_nobody_looked_at_is_in_the_record() -> None:
    play = Play()
    await play.run(chat("Hi"))
    attributes = play.journal.tickets[0].record["attributes"]
    assert attributes["sluicegate.input.unscanned"] == ["messages/0"]
    assert play.journal.tickets[0].decisions[0]["unscanned"] == 1


async def test_what_was_looked_at_is_not_called_unscanned() -> None:
    play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=(MAIL,))))
    await play.run(chat("Hi", ""))
    assert "sluicegate.input.unscanned" not in play.journal.tickets[0].record["attributes"]


async def test_an_image_is_never_called_scanned() -> None:
    play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=(MAIL,))))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    await play.run(chat(messages=[{"role": "user", "content": [{"type": "text", "text": "Look"}, image]}]))
    attributes = play.journal.tickets[0].record["attributes"]
    assert attributes["sluicegate.input.unscanned"] == ["messages/0/content/1"]


async def test_an_answer_that_its_dialect_cannot_write_is_not_recorded_as_complete() -> None:
    class Unable(PlainWriter):
        def write(self, event: AnswerEvent) -> bytes:
            if isinstance(event, End):
                raise UpstreamUnavailable("The model server's answer has no form here.")
            return super().write(event)

    play = Play(writer=Unable())
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi"))
    assert play.tally.summaries[0].status == "partial"
