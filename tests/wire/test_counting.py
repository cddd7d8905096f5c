"""What a server adds to a measure is left out, and that it was is counted: the record tells how often."""

import json

import pytest

from proxy.wire.registers import WIRES
from tests.coverage.examples import ANSWERS
from tests.coverage.places import Path, at, planted

PLACES: list[tuple[str, Path]] = [
    ("openai_embeddings", ()),
    ("openai_embeddings", ("data", 0)),
    ("ollama_embed", ()),
    ("vllm_rerank", ()),
    ("vllm_rerank", ("results", 0)),
    ("vllm_score", ()),
    ("vllm_score", ("data", 0)),
    ("vllm_tokenize", ()),
    ("vllm_detokenize", ()),
    ("tei_rerank", (0,)),
    ("tei_predict", (0, 0)),
    ("anthropic_count_tokens", ()),
]


@pytest.mark.parametrize(("wire", "place"), PLACES)
def test_what_nobody_knows_in_a_measure_is_counted(wire: str, place: Path) -> None:
    answer = json.loads(ANSWERS[wire]["whole"])
    strange = planted(answer, place, {**at(answer, place), "astonishing": "words"})
    reader = WIRES[wire].reader(False)
    reader.feed(json.dumps(strange).encode())
    reader.finish()
    assert reader.dropped["astonishing"] == 1
