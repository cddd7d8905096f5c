"""What the official document of the API allows or forbids is answered without a fault of ours; and of
everything that is accepted, every word was read.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from proxy.errors import RequestInvalid
from proxy.wire import tree
from proxy.wire.registers import DIALECTS
from tests.coverage.examples import REFUSED
from tests.coverage.house import gate
from tests.coverage.observe import forwarded, read, vocabulary
from tests.fuzz.openapi import BODIES, document

pytestmark = pytest.mark.slow

HERE = [name for name in BODIES if name in DIALECTS]
PLAIN: dict[str, dict[str, Any]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "Hello"}]},
    "openai_completions": {"model": "m", "prompt": "Hello"},
    "openai_embeddings": {"model": "m", "input": "Hello"},
    "openai_responses": {"model": "m", "input": "Hello"},
}
"""Calls that are accepted; fields of generated ones are put into them, a few at a time."""


def quiet(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )


OFFICIAL = document()
ACCEPTED = document({name: set(REFUSED.get(name, ())) for name in HERE})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A proxy between two sockets, in a loop of its own."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    told: list[str] = []
    listening = threading.Event()

    async def serve() -> None:
        async with gate() as there:
            there.upstream.fitting = fitting
            host, port = there.address
            told.append(f"http://{host}:{port}")
            listening.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    listening.wait(10)
    yield told[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def fitting(target: str, body: dict[str, Any]) -> bytes:
    """As many answers as were asked for, and no tools called."""
    answer: dict[str, Any] = {"id": "x", "created": 1, "model": "m"}
    if target == "/v1/embeddings":
        vectors = len(body["input"]) if isinstance(body["input"], list) else 1
        answer["data"] = [{"index": index, "embedding": [0.5]} for index in range(vectors)]
    elif target == "/v1/responses":
        parts = [{"type": "output_text", "text": "Yes."}]
        answer |= {"status": "completed"}
        answer["output"] = [{"type": "message", "role": "assistant", "content": parts}]
    else:
        prompts = len(body["prompt"]) if isinstance(body.get("prompt"), list) else 1
        said: dict[str, Any] = {"message": {"content": "Yes."}} if "messages" in body else {"text": "Yes."}
        count = prompts * (body.get("n") or 1)
        answer["choices"] = [{"index": index, "finish_reason": "stop", **said} for index in range(count)]
    return json.dumps(answer).encode()


def cases(dialect: str, openapi: dict[str, Any], mode: GenerationMode) -> st.SearchStrategy[Any]:
    schema = schemathesis.openapi.from_dict(openapi)
    return schema[BODIES[dialect][0]]["POST"].as_strategy(generation_mode=mode)


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda one: one.value
)
@pytest.mark.parametrize("openapi", [OFFICIAL, ACCEPTED], ids=["official", "accepted"])
@pytest.mark.parametrize("dialect", HERE)
def test_no_call_of_the_official_document_is_answered_with_a_fault(
    dialect: str, openapi: dict[str, Any], mode: GenerationMode, url: str
) -> None:
    @quiet(25)
    @given(cases(dialect, openapi, mode))
    def answered(case: Any) -> None:
        response = case.call(base_url=url, timeout=10)
        assert response.status_code < 500, response.text
        if response.status_code != 200:
            assert response.json()["error"]["code"]

    answered()


@pytest.mark.parametrize("dialect", HERE)
def test_of_what_is_accepted_every_word_was_read(dialect: str) -> None:
    accepted = 0

    @quiet(100)
    @given(cases(dialect, ACCEPTED, GenerationMode.POSITIVE), st.data())
    def governed(case: Any, data: st.DataObject) -> None:
        nonlocal accepted
        few = data.draw(st.sets(st.sampled_from(sorted(case.body)), max_size=2)) if case.body else ()
        body = {**PLAIN[dialect], **{name: case.body[name] for name in few}}
        try:
            exchange = read(DIALECTS[dialect], json.loads(json.dumps(body)))
        except RequestInvalid:
            return
        accepted += 1
        read_texts = {segment.text for segment in exchange.segments} | vocabulary() | {"m"}
        for sent in forwarded(DIALECTS[dialect], exchange):
            unread = [leaf.text for leaf in words(json.loads(sent)) if leaf.text not in read_texts]
            assert not unread

    governed()
    assert accepted >= 20, "little was accepted: the property says little"


def words(value: Any) -> Iterator[tree.Leaf]:
    """Every key and string, also of JSON in strings; no numbers."""
    for leaf in tree.walk(value):
        inner = None if leaf.number or leaf.key else tree.embedded(leaf.text)
        if isinstance(inner, dict | list):
            yield from words(inner)
        elif not leaf.number:
            yield leaf
