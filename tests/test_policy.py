import copy
import dataclasses
import time
from pathlib import Path
from typing import Any, get_args

import fastjsonschema
import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import policy
from proxy.errors import Denied, EngineUnavailable, SoftRuleDenied
from proxy.exchange import Document, Exchange, Identity, Lane, Method, Segment, Subject, Unscannable, Usage
from proxy.verdict import Action, Decision, Finding, KindPlan, Obligations, SoftAsk, SoftVerdict, Withhold

SCHEMAS = Path(__file__).parent.parent / "policies" / "schemas"
INPUT = jsonschema.Draft7Validator(orjson.loads((SCHEMAS / "input.json").read_bytes()))
DECISION = jsonschema.Draft7Validator(orjson.loads((SCHEMAS / "decision.json").read_bytes()))

names = st.text(max_size=8)
methods = st.sampled_from(get_args(Method))
counts = st.integers(min_value=0, max_value=2**53 - 1)
sources = st.sampled_from(
    ["message", "tool_call", "tool_result", "tool_definition", "document", "parameter", "name"]
)
segments = st.lists(
    st.builds(Segment, text=names, role=names, source=sources, path=st.just(("x",))), max_size=5
)
documents = st.lists(
    st.builds(
        Document, id=names, source=st.sampled_from(["field", "fence"]), segments=st.just(()), chars=counts
    ),
    max_size=3,
)
parameters = st.dictionaries(
    st.sampled_from(["max_tokens", "max_completion_tokens", "n", "temperature", "user"]),
    st.none() | st.booleans() | counts | names,
)
verdicts = st.dictionaries(
    names,
    st.builds(
        SoftVerdict,
        rule=names,
        status=st.sampled_from(["pass", "fail", "error", "pending"]),
        score=st.none() | st.floats(0, 1),
        judge=names,
    ),
    max_size=3,
)
entities = st.dictionaries(names, counts, max_size=3)


@st.composite
def facts(draw: st.DrawFn) -> policy.Facts:
    parts = draw(segments)
    exchange = Exchange(
        id=draw(names),
        dialect=draw(names),
        model=draw(names),
        stream=draw(st.booleans()),
        body={},
        segments=tuple(parts),
        documents=tuple(draw(documents)),
        unscannable=tuple(draw(st.lists(st.builds(Unscannable, where=names, kind=names), max_size=2))),
        tools=tuple(draw(st.lists(names, max_size=2))),
        parameters=draw(parameters),
    )
    subject = Subject(draw(names), draw(names), tuple(draw(st.lists(names, max_size=2))))
    identity = Identity(
        subject,
        draw(names),
        draw(methods),
        actor_method=draw(st.none() | methods),
        actor_groups=tuple(draw(st.lists(names, max_size=2))),
        actor_clearances=tuple(draw(st.lists(names, max_size=2))),
        actor_chain=tuple(draw(st.lists(names, max_size=2))),
        delegated=draw(st.booleans()),
    )
    return policy.Facts(identity, exchange, draw(names), draw(names), tuple(draw(counts) for _ in parts))


def sample(*, segments: int = 8, exchange_id: str = "x") -> policy.Facts:
    parts = tuple(Segment("secret words", "user", "message", ("messages", i)) for i in range(segments))
    exchange = Exchange(exchange_id, "openai.chat", "m", True, {}, parts, parameters={"temperature": 0.1})
    return policy.Facts(Identity(Subject("s"), "a", "api_key"), exchange, "local", "eu", (3,) * segments)


def valid(document: dict[str, Any]) -> None:
    INPUT.validate(orjson.loads(orjson.dumps(document)))


@given(facts())
def test_an_admission_document_is_as_published(given_facts: policy.Facts) -> None:
    valid(policy.admission(policy.base(given_facts)))


@given(facts(), entities, verdicts)
def test_a_prompt_document_is_as_published(
    given_facts: policy.Facts, found: dict[str, int], soft: dict[str, SoftVerdict]
) -> None:
    valid(policy.prompt(policy.base(given_facts), found, soft))


@given(facts(), names, st.none() | st.dictionaries(names, names))
def test_a_tool_call_document_is_as_published(given_facts: policy.Facts, name: str, arguments: Any) -> None:
    valid(policy.tool_call(policy.base(given_facts), name=name, arguments=arguments, source="history"))


@given(facts(), st.booleans(), entities, verdicts, st.none() | st.builds(Usage, counts, counts))
def test_an_answer_document_is_as_published(
    given_facts: policy.Facts,
    final: bool,
    found: dict[str, int],
    soft: dict[str, SoftVerdict],
    usage: Usage | None,
) -> None:
    lanes = {Lane(1, "tool", 2): 7, Lane(0, "content"): 3}
    document = policy.answer(
        policy.base(given_facts),
        final=final,
        lanes=lanes,
        entities=found,
        soft=soft,
        finish={0: "stop"},
        usage=usage,
    )
    valid(document)
    assert [lane["choice"] for lane in document["answer"]["lanes"]] == [0, 1]


@given(facts())
def test_the_schema_knows_every_field_and_misses_none(given_facts: policy.Facts) -> None:
    document = orjson.loads(orjson.dumps(policy.admission(policy.base(given_facts))))
    for key in document:
        assert not INPUT.is_valid({name: value for name, value in document.items() if name != key}), key
    assert not INPUT.is_valid({**document, "text": "x"})


def test_equal_facts_make_equal_documents_whatever_the_exchange_is_called() -> None:
    assert policy.base(sample(exchange_id="one")) == policy.base(sample(exchange_id="two"))


def test_who_acts_for_whom_and_how_both_were_verified_is_told() -> None:
    identity = Identity(
        Subject("alice", groups=("finance",)),
        "bot",
        "jwt",
        actor_method="api_key",
        actor_groups=("robots",),
        actor_clearances=("internal",),
        actor_chain=("planner",),
        delegated=True,
    )
    document = policy.base(dataclasses.replace(sample(), identity=identity))
    assert document["subject"]["groups"] == ("finance",)
    assert document["actor"] == {
        "id": "bot",
        "groups": ("robots",),
        "clearances": ("internal",),
        "chain": ("planner",),
    }
    assert document["identity"] == {"method": "jwt", "actor_method": "api_key", "delegated": True}


def test_no_text_is_in_a_document() -> None:
    assert b"secret" not in orjson.dumps(policy.admission(policy.base(sample())))


def test_the_highest_bound_of_a_call_is_what_it_requested() -> None:
    given_facts = sample()
    given_facts.exchange.parameters.update(max_tokens=10, max_completion_tokens=20)
    assert policy.base(given_facts)["tokens"]["requested"] == 20


def test_a_truth_value_is_no_bound() -> None:
    given_facts = sample()
    given_facts.exchange.parameters.update(max_tokens=True)
    assert policy.base(given_facts)["tokens"]["requested"] is None


def test_only_turns_are_messages_and_all_segments_count() -> None:
    given_facts = sample(segments=2)
    name = Segment("f", "tool", "name", ("tools", 0))
    exchange = Exchange("x", "d", "m", False, {}, (*given_facts.exchange.segments, name))
    made = policy.base(policy.Facts(given_facts.identity, exchange, "u", "", (3, 3, 5)))
    assert len(made["messages"]) == 2
    assert made["tokens"]["prompt"] == 11


def test_the_facts_of_eight_messages_take_less_than_a_hundred_microseconds() -> None:
    """Ten on a quiet machine; the bound here is for a busy one."""
    given_facts = sample()
    best = min(_seconds(given_facts) for _ in range(50))
    assert best < 100e-6


def _seconds(given_facts: policy.Facts) -> float:
    began = time.perf_counter()
    policy.base(given_facts)
    return time.perf_counter() - began


WHOLE: dict[str, Any] = {
    "action": "redact",
    "findings": [
        {"rule": "b.rule", "action": "allow", "reason": "Told."},
        {"rule": "a.rule", "action": "redact", "reason": "Replaced."},
    ],
    "obligations": {
        "redact": {
            "prompt": [{"kind": "PERSON", "score": 0.5, "restore": True}],
            "answer": [{"kind": "US_SSN", "score": 1, "restore": False}],
        },
        "withhold": [{"document": "d", "notice": False}],
        "strip_tools": ["t"],
        "soft": [
            {
                "rule": "soft.a",
                "sentence": "s",
                "threshold": 0.5,
                "on_error": "allow",
                "when": "beside",
                "side": "answer",
            }
        ],
        "max_tokens": 9,
        "no_mirror": True,
    },
}


def test_a_whole_decision_is_read_whole() -> None:
    assert policy.parse_decision(copy.deepcopy(WHOLE), "r1") == Decision(
        Action.REDACT,
        (Finding("a.rule", Action.REDACT, "Replaced."), Finding("b.rule", Action.ALLOW, "Told.")),
        Obligations(
            redact_prompt=(KindPlan("PERSON", 0.5, True),),
            redact_answer=(KindPlan("US_SSN", 1.0, False),),
            withhold=(Withhold("d", False),),
            strip_tools=("t",),
            soft=(SoftAsk("soft.a", "s", 0.5, "allow", "beside", "answer"),),
            max_tokens=9,
            no_mirror=True,
        ),
        "r1",
    )


def test_a_decision_without_demands_is_a_decision() -> None:
    empty = {"action": "allow", "findings": [], "obligations": {}}
    assert policy.parse_decision(empty, "") == Decision(Action.ALLOW)


def test_of_two_plans_for_one_kind_the_stricter_counts() -> None:
    plans = [{"kind": "K", "score": score, "restore": score < 0.5} for score in (0.7, 0.2)]
    found = policy.parse_decision(
        {"action": "allow", "findings": [], "obligations": {"redact": {"prompt": plans}}}, ""
    )
    assert found.obligations.redact_prompt == (KindPlan("K", 0.2, False),)


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "allow",
        True,
        {},
        {"action": "allow"},
        {"action": "allow", "findings": []},
        {"action": "permit", "findings": [], "obligations": {}},
        {"action": ["allow"], "findings": [], "obligations": {}},
        {"action": "allow", "findings": {}, "obligations": {}},
        {"action": "allow", "findings": None, "obligations": {}},
        {"action": "allow", "findings": [], "obligations": []},
        {"action": "allow", "findings": [], "obligations": {}, "extra": 1},
        {"action": "block", "findings": [], "obligations": {}},
    ],
)
def test_what_is_no_whole_decision_is_refused(result: Any) -> None:
    with pytest.raises(EngineUnavailable):
        policy.parse_decision(result, "")


def test_an_action_milder_than_a_finding_is_refused() -> None:
    finding = {"rule": "a", "action": "block", "reason": "r"}
    with pytest.raises(EngineUnavailable):
        policy.parse_decision({"action": "allow", "findings": [finding], "obligations": {}}, "")


def test_an_obligation_nobody_knows_is_refused() -> None:
    with pytest.raises(EngineUnavailable):
        policy.parse_decision({"action": "allow", "findings": [], "obligations": {"shred": True}}, "")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


OTHERS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 0.5, 1.5, "", "x", [], {}, [[]], [{}], {"a": 1})


@pytest.mark.parametrize("place", places(WHOLE)[1:], ids=str)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_the_reader_and_the_published_schema_accept_the_same_decisions(
    place: tuple[Any, ...], other: Any
) -> None:
    changed = copy.deepcopy(WHOLE)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = other
    as_published = DECISION.is_valid(changed)
    try:
        policy.parse_decision(changed, "")
    except EngineUnavailable:
        accepted = False
    else:
        accepted = True
    if not _inconsistent(changed):
        assert accepted == as_published


def _inconsistent(changed: dict[str, Any]) -> bool:
    """Whole by its form, and yet its action is not its findings' strictest: a schema cannot say that."""
    findings = changed["findings"]
    if not isinstance(findings, list) or not all(isinstance(finding, dict) for finding in findings):
        return False
    words = [finding.get("action") for finding in findings]
    order = ("allow", "redact", "block")
    if not all(isinstance(word, str) and word in order for word in [*words, changed["action"]]):
        return False
    return max(map(order.index, words), default=0) != order.index(changed["action"])


def test_the_document_of_a_decision_is_as_published_and_reads_back() -> None:
    decision = policy.parse_decision(copy.deepcopy(WHOLE), "r")
    document = orjson.loads(orjson.dumps(policy.decision_document(decision)))
    DECISION.validate(document)
    assert policy.parse_decision(document, "r") == decision


def test_the_published_schemas_are_schemas_for_both_validators() -> None:
    for name in ("input.json", "decision.json"):
        schema = orjson.loads((SCHEMAS / name).read_bytes())
        jsonschema.Draft7Validator.check_schema(schema)
        fastjsonschema.compile(schema)


def block(*findings: Finding) -> Decision:
    return Decision(Action.BLOCK, findings)


def test_a_denial_names_the_rules_that_block_and_gives_the_first_reason() -> None:
    error = policy.denial(
        block(
            Finding("a", Action.BLOCK, "First."),
            Finding("b", Action.BLOCK, "Second."),
            Finding("c", Action.REDACT, "Beside."),
        ),
        ["soft.x"],
    )
    assert type(error) is Denied
    assert (error.reason, error.rules) == ("First.", ("a", "b"))


def test_a_denial_by_soft_rules_alone_is_one_of_soft_rules() -> None:
    both = block(Finding("a", Action.BLOCK, "r"), Finding("soft.x", Action.BLOCK, "r"))
    assert type(policy.denial(block(Finding("soft.x", Action.BLOCK, "r")), ["soft.x"])) is SoftRuleDenied
    assert type(policy.denial(both, ["soft.x"])) is Denied
    assert type(policy.denial(block(), ["soft.x"])) is Denied
