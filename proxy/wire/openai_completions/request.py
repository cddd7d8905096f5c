"""An OpenAI completions request: read by its schema into an exchange, and written anew for an upstream."""

from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.draft import Draft, invalid
from proxy.wire.openai_completions.fields import SCHEMA, TEXTS

NAME: Final = "openai_completions"

_TOKEN_BOUNDS: Final = (("max_tokens",), ("min_tokens",))


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  a completion names its model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    prompts = len(draft.body["prompt"]) if isinstance(draft.body["prompt"], list) else 1
    draft.answers = prompts * draft.parameters.get("n", 1)
    if draft.answers > TEXTS:
        raise invalid(("prompt",), f"asks for more than {TEXTS} texts, n of each prompt")
    stream = draft.body.get("stream", False)
    return draft.exchange(
        exchange_id, NAME, operation="text_completion", stream=stream, token_bounds=_TOKEN_BOUNDS
    )


def upstream_body(exchange: Exchange, model: str) -> bytes:
    """A stream is always asked for its usage: tokens are booked whether or not the caller sees them."""
    body = {**exchange.body, "model": model}
    if exchange.stream:
        body["stream_options"] = {"include_usage": True}
    return tree.dump(body)
