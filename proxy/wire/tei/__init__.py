"""Text Embeddings Inference's embed, rerank and predict. Calls to it name no model: the settings do.

`/rerank` is vLLM's and Cohere's too, with another body: what is asked in either shape is answered in it.
"""

from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import vllm
from proxy.wire.dialect import Dialect, Wire, Writer
from proxy.wire.measures import reading, writing
from proxy.wire.tei import embed, predict, rerank
from proxy.wire.tei.errors import error_body


def parse_rerank(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """The two shapes are told apart by what only vLLM's has. Raises RequestInvalid."""
    parse = vllm.RERANK.parse if isinstance(body, dict) and "documents" in body else rerank.parse
    return parse(body, exchange_id=exchange_id, limits=limits, model=model)


def rerank_writer(exchange: Exchange) -> Writer:
    return (vllm.RERANK.writer if exchange.dialect == vllm.RERANK.name else _RERANK)(exchange)


_RERANK: Final = writing(rerank.spell, error_body)

DIALECTS: Final = (
    Dialect(
        embed.NAME,
        ("/embed",),
        embed.parse,
        {embed.NAME: embed.upstream_body, embed.OPENAI: embed.openai_body},
        writing(embed.spell, error_body),
        error_body,
    ),
    Dialect(
        rerank.NAME,
        ("/rerank",),
        parse_rerank,
        {rerank.NAME: rerank.upstream_body, rerank.VLLM: rerank.vllm_body},
        rerank_writer,
        error_body,
    ),
    Dialect(
        predict.NAME,
        ("/predict",),
        predict.parse,
        {predict.NAME: predict.upstream_body},
        writing(predict.spell, error_body),
        error_body,
    ),
)
WIRES: Final = (
    Wire(embed.NAME, "/embed", reading(embed.read)),
    Wire(rerank.NAME, "/rerank", reading(rerank.read)),
    Wire(predict.NAME, "/predict", reading(predict.read)),
)
