"""Score, as vLLM has it: how well each text of one list fits the text, or the texts, of another."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.exchange import AnswerEvent, Exchange, Json, Score
from proxy.settings import Limits
from proxy.wire import answers, tree
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import Field, Schema, governed, take_model
from proxy.wire.measures import INPUTS, Measured, booked, each_once, finite, name_model, take_texts
from proxy.wire.vllm.scoring import FAMILIES, SCORING

NAME: Final = "vllm_score"

PAIRS: Final = (("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2"))
"""What the two lists are called; one pair is given."""

_QUERIES: Final = governed("a string, or one for each of the others", take_texts("user", "message"))
_TEXTS: Final = governed(f"a string, or up to {INPUTS} strings", take_texts("user", "document"))

FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models; without one, the default of the settings", take_model),
    "text_1": _QUERIES,
    "queries": _QUERIES,
    "data_1": _QUERIES,
    "text_2": _TEXTS,
    "documents": _TEXTS,
    "items": _TEXTS,
    "data_2": _TEXTS,
    **SCORING,
}

SCHEMA: Final = Schema(FIELDS, (), FAMILIES)


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    draft.answers = _scores(draft)
    return draft.exchange(exchange_id, NAME, operation="rerank")


def _scores(draft: Draft) -> int:
    """How many will be given: one text is scored with all others, or each with its own."""
    given = {name for pair in PAIRS for name in pair if name in draft.body}
    pair = next((pair for pair in PAIRS if given == set(pair)), None)
    if pair is None:
        raise invalid(("text_1",), "and text_2, or queries and documents, must be given, and no other texts")
    first, second = (len(value) if isinstance(value := draft.body[name], list) else 1 for name in pair)
    if first not in (1, second):
        raise invalid((pair[0],), f"must be one text, or as many as {pair[1]}")
    return second


def upstream_body(exchange: Exchange, model: str) -> bytes:
    return tree.dump({**exchange.body, "model": model})


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    envelope = answers.members(body)
    answers.count_unknown(dropped, envelope, _ENVELOPE)
    yield answers.head(envelope)
    entries = answers.objects(envelope.get("data"), "data")
    each_once([answers.index(one.get("index"), INPUTS) for one in entries], "index")
    for one in entries:
        answers.count_unknown(dropped, one, _ENTRY)
        yield Score(one["index"], finite(one.get("score"), "score"))
    if envelope.get("usage") is not None:
        yield answers.usage(envelope["usage"])


def spell(exchange: Exchange, measured: Measured) -> Json:
    return {
        "id": f"score-{exchange.id}",
        "object": "list",
        "created": measured.head.created,
        "model": exchange.model,
        "data": [
            {"index": one.index, "object": "score", "score": one.value}
            for one in sorted(measured.scores, key=lambda one: one.index)
        ],
        "usage": booked(measured.usage),
    }


_ENVELOPE: Final = frozenset({"id", "object", "created", "model", "data", "usage"})
_ENTRY: Final = frozenset({"index", "object", "score"})
