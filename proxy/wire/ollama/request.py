"""Calls of Ollama's, read by their schemas into exchanges, and written anew for a server of the same kind.

How they are spelled for other servers is `translation.py`.
"""

from typing import Final

from proxy.exchange import Exchange, Json, Path
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.draft import Draft
from proxy.wire.ollama.fields import CHAT, EMBED, EMBEDDINGS, GENERATE

_BOUNDS: Final[tuple[Path, ...]] = (("options", "num_predict"),)


def parse_chat(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  every call of Ollama's names its model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    CHAT.read(draft, body)
    stream = draft.body.setdefault("stream", True)
    return draft.exchange(exchange_id, "ollama_chat", stream=stream, token_bounds=_BOUNDS)


def parse_generate(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    GENERATE.read(draft, body)
    stream = draft.body.setdefault("stream", True)
    return draft.exchange(
        exchange_id, "ollama_generate", operation="text_completion", stream=stream, token_bounds=_BOUNDS
    )


def parse_embed(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    EMBED.read(draft, body)
    return draft.exchange(exchange_id, "ollama_embed", operation="embeddings")


def parse_embeddings(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001
    """The older call, for one text. Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    EMBEDDINGS.read(draft, body)
    return draft.exchange(exchange_id, "ollama_embeddings", operation="embeddings")


def native(exchange: Exchange, model: str) -> bytes:
    """For another Ollama, which knows the model as `model`."""
    return tree.dump({**exchange.body, "model": model})


def native_embeddings(exchange: Exchange, model: str) -> bytes:
    """The older call as the newer one, which tells the tokens, too."""
    body = {name: value for name, value in exchange.body.items() if name != "prompt"}
    return tree.dump({**body, "model": model, "input": exchange.body["prompt"]})
