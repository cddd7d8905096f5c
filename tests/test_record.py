"""Decision documents and records: what they say, and that nothing else gets in."""

import orjson
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from proxy import record
from proxy.exchange import CleanText, Identity, Lane, Subject
from proxy.record import CleanMessage, PhaseDecision, ToolCall
from proxy.verdict import Action
from tests.fakes_journal import ANSWER, MESSAGES, a_record, decision, summary


def test_the_decision_document_tells_who_asked_for_what_and_what_was_decided() -> None:
    [document] = record.decision_log(summary())
    assert document["decision_id"] == "x1"
    assert document["timestamp"] == "2026-11-23T12:00:00.250000Z"
    assert (document["subject"], document["tenant"], document["actor"]) == ("anna", "acme", "cli")
    assert document["result"] == {"action": "redact", "rules": ["redaction.plan"]}
    assert [phase["phase"] for phase in document["phases"]] == ["admission", "prompt"]
    assert document["phases"][1] == {
        "phase": "prompt",
        "action": "redact",
        "rules": ["redaction.plan"],
        "revision": "r1",
        "micros": 39,
    }
    assert document["bundles"] == {"policies": {"revision": "r1"}}
    assert document["metrics"] == {"duration_ms": 812.346, "ttft_ms": 210.5}
    assert document["usage"] == {
        "prompt": 700,
        "completion": 50,
        "cached": 3,
        "reasoning": 7,
        "estimated": False,
    }


def test_the_decision_document_has_no_reason_texts_because_a_rule_could_put_content_there() -> None:
    assert b"The owner's sentence." not in orjson.dumps(record.decision_log(summary()))


def test_both_documents_tell_who_acted_for_whom_and_how_both_were_verified() -> None:
    identity = Identity(
        Subject("alice"), "bot", "jwt", actor_method="api_key", actor_chain=("planner",), delegated=True
    )
    [document] = record.decision_log(summary(identity=identity))
    assert (document["method"], document["actor_method"]) == ("jwt", "api_key")
    assert (document["delegated"], document["actor_chain"]) == (True, ["planner"])
    attributes = a_record(identity=identity)["attributes"]
    assert attributes["sluicegate.identity.method"] == "jwt"
    assert attributes["sluicegate.identity.actor_method"] == "api_key"
    assert attributes["sluicegate.identity.delegated"] is True
    assert attributes["sluicegate.actor.chain"] == ["planner"]


def test_a_blocked_exchange_is_logged_as_blocked_even_if_no_rule_said_so() -> None:
    one = summary(status="blocked", decisions=(), error="soft_rule_denied")
    [document] = record.decision_log(one)
    assert document["result"]["action"] == "block"
    assert document["error"] == "soft_rule_denied"
    assert document["bundles"] == {"policies": {"revision": None}}


def test_the_action_is_the_strictest_of_what_was_decided_and_done() -> None:
    allowed = (PhaseDecision("admission", decision(Action.ALLOW), 1),)
    blocked = (PhaseDecision("answer", decision(Action.BLOCK, "r"), 1), *allowed)
    assert record.action(summary(decisions=allowed, entities={})) is Action.ALLOW
    assert record.action(summary(decisions=allowed, entities={"PERSON": 1})) is Action.REDACT
    assert record.action(summary(decisions=allowed, entities={}, action=Action.REDACT)) is Action.REDACT
    assert record.action(summary(decisions=blocked)) is Action.BLOCK


def test_each_rule_is_named_once_in_the_order_in_which_it_spoke() -> None:
    phases = tuple(
        PhaseDecision("answer", decision(Action.ALLOW, *rules), 1)
        for rules in (("b", "a"), ("a", "c"), ("b",))
    )
    assert record.rules(summary(decisions=phases)) == ["b", "a", "c"]


def test_an_exchange_that_a_crash_cut_off_is_told_as_aborted_without_an_action() -> None:
    document = record.aborted(record.opened(summary("x9")))
    assert document["decision_id"] == "x9"
    assert document["status"] == "aborted"
    assert document["result"] == {"action": None, "rules": []}


def test_an_open_document_is_json_without_content() -> None:
    opened = orjson.loads(orjson.dumps(record.opened(summary())))
    assert set(opened) == {
        "decision_id", "timestamp", "path", "subject", "tenant", "actor", "method",
        "actor_method", "actor_chain", "delegated",
        "dialect", "model", "upstream", "stream",
    }  # fmt: skip


def test_the_record_joins_the_parts_of_a_message_and_the_pieces_of_an_answer() -> None:
    attributes = a_record()["attributes"]
    assert attributes["gen_ai.input.messages"] == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "I am <PERSON_1f>."},
                {"type": "text", "content": "Who am I?"},
            ],
        },
    ]
    assert attributes["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "You are <PERSON_1f>."}],
            "finish_reason": "stop",
        }
    ]


def test_every_gen_ai_attribute_is_one_of_the_semantic_conventions() -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    used = {key for key in a_record()["attributes"] if key.startswith("gen_ai.")}
    assert used <= known
    assert len(used) >= 10


def test_segments_without_a_path_are_messages_of_their_own() -> None:
    texts = [CleanMessage("user", "message", CleanText(text)) for text in ("one", "two")]
    said = record.record(summary(), texts, {})["attributes"]["gen_ai.input.messages"]
    assert [message["parts"][0]["content"] for message in said] == ["one", "two"]


def test_what_went_beside_the_messages_is_recorded_beside_them() -> None:
    texts = [
        CleanMessage(
            "", "tool_definition", CleanText("Finds things."), ("tools", 0, "function", "description")
        ),
        CleanMessage("user", "message", CleanText("hello"), ("messages", 0, "content")),
        CleanMessage("", "document", CleanText("a report"), ("documents", 0, "text")),
    ]
    attributes = record.record(summary(), texts, {})["attributes"]
    assert [one["content"] for one in attributes["sluicegate.input.beside"]] == ["Finds things.", "a report"]
    assert attributes["sluicegate.input.beside"][0]["path"] == "tools/0/function/description"
    assert len(attributes["gen_ai.input.messages"]) == 1


def test_empty_texts_and_keys_of_objects_are_not_recorded() -> None:
    texts = [
        CleanMessage("user", "message", CleanText(""), ("messages", 0, "content")),
        CleanMessage("assistant", "tool_call", CleanText("city"), ("messages", 1, "x"), key=True),
    ]
    assert record.record(summary(), texts, {})["attributes"]["gen_ai.input.messages"] == []


def test_a_tool_call_of_the_history_tells_where_each_text_stood() -> None:
    path = ("messages", 2, "tool_calls", 0, "function", "arguments", "city")
    texts = [CleanMessage("assistant", "tool_call", CleanText("Lyon"), path)]
    [message] = record.record(summary(), texts, {})["attributes"]["gen_ai.input.messages"]
    assert message["parts"] == [
        {"type": "tool_call", "content": "Lyon", "path": "tool_calls/0/function/arguments/city"}
    ]


def test_each_choice_is_a_message_and_each_lane_a_part() -> None:
    output = {
        Lane(1, "content"): [CleanText("two")],
        Lane(0, "content"): [CleanText("one")],
        Lane(0, "reasoning"): [CleanText("hm")],
        Lane(0, "tool", 1): [CleanText('{"a":1}')],
        Lane(2, "content"): [CleanText("")],
    }
    calls = {Lane(0, "tool", 1): ToolCall(CleanText("lookup"), "call_1")}
    said = record.record(summary(finish={0: "stop"}), (), output, calls)["attributes"][
        "gen_ai.output.messages"
    ]
    assert [message["finish_reason"] for message in said] == ["stop", "error"]
    assert {part["type"] for part in said[0]["parts"]} == {"text", "reasoning", "tool_call"}
    assert {"type": "tool_call", "arguments": '{"a":1}', "name": "lookup", "id": "call_1"} in said[0]["parts"]


def test_what_is_not_known_is_left_out_of_the_record() -> None:
    attributes = a_record(usage=None, ttft_ms=None, error=None)["attributes"]
    assert not {"gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk", "error.type"} & set(
        attributes
    )
    assert a_record(error="upstream_unavailable")["attributes"]["error.type"] == "upstream_unavailable"


def test_texts_do_not_show_in_a_repr() -> None:
    assert "Be brief" not in repr(MESSAGES)
    assert ANSWER
