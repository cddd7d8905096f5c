"""The clients that people have, unmodified: the same calls directly and through the proxy; refusals.

All of it stands in one file because its house is dear: two model servers, the program, and a process for each
client and place. A client or a node that is missing fails.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.asks import ASKS, MAIL, STRANGE
from tests.clients.catalogue import (
    ANTHROPIC,
    CLIENTS,
    OLLAMA,
    OPENAI,
    RESPONSES,
    TEXT_GENERATION,
    Client,
    Where,
)
from tests.clients.house import MODELS, House, Run, house
from tests.clients.page import snippets
from tests.pages import Block
from tests.real_model import Background

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a house and two runs of a client, each bounded


class Street:
    """Runs each client once in each place, when the first test asks for it."""

    def __init__(self, background: Background, parts: House) -> None:
        self.parts = parts
        self._background = background
        self._runs: dict[tuple[str, Where], Run] = {}

    def run(self, client: Client, where: Where) -> Run:
        key = (client.name, where)
        if key not in self._runs:
            self._runs[key] = self._background.run(self.parts.run(client, where))
        return self._runs[key]

    def try_out(self, block: Block) -> bytes:
        return self._background.run(self.parts.try_out(block))

    def saw(self, client: Client, where: Where, feature: str) -> Any:
        answer = self.run(client, where).answers[feature]
        assert "saw" in answer, answer["failed"]
        return answer["saw"]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    background = Background()
    try:
        with background.hold(house(tmp_path_factory.mktemp("clients"))) as parts:
            yield Street(background, parts)
    finally:
        background.close()


def cells(kind: str) -> list[Any]:
    """A client, one of its features of this kind, and a place where it goes through the proxy."""
    return [
        pytest.param(client, feature, where, id=f"{client.name}-{feature}-{where}")
        for client in CLIENTS
        for feature in getattr(client, kind)
        for where in ("translated", "native")
        if feature in client.features(where)
    ]


def once(prefix: str) -> list[Any]:
    return [
        pytest.param(client, feature, id=f"{client.name}-{feature}")
        for client in CLIENTS
        for feature in client.once
        if feature.startswith(prefix)
    ]


# llama.cpp calls every response completed, also one that its bound cut off. Where we translate, we say so.
NOT_COMPARED = {
    "openai-responses:responses": ("status",),
    "openai-responses:responses.stream": ("status",),
    "openai-responses:async.responses": ("status",),
    "npm-ai:openai.responses": ("finish",),
}


@pytest.mark.parametrize(("client", "feature", "where"), cells("compared"))
def test_a_client_sees_the_same_as_without_the_proxy(
    client: Client, feature: str, where: Where, street: Street
) -> None:
    expected = street.saw(client, "direct", feature)
    saw = street.saw(client, where, feature)
    for key in NOT_COMPARED.get(f"{client.name}:{feature}", ()):
        saw, expected = saw | {key: None}, expected | {key: None}
    assert saw == expected


@pytest.mark.parametrize(("client", "feature", "where"), cells("native_only"))
def test_what_has_no_translation_is_the_same_where_the_server_speaks_it(
    client: Client, feature: str, where: Where, street: Street
) -> None:
    assert street.saw(client, where, feature) == street.saw(client, "direct", feature)


# What the same question gives in every dialect: the feature of the `openai` package, asked directly.
SAME_WORDS = {
    "chat": "chat",
    "chat.stream": "chat",
    "chat.tools": "chat.tools",
    "chat.tools_stream": "chat.tools",
    "generate": "chat",
    "generate.stream": "chat",
    "async.chat": "chat",
    "async.chat.stream": "chat",
    "beta.messages": "chat",
    "ollama.completion": "chat",
    "responses.tools_stream": "chat.tools",
    "openai.responses_stream": "chat",
    "openai.responses_tools_stream": "chat.tools",
    "embed": "embeddings",
    "feature_extraction": "embeddings.float",
    "npm-openai:responses.stream_helper": "chat",
    "text_generation": "completions",
    "text_generation.details": "completions",
    "text_generation.stream": "completions",
    "text-generation:generate": "completions",
    "text-generation:generate.stream": "completions",
    "text-generation:async.generate": "completions",
    "text-generation:async.generate.stream": "completions",
}


def same_as(client: Client, feature: str) -> str | None:
    return SAME_WORDS.get(f"{client.name}:{feature}", SAME_WORDS.get(feature))


@pytest.mark.parametrize(
    ("client", "feature", "where"), [cell for cell in cells("translated") if same_as(*cell.values[:2])]
)
def test_a_dialect_that_the_server_does_not_speak_carries_the_same_words(
    client: Client, feature: str, where: Where, street: Street
) -> None:
    saw = street.saw(client, where, feature)
    expected = street.saw(OPENAI, "direct", same_as(client, feature) or "")
    keys = (
        ("text", "tools", "vectors", "long")
        if client is OLLAMA
        else ("text", "tools", "usage", "vectors", "long")
    )
    shared = [key for key in keys if key in saw and key in expected]
    assert shared
    assert {key: saw[key] for key in shared} == {key: expected[key] for key in shared}


@pytest.mark.parametrize(("client", "feature"), once("models"))
def test_a_client_is_shown_the_models_that_are_granted(client: Client, feature: str, street: Street) -> None:
    assert street.saw(client, "translated", feature) == {"models": sorted(MODELS)}


@pytest.mark.parametrize(("client", "feature"), once("recall"))
def test_private_words_come_back_where_the_real_model_repeats_them(
    client: Client, feature: str, street: Street
) -> None:
    assert street.saw(client, "translated", feature)["text"].startswith(f" {MAIL}\n")


@pytest.mark.parametrize("where", ["translated", "native"])
def test_a_stop_string_ends_an_answer_in_front_of_it(where: Where, street: Street) -> None:
    saw = street.saw(ANTHROPIC, where, "messages.stop")
    # OpenAI's chat has one word for a stop string and for the model's own end, and tells no more.
    assert saw["finish"] == {"native": "stop_sequence", "translated": "end_turn"}[where]
    assert saw["stop"] == {"native": " sea", "translated": None}[where]
    assert street.saw(ANTHROPIC, where, "messages")["text"].startswith(f"{saw['text']} sea")


def test_a_stop_string_ends_a_generation_in_front_of_it(street: Street) -> None:
    saw = street.saw(TEXT_GENERATION, "translated", "generate.stop")
    assert saw["finish"] in ("stop_sequence", "eos_token")
    assert street.saw(TEXT_GENERATION, "translated", "generate")["text"].startswith(f"{saw['text']} of")


@pytest.mark.parametrize(
    ("client", "feature", "where"),
    [
        (RESPONSES, "responses.tool_result", "translated"),
        (RESPONSES, "responses.tool_result", "native"),
        (OLLAMA, "chat.tool_result", "translated"),
    ],
)
def test_what_a_tool_said_reaches_the_model(
    client: Client, feature: str, where: Where, street: Street
) -> None:
    assert street.saw(client, where, feature)["text"]
    assert any(b"Sunny, 21 degrees" in body for body in street.parts.model.bodies())


def test_an_answer_keeps_to_the_form_that_a_response_asked_for(street: Street) -> None:
    assert street.saw(RESPONSES, "translated", "responses.parse")["word"]


def test_ollamas_client_takes_what_is_shown_of_a_model(street: Street) -> None:
    assert street.saw(OLLAMA, "translated", "show") == {"kind": "ShowResponse"}


@pytest.mark.parametrize("block", snippets(), ids=lambda block: block.where)
def test_what_the_page_tells_to_change_is_all_that_has_to_be(block: Block, street: Street) -> None:
    assert street.try_out(block)


FINISHES = [
    (OPENAI, "chat", "translated", "length"),
    (RESPONSES, "responses", "translated", "incomplete"),
    (ANTHROPIC, "messages", "translated", "max_tokens"),
    (ANTHROPIC, "messages.tools", "translated", "tool_use"),
    (ANTHROPIC, "messages.tools", "native", "tool_use"),
    (OLLAMA, "chat", "translated", "length"),
    (OLLAMA, "chat.tools", "translated", "stop"),  # Ollama has no other word for it
    (TEXT_GENERATION, "generate", "translated", "length"),
]


@pytest.mark.parametrize(("client", "feature", "where", "word"), FINISHES)
def test_the_end_of_an_answer_has_the_dialects_own_word(
    client: Client, feature: str, where: Where, word: str, street: Street
) -> None:
    saw = street.saw(client, where, feature)
    assert saw.get("finish", saw.get("status")) == word


@pytest.mark.parametrize(("client", "feature"), once("echo"))
def test_private_words_come_back_and_the_model_has_never_seen_them(
    client: Client, feature: str, street: Street
) -> None:
    saw = street.saw(client, "translated", feature)
    if "tools" in feature:
        name = ASKS["tool"]["name"]
        assert saw["tools"] == [[name, {"city": ASKS["private"]}], [name, {"city": "Rome"}]]
        assert saw["text"] == "One moment."
    else:
        assert saw["text"] == ASKS["private"]
    assert street.parts.scripted.bodies
    assert MAIL.encode() not in street.parts.scripted.received


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_no_model_server_received_a_private_word(client: Client, street: Street) -> None:
    run = street.run(client, "translated")
    private = [feature for feature in client.features("translated") if feature.startswith(("echo", "recall"))]
    assert any(MAIL.encode() in body for body in run.asked) or not private
    for received in (street.parts.model.bodies(), street.parts.embedder.bodies()):
        assert not any(MAIL.encode() in body for body in received)


RAISED = {
    "openai": "PermissionDeniedError",
    "openai-responses": "PermissionDeniedError",
    "anthropic": "PermissionDeniedError",
    "ollama": "ResponseError",
    "text-generation": "ValidationError",
    "huggingface_hub": "HTTPError",
    "langchain-openai": "PermissionDeniedError",
    "litellm": "APIError",
    "npm-openai": "PermissionDeniedError",
    "npm-ai": "APICallError",
}
# These packages keep nothing of an error but its message.
MESSAGE_ONLY = ("ollama", "text-generation", "litellm")


@pytest.mark.parametrize(("client", "feature"), once("denied"))
def test_a_denial_is_the_clients_own_error_with_our_code_and_rule(
    client: Client, feature: str, street: Street
) -> None:
    saw = street.saw(client, "translated", feature)
    assert RAISED[client.name] in saw["raised"]
    assert saw["status"] in (403, None)
    assert "None of your groups has a grant for this model." in saw["body"]
    if client.name not in MESSAGE_ONLY:
        assert "policy_denied" in saw["body"]
        assert "model.grant" in saw["body"]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_denial_is_never_tried_again(client: Client, street: Street) -> None:
    refusals = [feature for feature in client.once if feature.startswith("denied")]
    asked = [body for body in street.run(client, "translated").asked if STRANGE.encode() in body]
    assert len(asked) == len(refusals)


UNKNOWN = {
    "openai": "AuthenticationError",
    "anthropic": "AuthenticationError",
    "ollama": "ResponseError",
    "text-generation": "ValidationError",
    "npm-openai": "AuthenticationError",
}


@pytest.mark.parametrize(("client", "feature"), once("unknown_key"))
def test_a_key_that_nobody_has_is_an_authentication_error(
    client: Client, feature: str, street: Street
) -> None:
    assert street.saw(client, "translated", feature)["raised"][0] == UNKNOWN[client.name]


@pytest.mark.parametrize(("client", "feature"), once("cut"))
def test_an_answer_that_is_cut_off_in_the_middle_is_an_error_and_no_end(
    client: Client, feature: str, street: Street
) -> None:
    saw = street.saw(client, "translated", feature)
    assert saw["text"] == ASKS["user"]
    if client.name in MESSAGE_ONLY:
        assert "The answer ended in a way that is not known." in saw["body"]
    else:
        assert "policy_denied" in saw["body"]
