import json
from typing import Any

import pytest

from proxy.errors import EngineUnavailable, NotTranslatable, RateLimited, RequestInvalid
from proxy.exchange import End, Score, Vector
from proxy.wire.measures import INPUTS
from proxy.wire.registers import DIALECTS
from proxy.wire.tei import parse_rerank
from proxy.wire.tei.errors import error_body
from proxy.wire.tei.predict import CLASSES
from tests.wire.openai_embeddings.examples import LLAMA_BASE64
from tests.wire.rooms import LIMITS, events, read, spelled, written
from tests.wire.tei.examples import CLASSES as CLASSIFIED
from tests.wire.tei.examples import EMBED, PREDICT, RANKS, RERANK, VECTORS
from tests.wire.vllm.examples import RANKED

ASK: dict[str, Any] = {"query": "sea?", "texts": ["Water.", "A dog.", "Salt."]}


# Embed


def test_texts_go_to_a_tei_server_without_a_model() -> None:
    exchange = read("tei_embed", EMBED, model="usual")
    assert spelled(exchange) == EMBED
    assert (exchange.model, exchange.answers, exchange.operation) == ("usual", 2, "embeddings")


@pytest.mark.parametrize("inputs", [[1, 2], [[1]], [], {}, 1, None, ["a"] * (INPUTS + 1)])
def test_inputs_that_cannot_be_read_are_refused(inputs: Any) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read("tei_embed", {"inputs": inputs})
    assert refused.value.param == "inputs"


def test_vectors_are_lists_of_lists_even_for_one_text() -> None:
    told = events("tei_embed", [VECTORS])
    assert told == [Vector(0, (0.5, -0.25, 1)), Vector(1, (0.0, 0.001, 2.5)), End()]
    assert json.loads(written(read("tei_embed", EMBED), told)) == [[0.5, -0.25, 1], [0.0, 0.001, 2.5]]
    assert json.loads(written(read("tei_embed", {"inputs": "One"}), [Vector(0, (0.5,)), End()])) == [[0.5]]


@pytest.mark.parametrize("body", [{}, {"error": "words"}, ["AACAPw=="], [[]], [["a"]], [[0.5], None], 7])
def test_vectors_that_are_none_are_no_answer(body: Any) -> None:
    assert events("tei_embed", [json.dumps(body).encode()]) is None


def test_an_openai_server_can_embed_for_a_caller_of_this_dialect() -> None:
    exchange = read(
        "tei_embed", {"inputs": ["a", "b"], "normalize": True, "truncate": False, "dimensions": 3}
    )
    assert spelled(exchange, "openai_embeddings") == {
        "model": "weights",
        "input": ["a", "b"],
        "encoding_format": "base64",
        "dimensions": 3,
    }
    told = json.loads(written(exchange, events("openai_embeddings", [LLAMA_BASE64])))
    assert told[0][0] == pytest.approx(-0.0206943, rel=1e-4)
    assert [len(vector) for vector in told] == [3, 3]


@pytest.mark.parametrize("field", [{"normalize": False}, {"truncate": True}])
def test_what_an_openai_server_has_no_word_for_is_refused_by_name(field: dict[str, Any]) -> None:
    with pytest.raises(NotTranslatable) as refused:
        spelled(read("tei_embed", {"inputs": "a", **field}), "openai_embeddings")
    assert refused.value.param == next(iter(field))


# Rerank


def test_ranks_come_back_best_first_with_the_callers_own_texts() -> None:
    exchange = read("tei_rerank", RERANK)
    assert spelled(exchange) == {**RERANK, "return_text": False}
    told = events("tei_rerank", [RANKS])
    assert told == [Score(2, 0.9), Score(0, 0.5), Score(1, 0.5), End()]
    assert json.loads(written(exchange, told)) == [
        {"index": 2, "score": 0.9, "text": "Salt."},
        {"index": 0, "score": 0.5, "text": "Water."},
        {"index": 1, "score": 0.5, "text": "A dog."},
    ]
    assert json.loads(written(read("tei_rerank", ASK), told))[0] == {"index": 2, "score": 0.9}


@pytest.mark.parametrize("texts", [[], "a", [1], [None], ["a"] * (INPUTS + 1)])
def test_what_are_no_texts_is_refused(texts: Any) -> None:
    with pytest.raises(RequestInvalid):
        read("tei_rerank", {**ASK, "texts": texts})


def test_a_vllm_server_can_rerank_for_a_caller_of_this_dialect() -> None:
    exchange = read("tei_rerank", {**ASK, "raw_scores": False})
    assert spelled(exchange, "vllm_rerank") == {
        "model": "weights",
        "query": "sea?",
        "documents": ["Water.", "A dog.", "Salt."],
    }
    assert [one["index"] for one in json.loads(written(exchange, events("vllm_rerank", [RANKED])))] == [
        2,
        0,
        1,
    ]
    with pytest.raises(NotTranslatable):
        spelled(read("tei_rerank", {**ASK, "raw_scores": True}), "vllm_rerank")


def test_one_path_takes_both_shapes_and_answers_in_the_one_that_was_asked() -> None:
    assert DIALECTS["tei_rerank"].paths == ("/rerank",)
    theirs = {"query": "sea?", "documents": ["Water.", "A dog.", "Salt."]}
    exchange = parse_rerank(theirs, exchange_id="x-1", limits=LIMITS, model="m")
    assert exchange.dialect == "vllm_rerank"
    told = json.loads(written(exchange, events("tei_rerank", [RANKS]), door="tei_rerank"))
    assert [one["relevance_score"] for one in told["results"]] == [0.9, 0.5, 0.5]
    ours = parse_rerank(ASK, exchange_id="x-1", limits=LIMITS, model="m")
    assert ours.dialect == "tei_rerank"
    with pytest.raises(RequestInvalid):
        parse_rerank({**ASK, **theirs}, exchange_id="x-1", limits=LIMITS, model="m")


def test_no_path_has_two_dialects() -> None:
    paths = [path for dialect in DIALECTS.values() for path in dialect.paths]
    assert len(paths) == len(set(paths))


# Predict


@pytest.mark.parametrize(
    ("inputs", "answers"),
    [("a", 1), (["a"], 1), (["a", "b"], 1), ([["a"], ["a", "b"]], 2), ([["a"]], 1)],
)
def test_an_input_is_a_text_or_a_pair(inputs: Any, answers: int) -> None:
    exchange = read("tei_predict", {"inputs": inputs})
    assert (exchange.answers, exchange.operation) == (answers, "classify")
    assert spelled(exchange) == {"inputs": inputs}


@pytest.mark.parametrize(
    "inputs",
    [[], [[]], ["a", "b", "c"], [["a", "b", "c"]], [["a"], "b"], ["a", ["b"]], [1], {}, [["a"]] * 2049],
)
def test_what_is_no_input_is_refused(inputs: Any) -> None:
    with pytest.raises(RequestInvalid):
        read("tei_predict", {"inputs": inputs})


def test_classes_come_back_nested_as_the_inputs_are() -> None:
    told = events("tei_predict", [CLASSIFIED])
    assert told is not None
    assert json.loads(written(read("tei_predict", PREDICT), told)) == [
        [{"score": 0.9, "label": "very positive"}, {"score": 0.1, "label": "LABEL_1"}],
        [{"score": 1.0, "label": "5 stars"}],
    ]
    one = json.dumps([{"score": 0.9, "label": "joy"}]).encode()
    told = events("tei_predict", [one])
    assert told == [Score(0, 0.9, "joy"), End()]
    assert json.loads(written(read("tei_predict", {"inputs": "a"}), told)) == [{"score": 0.9, "label": "joy"}]


@pytest.mark.parametrize("label", ["joy", "LABEL_0", "B-PER", "very negative", "1 star", "sci.space", "R&D"])
def test_the_name_of_a_class_passes(label: str) -> None:
    assert events("tei_predict", [json.dumps([{"score": 1, "label": label}]).encode()]) is not None


@pytest.mark.parametrize(
    "label",
    [
        "",
        None,
        7,
        "anna@example.com",
        "4111 1111 1111 1111",
        "4111111111111111",
        "call 555123456",
        "a sentence of more than four words",
        "a" * 49,
        "two\nlines",
        "a  b",
        " a",
        "naïve",
        "joy\n",
    ],
)
def test_what_could_be_words_of_somebody_is_no_class(label: Any) -> None:
    assert events("tei_predict", [json.dumps([{"score": 1, "label": label}]).encode()]) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        [[]],
        [None],
        [[{"score": 1, "label": "a"}], {"score": 1, "label": "a"}],
        [{"score": "1", "label": "a"}],
        [{"score": 1, "label": "a"}] * (CLASSES + 1),
    ],
)
def test_classes_that_are_none_are_no_answer(body: Any) -> None:
    assert events("tei_predict", [json.dumps(body).encode()]) is None


def test_errors_are_sentences_with_a_type() -> None:
    refused = json.loads(error_body(RequestInvalid("inputs is missing.", param="inputs"), "request-1"))
    assert refused == {
        "error": "inputs is missing.",
        "error_type": "validation",
        "param": "inputs",
        "code": "request_invalid",
        "rules": [],
        "request_id": "request-1",
    }
    assert json.loads(error_body(RateLimited("Slow down."), "r"))["error_type"] == "overloaded"
    assert json.loads(error_body(EngineUnavailable("It is gone."), "r"))["error_type"] == "backend"
