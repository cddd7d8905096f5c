"""Tokenize, as vLLM has it: a prompt or a chat as the numbers of its tokens.

The tokens are those of what the model would read, so of the request without what policies take out of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.exchange import AnswerEvent, Exchange, Json, Tokens
from proxy.settings import Limits
from proxy.wire import answers, tree
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import (
    BOOLEAN,
    ENGINE,
    TEMPLATE,
    Field,
    Schema,
    dropped,
    governed,
    refused,
    take_model,
)
from proxy.wire.measures import Measured, name_model, take_text
from proxy.wire.openai_chat.messages import take_messages
from proxy.wire.openai_chat.tools import take_tools
from proxy.wire.openai_fields import UNREADABLE

NAME: Final = "vllm_tokenize"

TOKEN_IDS: Final = 1_000_000
"""As many as the longest contexts hold."""

LARGEST_ID: Final = 10_000_000
"""The largest vocabularies of today have a few hundred thousand tokens."""


def _no_words(value: Json, path: tuple[str | int, ...]) -> Json:
    if value is not False:
        raise invalid(path, "must be false: tokens as words would come past the guard")
    return value


FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models; without one, the default of the settings", take_model),
    "prompt": governed("a string; or else messages", take_text("user", "message")),
    "messages": governed("as in a chat; or else prompt", take_messages),
    "tools": governed("as in a chat", take_tools),
    "add_special_tokens": BOOLEAN,
    "add_generation_prompt": BOOLEAN,
    "continue_final_message": BOOLEAN,
    "return_token_strs": dropped("false", _no_words),
    "content": refused("send prompt"),
    "with_pieces": refused("tokens as words would come past the guard"),
    **UNREADABLE,
    "chat_template": TEMPLATE,
    "chat_template_kwargs": TEMPLATE,
    "mm_processor_kwargs": ENGINE,
}

SCHEMA: Final = Schema(FIELDS, (), {"lora": ENGINE})


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    if ("prompt" in draft.body) == ("messages" in draft.body):
        raise invalid(("prompt",), "or messages must be given, and not both")
    if "tools" in draft.body and "messages" not in draft.body:
        raise invalid(("tools",), "go with messages only")
    return draft.exchange(exchange_id, NAME, operation="tokenize")


def upstream_body(exchange: Exchange, model: str) -> bytes:
    return tree.dump({**exchange.body, "model": model})


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    envelope = answers.members(body)
    answers.count_unknown(dropped, envelope, _ENVELOPE)
    ids = _token_ids(envelope.get("tokens"))
    if answers.index(envelope.get("count"), TOKEN_IDS + 1) != len(ids):
        raise answers.malformed("count")
    most = envelope.get("max_model_len")
    yield Tokens(len(ids), ids, None if most is None else answers.index(most, LARGEST_ID * 100))


def _token_ids(value: Json) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > TOKEN_IDS or set(map(type, value)) - {int}:
        raise answers.malformed("tokens")
    if value and not (min(value) >= 0 and max(value) <= LARGEST_ID):
        raise answers.malformed("tokens")
    return tuple(value)


def spell(_exchange: Exchange, measured: Measured) -> Json:
    if measured.tokens is None:
        raise answers.malformed("tokens")
    return {
        "count": measured.tokens.count,
        "max_model_len": measured.tokens.most,
        "tokens": measured.tokens.ids,
        "token_strs": None,
    }


_ENVELOPE: Final = frozenset({"count", "max_model_len", "tokens"})
