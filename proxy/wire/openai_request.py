"""POST /v1/chat/completions: from a strict JSON tree to an `Exchange`, and from there to the upstream's body.

The fields are in `openai_fields.py`. The caller's bytes end here: what goes on is written anew.
"""

from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.draft import Draft, invalid
from proxy.wire.openai_fields import FIELDS, GOVERNED, field_of

DIALECT: Final = "openai_chat"


def parse(body: Json, *, exchange_id: str, limits: Limits) -> Exchange:
    """Raises RequestInvalid with the name of the field. A null means the same as a missing field."""
    if not isinstance(body, dict):
        raise invalid(("body",), "must be a JSON object")
    draft = Draft(limits)
    fields = {name: field_of(name) for name in body}
    for name in GOVERNED:
        if body.get(name) is not None:
            FIELDS[name].take(draft, name, body[name])
    for name, field in fields.items():
        if field.fate != "governed" and body[name] is not None:
            field.take(draft, name, body[name])
    for name in ("model", "messages"):
        if name not in draft.body:
            raise invalid((name,), "is missing")
    return _exchange(draft, exchange_id)


def upstream_body(exchange: Exchange, model: str) -> bytes:
    """The body for the upstream, which knows the model as `model`. A stream is always asked for its usage,
    because tokens are booked whether or not the caller wants to see them."""
    body = {**exchange.body, "model": model}
    if exchange.stream:
        body["stream_options"] = {"include_usage": True}
    return tree.dump(body)


def _exchange(draft: Draft, exchange_id: str) -> Exchange:
    bounds = [
        draft.parameters[name] for name in ("max_tokens", "max_completion_tokens") if name in draft.parameters
    ]
    if bounds:  # servers differ in which of the two they obey, so the rules see the larger
        draft.parameters["max_tokens"] = max(bounds)
    return Exchange(
        id=exchange_id,
        dialect=DIALECT,
        model=draft.body["model"],
        stream=draft.body.get("stream", False),
        body=draft.body,
        segments=tuple(draft.segments),
        unscannable=tuple(draft.unscannable),
        tools=tuple(draft.tools),
        parameters=draft.parameters,
    )
