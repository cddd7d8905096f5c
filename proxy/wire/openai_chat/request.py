"""An OpenAI chat request: read by its schema into an exchange, and written anew for an upstream.

Nothing of the caller's bytes survives: what is forwarded is what was read here, under our own stream options.
"""

from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.draft import Draft
from proxy.wire.openai_chat.fields import SCHEMA

NAME: Final = "openai_chat"

_TOKEN_BOUNDS: Final = (("max_tokens",), ("max_completion_tokens",), ("min_tokens",))
"""`max_tokens` is the name that every server knows."""


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  a chat names its model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    bounds = [
        draft.parameters[name] for name in ("max_tokens", "max_completion_tokens") if name in draft.parameters
    ]
    if bounds:  # servers differ in which of the two they obey, so the rules see the larger
        draft.parameters["max_tokens"] = max(bounds)
    draft.answers = draft.parameters.get("n", 1)
    stream = draft.body.get("stream", False)
    return draft.exchange(exchange_id, NAME, stream=stream, token_bounds=_TOKEN_BOUNDS)


def upstream_body(exchange: Exchange, model: str) -> bytes:
    """The body for the upstream, which knows the model as `model`. A stream is always asked for its usage,
    because tokens are booked whether or not the caller wants to see them."""
    body = {**exchange.body, "model": model}
    if exchange.stream:
        body["stream_options"] = {"include_usage": True}
    return tree.dump(body)
