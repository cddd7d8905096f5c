"""An OpenAI embeddings request: every field that it may hold, and how it is read and written anew."""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import checks, tree
from proxy.wire.draft import Draft
from proxy.wire.fields import (
    BOOLEAN,
    CACHE,
    ENGINE,
    MINE,
    TEMPLATE,
    Field,
    Schema,
    dropped,
    governed,
    refused,
    take_model,
    whole,
    word,
)
from proxy.wire.measures import INPUTS, take_texts
from proxy.wire.openai_fields import UNREADABLE

NAME: Final = "openai_embeddings"

_ONE_INPUT: Final = refused("send input")
_FLOATS: Final = refused("vectors are of 32-bit floats, little-endian where they are base64")

FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models, byte-exact", take_model),
    "input": governed(f"a string, or up to {INPUTS} strings", take_texts("user", "message")),
    "encoding_format": word("float", "base64"),
    "dimensions": whole(1, 65_536),
    "truncate_prompt_tokens": whole(-1, 10_000_000),
    "normalize": BOOLEAN,
    "embd_normalize": whole(-1, 2),
    "user": dropped(MINE, checks.text),
    "messages": _ONE_INPUT,
    "prompt": _ONE_INPUT,
    "content": _ONE_INPUT,
    **UNREADABLE,
    "input_type": TEMPLATE,
    "instruction": TEMPLATE,
    "prompt_name": TEMPLATE,
    "chat_template": TEMPLATE,
    "chat_template_kwargs": TEMPLATE,
    "add_generation_prompt": TEMPLATE,
    "continue_final_message": TEMPLATE,
    "add_special_tokens": TEMPLATE,
    "embed_dtype": _FLOATS,
    "endianness": _FLOATS,
    "mm_processor_kwargs": ENGINE,
    "options": ENGINE,
    "keep_alive": ENGINE,
    "priority": ENGINE,
    "request_id": ENGINE,
    "rid": ENGINE,
    "cache_salt": CACHE,
}

SCHEMA: Final = Schema(FIELDS, ("model", "input"), {"lora": ENGINE})


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  these calls name their model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    draft.answers = len(draft.body["input"]) if isinstance(draft.body["input"], list) else 1
    return draft.exchange(exchange_id, NAME, operation="embeddings")


def upstream_body(exchange: Exchange, model: str) -> bytes:
    return tree.dump({**exchange.body, "model": model})
