"""Words where nobody expects them: in arguments that are no JSON, in names, behind a rule's double."""

from dataclasses import replace

import pytest

from proxy.errors import SoftRuleDenied, UpstreamUnavailable
from proxy.exchange import Delta, End, Finish, Lane, ToolOpen
from proxy.verdict import KindPlan, SoftAsk, SoftVerdict
from tests.conductor.plays import MAIL_TOOL, Play, chat
from tests.fakes import MAIL, MailRecogniser, ScriptedPolicies, ScriptedUpstream, allow, block

RULE = SoftAsk("soft.rule", "It is forbidden.", 0.5)


def denies_failed(document):
    verdicts = document.get("answer", document)["soft"]
    return block("soft.rule") if any(one["status"] == "fail" for one in verdicts.values()) else allow()


def calls(arguments: str) -> ScriptedUpstream:
    lane = Lane(0, "tool")
    opened = ToolOpen(lane, "call-1", "mail")
    return ScriptedUpstream(opened, Delta(lane, arguments), Finish(0, "tool_calls"), End())


@pytest.mark.parametrize("stream", [True, False])
async def test_arguments_with_escapes_that_no_strict_parser_reads_are_no_answer(stream: bool) -> None:
    arguments = r'{"to": "carl\u0040example.com", "to": 1}'
    policies = ScriptedPolicies(admission=allow(redact_answer=(replace(MAIL, restore=False),)))
    play = Play(policies=policies, upstream=calls(arguments))
    with pytest.raises(UpstreamUnavailable):
        await play.run(chat("Hi", tools=[MAIL_TOOL], stream=stream))
    assert "carl" not in play.text


@pytest.mark.parametrize("stream", [True, False])
async def test_a_soft_rule_on_answers_reads_the_arguments_of_a_tool_call(stream: bool) -> None:
    policies = ScriptedPolicies(admission=allow(soft=(replace(RULE, side="answer"),)), answer=denies_failed)
    play = Play(policies=policies, upstream=calls('{"do": "forbidden"}'))
    with pytest.raises(SoftRuleDenied):
        await play.run(chat("Hi", tools=[MAIL_TOOL], stream=stream))
    assert "forbidden" not in play.text
    assert play.judge.asked == [("soft.rule", '{"do": "forbidden"}')]


@pytest.mark.parametrize("other", ["0", "z"])
async def test_of_two_demands_with_one_name_each_counts(other: str) -> None:
    """The names sort around the stricter one, so that neither the first nor the last word can win alone."""
    lax = replace(RULE, sentence=other, threshold=1.0)
    strict = replace(RULE, threshold=0.5)

    class Halfway:
        async def judge(self, rule, text):
            return SoftVerdict(rule.rule, "fail" if rule.threshold <= 0.5 else "pass", 0.5, "half")

    play = Play(
        policies=ScriptedPolicies(admission=allow(soft=(lax, strict)), prompt=denies_failed), judge=Halfway()
    )
    with pytest.raises(SoftRuleDenied):
        await play.run(chat("Hi", tools=[MAIL_TOOL]))


class Plans(MailRecogniser):
    """Remembers for which kinds each text was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, set[str]] = {}

    async def recognise(self, texts, plan):
        self.kinds |= {text: {one.kind for one in plan} for text in texts}
        return await super().recognise(texts, plan)


async def test_a_name_with_a_space_in_it_is_read_as_a_persons() -> None:
    person = KindPlan("PERSON", 0.5, restore=True)
    play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=(MAIL, person))), recogniser=Plans())
    messages = [{"role": "user", "name": name, "content": "Hi"} for name in ("Emma Thompson", "emma-1")]
    await play.run(chat(messages=messages))
    assert play.recogniser.kinds["Emma Thompson"] == {"EMAIL_ADDRESS", "PERSON"}
    assert play.recogniser.kinds["emma-1"] == {"EMAIL_ADDRESS"}
