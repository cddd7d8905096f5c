"""Requests of Anthropic's messages: read by their schemas into an exchange, and written anew for an upstream.

Nothing of the caller's bytes survives. How they are said in other wires is `chat.py`.
"""

from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.anthropic.fields import COUNT_SCHEMA, SCHEMA
from proxy.wire.draft import Draft

MESSAGES: Final = "anthropic_messages"
COUNT_TOKENS: Final = "anthropic_count_tokens"

_TOKEN_BOUNDS: Final = (("max_tokens",), ("thinking", "budget_tokens"))


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  a message names its model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    stream = draft.body.get("stream", False)
    return draft.exchange(exchange_id, MESSAGES, stream=stream, token_bounds=_TOKEN_BOUNDS)


def parse_count(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  a message names its model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    COUNT_SCHEMA.read(draft, body)
    return draft.exchange(exchange_id, COUNT_TOKENS, operation="tokenize")


def upstream_body(exchange: Exchange, model: str) -> bytes:
    """The body for an upstream that speaks the same, and knows the model as `model`."""
    return tree.dump({**exchange.body, "model": model})
