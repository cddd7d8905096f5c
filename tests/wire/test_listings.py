import json
from typing import Any

import pytest
from openai.types import Model

from proxy.errors import ModelUnknown, RequestInvalid
from proxy.wire import listings

NAMES = ["small", "team/large:7b"]


def test_the_lists_are_what_the_official_clients_read() -> None:
    openai = json.loads(listings.openai_models(NAMES, 5))
    assert [Model.model_validate(one).id for one in openai["data"]] == NAMES
    anthropic = json.loads(listings.anthropic_models(NAMES, 5))
    assert anthropic["data"][0] == {
        "type": "model",
        "id": "small",
        "display_name": "small",
        "created_at": "1970-01-01T00:00:05Z",
    }
    assert (anthropic["first_id"], anthropic["last_id"], anthropic["has_more"]) == (*NAMES, False)
    ollama = json.loads(listings.ollama_tags(NAMES, 5))
    assert [one["model"] for one in ollama["models"]] == [one["name"] for one in ollama["models"]] == NAMES
    assert {one["modified_at"] for one in ollama["models"]} == {"1970-01-01T00:00:05Z"}


def test_one_model_is_told_as_it_stands_in_the_list() -> None:
    assert (
        json.loads(listings.openai_model("small", 5)) in json.loads(listings.openai_models(NAMES, 5))["data"]
    )
    assert (
        json.loads(listings.anthropic_model("small", 5))
        in json.loads(listings.anthropic_models(NAMES, 5))["data"]
    )


def test_a_list_of_no_models_is_a_list() -> None:
    assert json.loads(listings.openai_models([], 5))["data"] == []
    assert json.loads(listings.anthropic_models([], 5))["first_id"] is None
    assert json.loads(listings.ollama_tags([], 5)) == {"models": []}


def test_a_name_is_found_byte_for_byte() -> None:
    assert listings.visible("team/large:7b", NAMES) == "team/large:7b"


@pytest.mark.parametrize(
    "name", [None, "", "Small", "small ", "smal", "small/../small", "%73mall", "team%2Flarge:7b"]
)
def test_a_name_that_is_not_exactly_one_of_them_is_unknown(name: str | None) -> None:
    with pytest.raises(ModelUnknown) as unknown:
        listings.visible(name, NAMES)
    assert unknown.value.reason == "No such model is served here; see the list of models."


@pytest.mark.parametrize("body", [None, [], "small", {}, {"model": 1}, {"model": "small", "other": 1}])
def test_a_question_about_a_model_is_a_closed_object(body: Any) -> None:
    with pytest.raises(RequestInvalid):
        listings.shown_model(body)


def test_a_question_about_a_model_names_it_by_the_new_name_or_the_old() -> None:
    assert listings.shown_model({"model": "small", "verbose": True}) == "small"
    assert listings.shown_model({"name": "small"}) == "small"


def test_what_is_told_of_a_model_and_of_the_server_is_ours() -> None:
    assert json.loads(listings.ollama_show(5)).keys() == {
        "modified_at",
        "details",
        "model_info",
        "capabilities",
    }
    assert json.loads(listings.tgi_info("small", "1.2"))["model_id"] == "small"
    assert json.loads(listings.ollama_version()) == {"version": listings.OLLAMA_VERSION}
