"""TEI's embed: texts in, a vector for each out; and the same on OpenAI's wire."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.exchange import AnswerEvent, Exchange, Json, Vector
from proxy.settings import Limits
from proxy.wire import answers, tree
from proxy.wire.draft import Draft
from proxy.wire.fields import BOOLEAN, Field, Schema, governed, whole
from proxy.wire.measures import INPUTS, Measured, name_model, take_texts
from proxy.wire.openai_embeddings.answer import floats, vector
from proxy.wire.tei.fields import COMMON, only_defaults, without_model

NAME: Final = "tei_embed"
OPENAI: Final = "openai_embeddings"

FIELDS: Final[Mapping[str, Field]] = {
    "inputs": governed(f"a string, or up to {INPUTS} strings", take_texts("user", "message")),
    "normalize": BOOLEAN,
    "dimensions": whole(1, 65_536),
    **COMMON,
}

SCHEMA: Final = Schema(FIELDS, ("inputs",))


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    draft.answers = len(draft.body["inputs"]) if isinstance(draft.body["inputs"], list) else 1
    return draft.exchange(exchange_id, NAME, operation="embeddings")


def upstream_body(exchange: Exchange, _model: str) -> bytes:
    return tree.dump(without_model(exchange))


def openai_body(exchange: Exchange, model: str) -> bytes:
    """Its vectors are normalised, and what is too long is refused there."""
    only_defaults(
        exchange, {"normalize": True, "truncate": False, "truncation_direction": None, "dimensions": None}
    )
    body = {"model": model, "input": exchange.body["inputs"], "encoding_format": "base64"}
    if "dimensions" in exchange.body:
        body["dimensions"] = exchange.body["dimensions"]
    return tree.dump(body)


def read(body: Json, _dropped: Counter[str]) -> Iterator[AnswerEvent]:
    if not isinstance(body, list) or len(body) > INPUTS:
        raise answers.malformed("embeddings")
    for index, values in enumerate(body):
        if not isinstance(values, list):
            raise answers.malformed("embeddings")
        yield Vector(index, vector(values))


def spell(_exchange: Exchange, measured: Measured) -> Json:
    return [floats(one.values) for one in sorted(measured.vectors, key=lambda one: one.index)]
