"""Rerank, as vLLM, Jina and Cohere have it: a query, documents, and how well each of them fits.

Every document is scored, whatever `top_n` says: the best are chosen here, so that one that is missing is
noticed. The documents that the caller reads again are their own, never the server's words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.exchange import AnswerEvent, Entry, Exchange, Json, Path, Score
from proxy.settings import Limits
from proxy.wire import answers, checks, tree
from proxy.wire.dialect import untranslatable
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import ENGINE, Field, Schema, dropped, governed, take_model, whole
from proxy.wire.measures import INPUTS, Measured, booked, each_once, finite, name_model, take_text
from proxy.wire.vllm.scoring import FAMILIES, SCORING

NAME: Final = "vllm_rerank"
TEI: Final = "tei_rerank"


def take_documents(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= INPUTS:
        raise invalid((name,), f"must be a list of 1 to {INPUTS} documents")
    draft.body[name] = [_document(draft, document, (name, index)) for index, document in enumerate(value)]


def _document(draft: Draft, document: Json, path: Path) -> Json:
    """A string, or an object of a text and perhaps the id that it is labelled by. No other member is read
    by every server, so none is taken."""
    if isinstance(document, str):
        draft.text(document, "user", "document", path)
        return document
    members = checks.members(draft, document, path, ("text", "id"))
    draft.text(checks.text(members.get("text"), (*path, "text")), "user", "document", (*path, "text"))
    if "id" in members:
        identifier = checks.text(members["id"], (*path, "id"))
        if not identifier:
            raise invalid((*path, "id"), "must not be empty")
        draft.text(identifier, "user", "name", (*path, "id"))
        draft.entries.append(Entry(path, (identifier,), text_key="text", kept=True))
    return members


FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models; without one, the default of the settings", take_model),
    "query": governed("a string", take_text("user", "message")),
    "documents": governed(
        f"up to {INPUTS} strings, or objects of text and id; labelled and withheld by id", take_documents
    ),
    "top_n": whole(0, INPUTS),
    "return_documents": dropped("true or false; obeyed here", checks.boolean),
    **SCORING,
    "rank_fields": ENGINE,
    "max_chunks_per_doc": ENGINE,
}

SCHEMA: Final = Schema(FIELDS, ("query", "documents"), FAMILIES)


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    draft.answers = len(draft.body["documents"])
    if body.get("return_documents") is False:
        draft.body["return_documents"] = False
    return draft.exchange(exchange_id, NAME, operation="rerank")


def upstream_body(exchange: Exchange, model: str) -> bytes:
    members = {name: value for name, value in exchange.body.items() if name not in _OBEYED}
    return tree.dump({**members, "model": model, "documents": texts(exchange)})


def tei_body(exchange: Exchange, model: str) -> bytes:  # noqa: ARG001  a TEI server has one model
    """On TEI's own route, which knows no parameter that this dialect has."""
    for name in exchange.parameters:
        if name not in _OBEYED:
            raise untranslatable((name,))
    return tree.dump({"query": exchange.body["query"], "texts": texts(exchange)})


def texts(exchange: Exchange) -> list[str]:
    """The documents without what they are labelled by, which no server needs."""
    return [one if isinstance(one, str) else one["text"] for one in exchange.body["documents"]]


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    envelope = answers.members(body)
    answers.count_unknown(dropped, envelope, _ENVELOPE)
    yield answers.head(envelope)
    results = answers.objects(envelope.get("results"), "results")
    each_once([answers.index(one.get("index"), INPUTS) for one in results], "index")
    for one in results:
        answers.count_unknown(dropped, one, _RESULT)
        yield Score(one["index"], finite(one.get("relevance_score"), "relevance_score"))
    if envelope.get("usage") is not None:
        yield answers.usage(envelope["usage"])


def spell(exchange: Exchange, measured: Measured) -> Json:
    """The best first; of equals, the one that was sent first. Without `top_n`, or with 0, all."""
    ranked = sorted(measured.scores, key=lambda one: (-one.value, one.index))
    documents = exchange.body.get("return_documents", True)
    own = texts(exchange)
    return {
        "id": f"rerank-{exchange.id}",
        "model": exchange.model,
        "usage": booked(measured.usage),
        "results": [
            {"index": one.index, "relevance_score": one.value}
            | ({"document": {"text": own[one.index]}} if documents else {})
            for one in ranked[: exchange.parameters.get("top_n") or None]
        ],
    }


_OBEYED: Final = frozenset({"top_n", "return_documents"})
"""Here, and not passed on."""

_ENVELOPE: Final = frozenset({"id", "object", "created", "model", "results", "usage", "meta"})
_RESULT: Final = frozenset({"index", "relevance_score", "document"})
