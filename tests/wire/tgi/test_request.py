from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NotTranslatable, RequestInvalid
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.openai_completions import DIALECTS as COMPLETIONS
from proxy.wire.tgi.fields import PARAMETERS as TABLE
from proxy.wire.tgi.request import MOST_TOKENS
from tests.wire.tgi.calls import LIMITS, ask, read, sent
from tests.wire.tgi.examples import NATIVE, PARAMETERS, REFUSED, REQUESTS, SCHEMA, STREAM, WHOLE


def refusal(body: Any, name: str = "tgi") -> RequestInvalid:
    with pytest.raises(RequestInvalid) as refused:
        read(body, name)
    return refused.value


@pytest.mark.parametrize("name", REQUESTS)
def test_every_text_is_a_segment_and_stands_in_the_body(name: str) -> None:
    for body in REQUESTS[name]:
        exchange = read(body, name)
        assert {"Where is Emma?", "Human:"} <= {one.text for one in exchange.segments}
        for segment in exchange.segments:
            if not segment.key:
                assert tree.value_at(exchange.body, segment.path) == segment.text


def test_another_tgi_is_asked_for_how_it_ended_and_for_no_texts_of_tokens() -> None:
    body = sent(
        ask(details=False, decoder_input_details=False, return_full_text=True, top_k=3), "tgi_generate"
    )
    assert body == {
        "inputs": "Hello",
        "parameters": {
            "details": True,
            "decoder_input_details": False,
            "return_full_text": False,
            "top_k": 3,
        },
    }
    assert sent({"inputs": "Hello"}, "tgi_generate")["parameters"]["details"] is True


def test_a_prompt_becomes_a_completion_with_everything_in_it() -> None:
    assert sent(STREAM, "openai_completions") == {
        "model": "weights-1",
        "prompt": "Where is Emma?",
        "max_tokens": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": ["Human:"],
        "seed": 7,
        "frequency_penalty": 0.5,
        "temperature": 0.5,
        "top_k": 5,
        "top_p": 0.5,
        "typical_p": 0.5,
        "repetition_penalty": 1.5,
        "repeat_penalty": 1.5,
    }


def test_what_a_prompt_becomes_is_a_completion_to_our_own_openai_door() -> None:
    """So every name in it is one that servers know, and every value is of their type."""
    for body in (STREAM, WHOLE, {"inputs": "Hello"}):
        translated = sent(body, "openai_completions")
        assert COMPLETIONS[0].parse(translated, exchange_id="x", limits=LIMITS).body["prompt"]


def test_a_translated_answer_is_as_long_as_tgi_would_have_made_it() -> None:
    assert sent(ask(), "openai_completions")["max_tokens"] == MOST_TOKENS


@pytest.mark.parametrize(
    ("parameters", "temperature"),
    [
        ({}, 0),
        ({"do_sample": False}, 0),
        ({"do_sample": True}, 1),
        ({"temperature": 0.5}, 0.5),
        ({"top_k": 3}, 1),
        ({"top_p": 0.5}, 1),
        ({"typical_p": 0.5}, 1),
        ({"seed": 3}, 0),
    ],
)
def test_the_likeliest_token_is_taken_unless_the_call_asks_for_chance(
    parameters: dict[str, Any], temperature: float
) -> None:
    assert sent(ask(**parameters), "openai_completions")["temperature"] == temperature


@pytest.mark.parametrize("name", ["grammar", "watermark"])
def test_what_a_completion_has_no_word_for_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(NotTranslatable) as refused:
        sent(ask(**{name: NATIVE[name]}), "openai_completions")
    assert refused.value.param == f"parameters/{name}"


def test_nothing_that_is_accepted_is_left_out_of_a_translation() -> None:
    """Each parameter, alone, changes the translated body, or is for the writer, or is refused by name."""
    plain = sent(ask(do_sample=True), "openai_completions")
    for name, member in TABLE.items():
        if member.fate in ("refused", "not forwarded") or name in (
            "details",
            "return_full_text",
            "do_sample",
        ):
            continue
        try:
            body = sent(ask(do_sample=True, **{name: NATIVE[name]}), "openai_completions")
        except NotTranslatable:
            assert name in ("grammar", "watermark")
            continue
        assert body != plain, name


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.lists(st.text("ab", max_size=3), max_size=3),
)
def test_every_text_of_a_translation_stands_in_what_was_inspected(prompt: str, stops: list[str]) -> None:
    body = {"inputs": prompt, "parameters": {"stop": stops}}
    inspected = {one.text for one in read(body).segments}
    for wire in ("openai_completions", "tgi_generate"):
        texts = [leaf.text for leaf in tree.leaves(sent(body, wire)) if not leaf.key and not leaf.number]
        assert set(texts) <= inspected | {"weights-1"}


def test_policies_see_parameters_by_the_names_of_openais_chat() -> None:
    exchange = read(WHOLE | {"parameters": NATIVE})
    assert exchange.parameters["max_tokens"] == 64
    assert exchange.parameters["temperature"] == 0.5
    assert exchange.parameters["response_format"] == "json_schema"
    assert exchange.operation == "text_completion"
    assert exchange.answers == 1


@pytest.mark.parametrize("body", [{"inputs": "a"}, ask(), ask(max_new_tokens=99)])
def test_an_answer_can_be_bounded(body: dict[str, Any]) -> None:
    capped = tree.cap_tokens(read(body), 9)
    assert capped.body["parameters"]["max_new_tokens"] == 9
    assert capped.parameters["max_tokens"] == 9


def test_a_call_gets_the_model_that_is_set_for_it_and_is_refused_without_one() -> None:
    assert read(ask(), model="small").model == "small"
    with pytest.raises(RequestInvalid, match=r"listen\.default_models"):
        read(ask(), model=None)


def test_each_path_says_whether_its_answers_are_streams() -> None:
    assert read({"inputs": "a"}).stream is False
    assert read(STREAM).stream is True
    assert read({"inputs": "a"}, "tgi_generate").stream is False
    assert read({"inputs": "a"}, "tgi_generate_stream").stream is True
    assert refusal(STREAM, "tgi_generate").param == "stream"
    assert refusal(WHOLE, "tgi_generate_stream").param == "stream"


@pytest.mark.parametrize("field", REFUSED["tgi"])
def test_what_is_refused_is_refused_by_its_name(field: str) -> None:
    _, _, inner = field.partition(".")
    assert (refusal(ask(**{inner: REFUSED["tgi"][field]})).param or "").startswith(f"parameters/{inner}")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "inputs"),
        ({"inputs": ""}, "inputs"),
        ({"inputs": ["a"]}, "inputs"),
        ({"inputs": "a", "model": "m"}, "model"),
        ({"inputs": "a", "Inputs": "b"}, "Inputs"),
        ({"inputs": "a", "parameters": []}, "parameters"),
        ({"inputs": "a", "stream": 1}, "stream"),
        (ask(max_new_tokens=0), "parameters/max_new_tokens"),
        (ask(max_new_tokens=-1), "parameters/max_new_tokens"),
        (ask(temperature=3), "parameters/temperature"),
        (ask(stop="x"), "parameters/stop"),
        (ask(stop=["a"] * 17), "parameters/stop"),
        (ask(details="yes"), "parameters/details"),
        (ask(surprise=1), "parameters/surprise"),
        (ask(grammar={"type": "json"}), "parameters/grammar/value"),
        (ask(grammar={"type": "json", "value": "{}"}), "parameters/grammar/value"),
        (ask(grammar={"type": "json", "value": {}, "name": "x"}), "parameters/grammar/name"),
        (ask(grammar="json"), "parameters/grammar"),
        (ask(grammar={"type": "regex", "value": {}}), "parameters/grammar/type"),
        (ask(grammar={"type": "json_schema", "value": {}}), "parameters/grammar/type"),
    ],
)
def test_what_is_not_of_the_schema_is_refused_by_its_place(body: Any, param: str) -> None:
    assert refusal(body).param == param


def test_what_official_clients_send_empty_is_accepted() -> None:
    """`text_generation` sends every parameter, most of them null."""
    nothing: dict[str, Any] = dict.fromkeys(TABLE) | {
        "stop": [],
        "decoder_input_details": False,
        "watermark": False,
    }
    assert read(ask(**nothing)).body["parameters"] == {"watermark": False}


def test_an_unknown_parameter_is_left_out_and_counted_where_the_operator_wants() -> None:
    exchange = read(ask(surprise="x"), limits=Limits(unknown_fields="drop"))
    assert exchange.dropped == ("parameters/surprise",)
    assert exchange.body["parameters"] == {}


def test_a_schema_is_read_text_by_text() -> None:
    exchange = read(ask(grammar={"type": "json", "value": SCHEMA}))
    assert "Where to look." in {one.text for one in exchange.segments}
    assert PARAMETERS.keys() <= TABLE.keys()
