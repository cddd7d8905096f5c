"""vLLM's rerank, score, tokenize and detokenize. Rerank is Jina's and Cohere's too, and llama.cpp's."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire
from proxy.wire.measures import reading, writing
from proxy.wire.openai_errors import error_body
from proxy.wire.vllm import detokenize, rerank, score, tokenize

RERANK: Final = Dialect(
    rerank.NAME,
    ("/v1/rerank", "/v2/rerank"),
    rerank.parse,
    {rerank.NAME: rerank.upstream_body, rerank.TEI: rerank.tei_body},
    writing(rerank.spell, error_body),
    error_body,
)
"""`/rerank` is TEI's too, and stands there."""

SCORE: Final = Dialect(
    score.NAME,
    ("/score", "/v1/score"),
    score.parse,
    {score.NAME: score.upstream_body},
    writing(score.spell, error_body),
    error_body,
)
TOKENIZE: Final = Dialect(
    tokenize.NAME,
    ("/tokenize",),
    tokenize.parse,
    {tokenize.NAME: tokenize.upstream_body},
    writing(tokenize.spell, error_body),
    error_body,
)
DETOKENIZE: Final = Dialect(
    detokenize.NAME,
    ("/detokenize",),
    detokenize.parse,
    {detokenize.NAME: detokenize.upstream_body},
    writing(detokenize.spell, error_body),
    error_body,
)

DIALECTS: Final = (RERANK, SCORE, TOKENIZE, DETOKENIZE)
WIRES: Final = (
    Wire(rerank.NAME, "/v1/rerank", reading(rerank.read)),
    Wire(score.NAME, "/v1/score", reading(score.read)),
    Wire(tokenize.NAME, "/tokenize", reading(tokenize.read)),
    Wire(detokenize.NAME, "/detokenize", reading(detokenize.read)),
)
