import json
from typing import Any

import pytest

from proxy.errors import ContentUnscannable, NotTranslatable, RequestInvalid
from proxy.exchange import Delta, Document, End, Finish, Head, Lane, Score, Tokens, Unscannable, Usage
from proxy.labels import BLANK, find_documents, withhold
from proxy.wire.measures import INPUTS
from proxy.wire.tree import strip_tools
from tests.wire.rooms import events, read, spelled, written
from tests.wire.vllm.examples import (
    DETOKENIZE,
    ITEMS,
    NUMBERED,
    PAIRED,
    RANKED,
    RERANK,
    SCALARS,
    SCORE,
    SCORED,
    TOKENIZE,
    TOKENIZE_CHAT,
    TOKENS,
    WORDS,
)

INERT = {name: value for name, value in SCALARS.items() if name != "user"}
ASK: dict[str, Any] = {"model": "m", "query": "sea?", "documents": ["Water.", "A dog.", "Salt."]}


def refused(name: str, body: dict[str, Any]) -> str | None:
    with pytest.raises(RequestInvalid) as error:
        read(name, body)
    return error.value.param


# Rerank


def test_documents_go_to_the_server_as_plain_texts_and_all_of_them_are_scored() -> None:
    exchange = read("vllm_rerank", RERANK)
    assert spelled(exchange) == {
        "model": "weights",
        "query": "What is the sea?",
        "documents": ["Water.", "A dog.", "Salt."],
        **INERT,
    }
    assert (exchange.answers, exchange.operation) == (3, "rerank")
    assert exchange.parameters["top_n"] == 2


def test_a_document_is_labelled_by_the_id_that_it_claims_and_others_claim_none() -> None:
    exchange = find_documents(read("vllm_rerank", RERANK))
    assert [(one.id, one.source) for one in exchange.documents] == [("fin-2026-q3", "field")]
    fenced = 'A <document id="eng-handbook">b</document>'
    exchange = find_documents(read("vllm_rerank", {**ASK, "documents": ["a", fenced]}))
    assert [(one.id, one.source) for one in exchange.documents] == [("eng-handbook", "fence")]


@pytest.mark.parametrize(("notice", "told"), [(True, "[withheld]"), (False, BLANK)])
def test_a_withheld_document_keeps_its_number_and_tells_nothing(notice: bool, told: str) -> None:
    body = {**ASK, "documents": [{"text": "Secret.", "id": "fin"}, "A dog.", {"text": "Salt.", "id": "sea"}]}
    exchange = withhold(find_documents(read("vllm_rerank", body)), {"fin": notice}, "[withheld]")
    assert spelled(exchange)["documents"] == [told, "A dog.", "Salt."]
    assert spelled(exchange, "tei_rerank")["texts"] == [told, "A dog.", "Salt."]
    assert "Secret" not in repr([segment.text for segment in exchange.segments])
    assert "fin" not in [segment.text for segment in exchange.segments]
    assert isinstance(exchange.documents[0], Document)


@pytest.mark.parametrize(
    "documents",
    [
        [],
        "Water.",
        [1],
        [None],
        [[]],
        [{}],
        [{"id": "a"}],
        [{"text": 1}],
        [{"text": "a", "id": ""}],
        [{"text": "a", "id": 7}],
        [{"text": "a", "title": "b"}],
        [{"content": [{"type": "image_url"}]}],
        ["a"] * (INPUTS + 1),
    ],
)
def test_what_is_no_list_of_documents_is_refused(documents: Any) -> None:
    assert (refused("vllm_rerank", {**ASK, "documents": documents}) or "").startswith("documents")


def test_a_servers_ranks_become_scores() -> None:
    assert events("vllm_rerank", [RANKED]) == [
        Head(7),
        Score(2, 0.9),
        Score(0, 0.5),
        Score(1, 0.5),
        Usage(9, 0),
        End(),
    ]


def ranked(**fields: Any) -> Any:
    return json.loads(written(read("vllm_rerank", {**ASK, **fields}), events("vllm_rerank", [RANKED])))


def test_the_best_come_first_with_the_callers_own_words() -> None:
    assert ranked() == {
        "id": "rerank-x-1",
        "model": "m",
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
        "results": [
            {"index": 2, "relevance_score": 0.9, "document": {"text": "Salt."}},
            {"index": 0, "relevance_score": 0.5, "document": {"text": "Water."}},
            {"index": 1, "relevance_score": 0.5, "document": {"text": "A dog."}},
        ],
    }


def test_only_as_many_come_back_as_were_asked_for() -> None:
    assert [one["index"] for one in ranked(top_n=1)["results"]] == [2]
    assert len(ranked(top_n=0)["results"]) == 3
    assert len(ranked(top_n=9)["results"]) == 3


def test_documents_come_back_only_where_they_are_wanted() -> None:
    assert all("document" not in one for one in ranked(return_documents=False)["results"])
    assert all("document" in one for one in ranked(return_documents=True)["results"])


@pytest.mark.parametrize(
    "results",
    [
        None,
        {},
        [None],
        [{"index": 0}],
        [{"index": 0, "relevance_score": "1"}],
        [{"index": 0, "relevance_score": True}],
        [{"index": 0, "relevance_score": None}],
        [{"relevance_score": 1}],
        [{"index": INPUTS, "relevance_score": 1}],
        [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 1}],
    ],
)
def test_ranks_that_are_none_are_no_answer(results: Any) -> None:
    assert events("vllm_rerank", [json.dumps({"results": results}).encode()]) is None


def test_a_tei_server_can_rerank_for_a_caller_of_this_dialect() -> None:
    exchange = read("vllm_rerank", {**ASK, "top_n": 1})
    assert spelled(exchange, "tei_rerank") == {"query": "sea?", "texts": ["Water.", "A dog.", "Salt."]}
    with pytest.raises(NotTranslatable) as error:
        spelled(read("vllm_rerank", {**ASK, "max_tokens_per_doc": 9}), "tei_rerank")
    assert error.value.param == "max_tokens_per_doc"


# Score


@pytest.mark.parametrize("body", [SCORE, PAIRED, ITEMS, NUMBERED])
def test_texts_to_compare_are_forwarded_under_their_own_names(body: dict[str, Any]) -> None:
    expected = {name: value for name, value in body.items() if name != "user"}
    assert spelled(read("vllm_score", body)) == {**expected, "model": "weights"}


def test_as_many_scores_are_expected_as_there_are_pairs() -> None:
    assert [read("vllm_score", body).answers for body in (SCORE, PAIRED, ITEMS, NUMBERED)] == [2, 2, 1, 1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text_1": "a"},
        {"text_1": "a", "documents": "b"},
        {"text_1": "a", "text_2": "b", "items": "c"},
        {"queries": "a", "documents": "b", "items": "c"},
        {"text_1": ["a", "b"], "text_2": ["c"]},
        {"text_1": ["a", "b"], "text_2": ["c", "d", "e"]},
        {"text_1": {"content": []}, "text_2": "a"},
        {"text_1": "a", "text_2": [1]},
    ],
)
def test_texts_that_are_no_pair_are_refused(body: dict[str, Any]) -> None:
    assert refused("vllm_score", body)


def test_scores_come_back_in_the_order_of_the_texts() -> None:
    told = events("vllm_score", [SCORED])
    assert told == [Head(7), Score(0, 1.0), Score(1, -0.25), Usage(9, 0), End()]
    assert json.loads(written(read("vllm_score", SCORE), told)) == {
        "id": "score-x-1",
        "object": "list",
        "created": 7,
        "model": "m",
        "data": [
            {"index": 0, "object": "score", "score": 1.0},
            {"index": 1, "object": "score", "score": -0.25},
        ],
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    }


# Tokenize and detokenize


def test_a_prompt_and_a_chat_can_be_counted() -> None:
    prompt, chat = read("vllm_tokenize", TOKENIZE), read("vllm_tokenize", TOKENIZE_CHAT)
    assert spelled(prompt) == {"model": "weights", "prompt": "The sea is", "add_special_tokens": True}
    assert spelled(chat) == {**TOKENIZE_CHAT, "model": "weights"}
    assert {segment.text for segment in chat.segments} == {"The sea?", "find", "Finds it."}
    assert chat.tools == ("find",)
    assert prompt.operation == "tokenize"
    assert "tools" not in spelled(strip_tools(chat, {"find"}))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": "a", "messages": TOKENIZE_CHAT["messages"]},
        {"prompt": ["a"]},
        {"prompt": [1]},
        {"prompt": "a", "return_token_strs": True},
        {"prompt": "a", "tools": TOKENIZE_CHAT["tools"]},
    ],
)
def test_what_cannot_be_counted_safely_is_refused(body: dict[str, Any]) -> None:
    assert refused("vllm_tokenize", body)


def test_tokens_come_back_as_numbers_and_never_as_words() -> None:
    told = events("vllm_tokenize", [TOKENS])
    assert told == [Tokens(3, (504, 3426, 314), 8192), End()]
    assert json.loads(written(read("vllm_tokenize", TOKENIZE), told)) == {
        "count": 3,
        "max_model_len": 8192,
        "tokens": [504, 3426, 314],
        "token_strs": None,
    }


@pytest.mark.parametrize(
    "lie",
    [
        {"count": 2},
        {"count": -1},
        {"count": True, "tokens": [1]},
        {"count": None},
        {"tokens": ["a"]},
        {"tokens": [1, 2, True]},
        {"tokens": [1, 2, -1]},
        {"tokens": [1, 2, 10**9]},
        {"tokens": None},
        {"max_model_len": "words"},
        {"max_model_len": -1},
    ],
)
def test_tokens_that_are_none_are_no_answer(lie: dict[str, Any]) -> None:
    body = {"count": 3, "max_model_len": 9, "tokens": [1, 2, 3], **lie}
    assert events("vllm_tokenize", [json.dumps(body).encode()]) is None


def test_tokens_are_named_as_unscannable_for_the_policies_to_decide_about() -> None:
    exchange = read("vllm_detokenize", DETOKENIZE)
    assert exchange.unscannable == (Unscannable("tokens", "token_ids"),)
    assert spelled(exchange) == {"model": "weights", "tokens": [504, 3426, 314]}
    assert not exchange.segments


@pytest.mark.parametrize("tokens", ["a", ["a"], [1.5], [-1], [10**8], [True], {}, [0] * 131_073])
def test_what_are_no_tokens_is_refused(tokens: Any) -> None:
    assert (refused("vllm_detokenize", {"tokens": tokens}) or "").startswith("tokens")


def test_the_text_of_tokens_is_a_lane_like_any_other() -> None:
    told = events("vllm_detokenize", [WORDS])
    assert told == [Delta(Lane(0, "content"), "so"), Finish(0, "stop"), End()]
    assert json.loads(written(read("vllm_detokenize", DETOKENIZE), told)) == {"prompt": "so"}
    assert events("vllm_detokenize", [b'{"prompt":""}']) == [Finish(0, "stop"), End()]
    assert events("vllm_detokenize", [b'{"prompt":7}']) is None


def test_a_document_may_not_hide_behind_a_key() -> None:
    """Its members are named by the schema, so that none of them is a text."""
    with pytest.raises((RequestInvalid, ContentUnscannable)):
        read("vllm_rerank", {**ASK, "documents": [{"text": "a", "anna@example.com": "b"}]})
