"""Every field that a call of Ollama's may or may not hold: chat, generate, embed, and the older embeddings.

Messages and options are read in files of their own. A test holds the page `docs/ollama.md` to these tables.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import (
    BOOLEAN,
    TEMPLATE,
    Field,
    Schema,
    Take,
    dropped,
    false,
    governed,
    refused,
    take_model,
    take_stream,
    whole,
)
from proxy.wire.ollama.messages import images, take_messages
from proxy.wire.ollama.options import keep_alive, take_options
from proxy.wire.openai_chat.tools import read_schema, take_tools

INPUTS: Final = 2_048
"""Texts in one call for embeddings; as many as OpenAI takes."""

_EFFORTS: Final = {False: "none", True: "medium"}
"""What a plain yes or no means where efforts have names; OpenAI's own default is medium."""


def _take_text(role: str) -> Take:
    """An empty text is the same as none: clients send them."""

    def take(draft: Draft, name: str, value: Json) -> None:
        if checks.text(value, (name,)):
            draft.text(value, role, "message", (name,))
            draft.body[name] = value

    return take


def _take_input(draft: Draft, name: str, value: Json) -> None:
    many = value if isinstance(value, list) else [value]
    if not 1 <= len(many) <= INPUTS:
        raise invalid((name,), f"must be 1 to {INPUTS} texts")
    for index, one in enumerate(many):
        path = (name, index) if isinstance(value, list) else (name,)
        draft.text(checks.text(one, path), "user", "message", path)
    draft.body[name] = value
    draft.answers = len(many)


def _take_format(draft: Draft, name: str, value: Json) -> None:
    if isinstance(value, str):
        if not _FORMATS(value, (name,)):
            return
        draft.parameters["response_format"] = "json_object"
    else:
        read_schema(draft, value, (name,))
        draft.parameters["response_format"] = "json_schema"
    draft.body[name] = value


def _take_think(draft: Draft, name: str, value: Json) -> None:
    if isinstance(value, bool):
        draft.parameters["reasoning_effort"] = _EFFORTS[value]
    else:
        draft.parameters["reasoning_effort"] = _LEVELS(value, (name,))
    draft.body[name] = value


def _take_images(draft: Draft, name: str, value: Json) -> None:
    if taken := images(draft, (name,), value):
        draft.body[name] = taken


def _empty(value: Json, path: tuple[str | int, ...]) -> Json:
    if value not in ("", []):
        raise invalid(path, f"must be empty: {TEMPLATE.note}")
    return value


_FORMATS: Final = checks.one_of("", "json")
_LEVELS: Final = checks.one_of("low", "medium", "high")
_PICTURES: Final = refused("answers are text here, not pictures")

_ALL: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /api/tags, byte-exact", take_model),
    "options": governed("sampling and stop strings; see below", take_options),
    "keep_alive": dropped("no caller decides how long a model stays loaded", keep_alive),
}

_ASKED: Final[Mapping[str, Field]] = {
    "format": governed("json, or a schema; every text in it is read", _take_format),
    "stream": governed("true or false; true if missing", take_stream),
    "think": Field("inert", "true, false, low, medium or high", _take_think),
    "truncate": BOOLEAN,
    "shift": BOOLEAN,
    "logprobs": dropped("false", false),
    "top_logprobs": dropped("0", checks.whole(0, 0)),
}

CHAT: Final = Schema(
    {
        "messages": governed("every text, tool call and image is read; see below", take_messages),
        "tools": governed("functions; every text in them is read", take_tools),
        **_ALL,
        **_ASKED,
    },
    ("model", "messages"),
)

GENERATE: Final = Schema(
    {
        "system": governed("a text", _take_text("system")),
        "prompt": governed("a text; an empty one would only load the model", _take_text("user")),
        "suffix": governed("a text", _take_text("user")),
        "images": governed("base64; named to the policies as unscannable", _take_images),
        **_ALL,
        **_ASKED,
        "raw": dropped("false", false),
        "template": dropped("empty", _empty),
        "context": dropped("empty", _empty),
        "width": _PICTURES,
        "height": _PICTURES,
        "steps": _PICTURES,
    },
    ("model", "prompt"),
)

EMBED: Final = Schema(
    {
        "input": governed(f"a text, or up to {INPUTS} of them", _take_input),
        **_ALL,
        "dimensions": whole(1, 1_000_000),
        "truncate": BOOLEAN,
    },
    ("model", "input"),
)

EMBEDDINGS: Final = Schema({"prompt": governed("a text", _take_text("user")), **_ALL}, ("model", "prompt"))

SCHEMAS: Final[Mapping[str, Schema]] = {
    "ollama_chat": CHAT,
    "ollama_generate": GENERATE,
    "ollama_embed": EMBED,
    "ollama_embeddings": EMBEDDINGS,
}
