import binascii
import json
import struct
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from proxy.errors import RequestInvalid
from proxy.exchange import End, Head, Usage, Vector
from proxy.wire.measures import INPUTS
from proxy.wire.openai_embeddings.answer import DIMENSIONS, base64, floats
from tests.wire.openai_embeddings.examples import LLAMA, LLAMA_BASE64, MAXIMAL
from tests.wire.rooms import events, read, spelled, written

NAME = "openai_embeddings"
TWO = {"model": "m", "input": ["The sea", "A dog"]}
FLOATS, BASE64 = (read(NAME, {**TWO, "encoding_format": form}) for form in ("float", "base64"))
single = st.floats(width=32, allow_nan=False, allow_infinity=False, max_value=2.0**126, min_value=-(2.0**126))


def packed(*numbers: float) -> str:
    return binascii.b2a_base64(struct.pack(f"<{len(numbers)}f", *numbers), newline=False).decode()


def told(*vectors: Any, **entry: Any) -> Any:
    data = [{"index": index, "embedding": one, **entry} for index, one in enumerate(vectors)]
    return events(NAME, [json.dumps({"data": data}).encode()])


def test_a_request_is_read_and_written_anew_for_the_upstream() -> None:
    exchange = read(NAME, MAXIMAL)
    expected = {name: value for name, value in MAXIMAL.items() if name != "user"}
    assert spelled(exchange) == {**expected, "model": "weights"}
    assert exchange.operation == "embeddings"
    assert exchange.answers == 2
    assert [(one.text, one.role, one.source, one.path) for one in exchange.segments] == [
        ("The sea", "user", "message", ("input", 0)),
        ("A dog", "user", "message", ("input", 1)),
    ]
    assert exchange.parameters["dimensions"] == 3


@pytest.mark.parametrize("value", [[1, 2], [[1]], [], {}, 1, ["a", 1], ["a"] * (INPUTS + 1)])
def test_an_input_that_cannot_be_read_is_refused(value: Any) -> None:
    with pytest.raises(RequestInvalid, match="not token ids") as refused:
        read(NAME, {"model": "m", "input": value})
    assert refused.value.param == "input"


def test_as_many_inputs_as_openai_takes_are_taken() -> None:
    assert read(NAME, {"model": "m", "input": ["a"] * INPUTS}).answers == INPUTS


def test_answers_of_llama_cpp_become_vectors() -> None:
    assert events(NAME, [LLAMA]) == [
        Head(0),
        Vector(0, (-0.020694339647889137, -0.0019, 1)),
        Vector(1, (-0.011481503956019878, -0.0055, 0.0127)),
        Usage(4, 0),
        End(),
    ]
    assert events(NAME, [LLAMA_BASE64]) == [
        Head(0),
        Vector(0, "LYepvMgs+bqvvxq5"),
        Vector(1, "6xw8vDtHtrusRFA8"),
        Usage(4, 0),
        End(),
    ]


@pytest.mark.parametrize(
    "lie",
    [
        [],
        ["a"],
        [0.5, "a"],
        [0.5, None],
        [0.5, True],
        [[0.5]],
        {"a": 1},
        7,
        None,
        True,
        [1e39],
        [-1e300],
        [0.5] * (DIMENSIONS + 1),
        "",
        "AAAA",
        "words of the server",
        "AACAPw=",
        "AACAPw==\n",
        "AACAPw==AACAPw==",
        "ÄACAPw==",
        packed(float("nan")),
        packed(0.5, float("inf")),
        packed(-float("inf"), 0.5),
        packed(*[0.5] * (DIMENSIONS + 1)),
    ],
)
def test_what_is_no_vector_is_no_answer(lie: Any) -> None:
    assert told([0.5], lie) is None
    assert told(lie) is None


@pytest.mark.parametrize("index", [None, -1, INPUTS, True, "0", 0.0])
def test_a_vector_of_nothing_known_is_no_answer(index: Any) -> None:
    assert told([0.5], index=index) is None


def test_two_vectors_for_one_input_are_no_answer() -> None:
    assert told([0.5], [0.25], index=0) is None


@pytest.mark.parametrize(
    "body", [b"[]", b'{"data":null}', b'{"error":{"message":"words"}}', b"{}", b"", b"NaN"]
)
def test_what_is_no_list_of_vectors_is_no_answer(body: bytes) -> None:
    assert events(NAME, [body]) is None


@given(st.lists(single, min_size=1, max_size=40))
def test_a_vector_is_the_same_in_either_form(numbers: list[float]) -> None:
    text = base64(numbers)
    assert text == packed(*numbers)
    assert list(floats(text)) == numbers
    assert base64(text) is text
    assert floats(numbers) is numbers
    assert told(text) is not None
    assert told(numbers) is not None


@given(st.binary(max_size=64))
def test_bytes_pass_only_as_finite_floats(content: bytes) -> None:
    text = binascii.b2a_base64(content, newline=False).decode()
    if told(text) is not None:
        numbers = struct.unpack(f"<{len(content) // 4}f", content)
        assert all(abs(number) < 2e38 for number in numbers)


@pytest.mark.parametrize("answer", [LLAMA, LLAMA_BASE64])
def test_the_caller_gets_the_form_that_they_asked_for(answer: bytes) -> None:
    as_floats = json.loads(written(FLOATS, events(NAME, [answer])))
    as_base64 = json.loads(written(BASE64, events(NAME, [answer])))
    assert all(isinstance(one["embedding"], list) for one in as_floats["data"])
    assert all(isinstance(one["embedding"], str) for one in as_base64["data"])
    assert as_floats["data"][0]["embedding"][0] == pytest.approx(-0.020694339647889137)
    CreateEmbeddingResponse.model_validate(as_floats)
    assert as_floats["model"] == "m"
    assert as_floats["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_numbers_are_passed_on_as_they_came() -> None:
    assert b"-0.020694339647889137" in written(FLOATS, events(NAME, [LLAMA]))


def test_vectors_are_in_the_order_of_their_inputs() -> None:
    body = written(FLOATS, [Vector(1, (2.0,)), Vector(0, (1.0,)), End()])
    assert [one["embedding"] for one in json.loads(body)["data"]] == [[1.0], [2.0]]


@pytest.mark.parametrize("answer", [LLAMA, LLAMA_BASE64])
def test_the_sdk_reads_both_forms(answer: bytes) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        body = written(read(NAME, json.loads(request.content)), events(NAME, [answer]))
        return httpx2.Response(200, content=body, headers={"content-type": "application/json"})

    transport = httpx2.Client(transport=httpx2.MockTransport(respond))
    with openai.OpenAI(api_key="k", base_url="http://upstream/v1", http_client=transport) as sdk:
        default = sdk.embeddings.create(model="m", input=["The sea", "A dog"])
        plain = sdk.embeddings.create(model="m", input=["The sea", "A dog"], encoding_format="float")
    for one in (default, plain):
        assert one.data[0].embedding[0] == pytest.approx(-0.020694339647889137)
        assert [entry.index for entry in one.data] == [0, 1]
