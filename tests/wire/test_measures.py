"""What holds for every dialect that is no chat: completions, embeddings, scores, classes and tokens."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Denied, NotTranslatable, RequestInvalid
from proxy.exchange import End, Json
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.registers import DIALECTS, WIRES
from tests.wire.openai_completions import examples as completions
from tests.wire.openai_embeddings import examples as embeddings
from tests.wire.rooms import cuts, events, read, spelled, written
from tests.wire.tei import examples as tei
from tests.wire.vllm import examples as vllm

ROOMS = (completions, embeddings, vllm, tei)
REQUESTS = [(name, body) for room in ROOMS for name, bodies in room.REQUESTS.items() for body in bodies]
REFUSED = [
    (name, field, value)
    for room in ROOMS
    for name, fields in room.REFUSED.items()
    for field, value in fields.items()
]
ANSWERS = [
    (wire, form == "stream", answer)
    for room in ROOMS
    for wire, forms in room.ANSWERS.items()
    for form, answer in forms.items()
]
PLAIN = {name: bodies[0] for room in ROOMS for name, bodies in room.REQUESTS.items()}

CONSTANTS = frozenset({"base64"})
"""Words of the protocol that a translation may add."""


def texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def with_canaries(value: Json, number: Iterator[int]) -> Json:
    """Every text one of its own, where a schema lets it be."""
    if isinstance(value, str):
        return f"canary-{next(number)}"
    if isinstance(value, list):
        return [with_canaries(inner, number) for inner in value]
    return (
        {name: with_canaries(inner, number) for name, inner in value.items()}
        if isinstance(value, dict)
        else value
    )


@pytest.mark.parametrize(("name", "body"), REQUESTS)
def test_every_text_that_leaves_was_seen_by_the_inspectors(name: str, body: dict[str, Any]) -> None:
    for field, value in body.items():
        planted = {**body, field: with_canaries(value, iter(range(1_000)))}
        try:
            exchange = read(name, planted)
        except RequestInvalid:
            continue  # a closed set of words
        seen = Counter(segment.text for segment in exchange.segments)
        for wire in DIALECTS[name].wires:
            try:
                left = [text for text in texts(spelled(exchange, wire)) if text.startswith("canary")]
            except NotTranslatable:
                continue
            left = [text for text in left if text != exchange.model]
            assert not Counter(left) - seen, (name, field)


@pytest.mark.parametrize(("name", "body"), REQUESTS)
def test_segments_say_where_their_text_stands(name: str, body: dict[str, Any]) -> None:
    exchange = read(name, body)
    changes = {index: f"new-{index}-" for index, segment in enumerate(exchange.segments) if not segment.key}
    changed = tree.dump(tree.with_texts(exchange, changes)).decode()
    assert all(changed.count(text) == 1 for text in changes.values())


@pytest.mark.parametrize(("name", "field", "value"), REFUSED)
def test_what_is_refused_is_refused_by_name_and_not_quoted(name: str, field: str, value: Any) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read(name, {**PLAIN[name], field: value})
    assert refused.value.param == field
    assert "words" not in refused.value.reason.replace("tokens as words", "")


@pytest.mark.parametrize("name", PLAIN)
def test_an_unknown_field_is_refused_or_dropped_and_counted(name: str) -> None:
    body = {**PLAIN[name], "surprise": "unlikely"}
    with pytest.raises(RequestInvalid):
        read(name, body)
    exchange = read(name, body, limits=Limits(unknown_fields="drop"))
    assert exchange.dropped == ("surprise",)
    assert "unlikely" not in json.dumps(exchange.body)


@pytest.mark.parametrize("name", PLAIN)
def test_a_body_that_is_no_object_is_refused(name: str) -> None:
    bodies: list[Any] = [[], "words", 1, None, [PLAIN[name]], {}]
    for body in bodies:
        with pytest.raises(RequestInvalid):
            read(name, body)


@pytest.mark.parametrize("name", [name for name in PLAIN if name.startswith(("tei", "vllm"))])
def test_a_call_that_names_no_model_gets_the_default_or_is_told_of_the_setting(name: str) -> None:
    body = {field: value for field, value in PLAIN[name].items() if field != "model"}
    assert read(name, body, model="usual").model == "usual"
    with pytest.raises(RequestInvalid, match=r"listen\.default_models"):
        read(name, body, model=None)


@pytest.mark.parametrize(("name", "body"), REQUESTS)
def test_what_is_translated_is_made_of_what_was_inspected(name: str, body: dict[str, Any]) -> None:
    exchange = read(name, body)
    changes = {
        index: f"clean {index}"
        for index, segment in enumerate(exchange.segments)
        if segment.source != "name" and not segment.key
    }
    clean = tree.with_texts(exchange, changes)
    known = {*texts(clean.body), "weights", *CONSTANTS}
    for wire in DIALECTS[name].wires.keys() - {name}:
        with contextlib.suppress(NotTranslatable):
            assert set(texts(spelled(clean, wire))) <= known


@pytest.mark.parametrize(("wire", "stream", "answer"), ANSWERS)
def test_however_an_answer_is_cut_the_events_are_the_same(wire: str, stream: bool, answer: bytes) -> None:
    told = events(wire, [answer], stream=stream)
    assert told is not None
    assert told[-1] == End()
    assert all(events(wire, pieces, stream=stream) == told for pieces in cuts(answer))


@pytest.mark.parametrize(("wire", "stream", "answer"), ANSWERS)
def test_an_answer_that_is_cut_short_is_none(wire: str, stream: bool, answer: bytes) -> None:
    end = len(answer.rstrip())
    assert all(events(wire, [answer[:at]], stream=stream) is None for at in range(end))


@pytest.mark.parametrize(("wire", "stream", "answer"), ANSWERS)
@given(
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    place=st.integers(0, 200),
)
def test_a_server_that_lies_about_a_shape_is_refused_or_harmless(
    wire: str, stream: bool, answer: bytes, junk: Any, place: int
) -> None:
    """Nothing but UpstreamUnavailable is raised, which `events` turns to None."""
    if stream:
        return
    body = json.loads(answer)
    places = list(_places(body))
    body = _planted(body, places[place % len(places)], junk)
    told = events(wire, [json.dumps(body).encode()])
    assert told is None or told[-1] == End()


@pytest.mark.parametrize(("wire", "stream", "answer"), ANSWERS)
def test_what_a_server_adds_is_counted_and_left_out(wire: str, stream: bool, answer: bytes) -> None:
    if b"surprise" not in answer:
        return
    reader = WIRES[wire].reader(stream)
    told = [*reader.feed(answer), *reader.finish()]
    assert reader.dropped["surprise"] >= 1
    body = next(body for name, body in REQUESTS if name == wire)
    said = written(read(wire, body), told)
    assert b"surprise" not in said
    assert b'"x"' not in said


@pytest.mark.parametrize("name", PLAIN)
def test_an_error_has_our_code_the_rules_and_the_requests_id(name: str) -> None:
    error = Denied("A policy does not allow this.", rules=("model.grant",))
    told = json.loads(DIALECTS[name].error_body(error, "request-1"))
    inner = told["error"] if isinstance(told["error"], dict) else told
    assert (inner["code"], inner["rules"], inner["request_id"]) == (
        "policy_denied",
        ["model.grant"],
        "request-1",
    )


def _places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in inside:
        yield from _places(inner, (*path, step))


def _planted(value: Json, path: tuple[Any, ...], junk: Json) -> Json:
    return tree.with_value(value, path, junk) if path else junk
