"""TEI's rerank: a query, texts, and how well each of them fits; and the same on vLLM's wire.

The texts that the caller reads again are their own, never the server's words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.exchange import AnswerEvent, Exchange, Json, Score
from proxy.settings import Limits
from proxy.wire import answers, checks, tree
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import BOOLEAN, Field, Schema, dropped, governed
from proxy.wire.measures import INPUTS, Measured, each_once, finite, name_model, take_text
from proxy.wire.tei.fields import COMMON, only_defaults, without_model

NAME: Final = "tei_rerank"
VLLM: Final = "vllm_rerank"


def _take_texts(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= INPUTS:
        raise invalid((name,), f"must be a list of 1 to {INPUTS} strings")
    for index, one in enumerate(value):
        draft.text(checks.text(one, (name, index)), "user", "document", (name, index))
    draft.body[name] = value


FIELDS: Final[Mapping[str, Field]] = {
    "query": governed("a string", take_text("user", "message")),
    "texts": governed(f"up to {INPUTS} strings", _take_texts),
    "raw_scores": BOOLEAN,
    "return_text": dropped("true or false; obeyed here", checks.boolean),
    **COMMON,
}

SCHEMA: Final = Schema(FIELDS, ("query", "texts"))


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    draft.answers = len(draft.body["texts"])
    draft.body["return_text"] = body.get("return_text") is True
    return draft.exchange(exchange_id, NAME, operation="rerank")


def upstream_body(exchange: Exchange, _model: str) -> bytes:
    return tree.dump({**without_model(exchange), "return_text": False})


def vllm_body(exchange: Exchange, model: str) -> bytes:
    """Its scores are not raw, and what is too long is refused there."""
    only_defaults(exchange, {"raw_scores": False, "truncate": False, "truncation_direction": None})
    return tree.dump({"model": model, "query": exchange.body["query"], "documents": exchange.body["texts"]})


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    ranks = answers.objects(body, "ranks")
    each_once([answers.index(one.get("index"), INPUTS) for one in ranks], "index")
    for one in ranks:
        answers.count_unknown(dropped, one, _RANK)
        yield Score(one["index"], finite(one.get("score"), "score"))


def spell(exchange: Exchange, measured: Measured) -> Json:
    """The best first; of equals, the one that was sent first."""
    own = exchange.body["texts"]
    return [
        {"index": one.index, "score": one.value}
        | ({"text": own[one.index]} if exchange.body["return_text"] else {})
        for one in sorted(measured.scores, key=lambda one: (-one.value, one.index))
    ]


_RANK: Final = frozenset({"index", "score", "text"})
