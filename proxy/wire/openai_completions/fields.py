"""Every field that an OpenAI completions request may or may not hold."""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import (
    ANSWER_TOKENS,
    CACHE,
    ENGINE,
    MINE,
    TEMPLATE,
    TOKENS,
    Field,
    Schema,
    dropped,
    false,
    governed,
    refused,
    take_model,
    take_stream,
    take_strings,
    whole,
)
from proxy.wire.openai_chat.tools import take_response_format
from proxy.wire.openai_fields import (
    FAMILIES,
    LENGTH,
    SAMPLING,
    SERVER,
    SHAPING,
    UNREADABLE,
    take_stream_options,
)

TEXTS: Final = 64
"""Prompts times choices: each text of the answer is a stream of its own with its own guard."""


def take_prompt(draft: Draft, name: str, value: Json) -> None:
    """A string, or a list of strings. Lists of token ids, which OpenAI takes too, cannot be inspected."""
    many = value if isinstance(value, list) else [value]
    if not 1 <= len(many) <= TEXTS or not all(isinstance(one, str) for one in many):
        raise invalid((name,), f"must be a string or a list of 1 to {TEXTS} strings, not token ids")
    for index, one in enumerate(many):
        draft.text(one, "user", "message", (name, index) if isinstance(value, list) else (name,))
    draft.body[name] = value


def take_suffix(draft: Draft, name: str, value: Json) -> None:
    """What stands behind the gap that the model fills."""
    draft.text(checks.text(value, (name,)), "user", "message", (name,))
    draft.body[name] = value


FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models, byte-exact", take_model),
    "prompt": governed(f"a string, or up to {TEXTS} strings", take_prompt),
    "suffix": governed("a string: the text behind the gap", take_suffix),
    "response_format": governed("text, json_object or json_schema; every text is read", take_response_format),
    "stop": governed("up to 16 strings of up to 256 characters", take_strings(16, 256)),
    "bad_words": governed("up to 64 strings of up to 256 characters", take_strings(64, 256)),
    "stream": governed("true or false", take_stream),
    "stream_options": governed("include_usage; the upstream is always asked for usage", take_stream_options),
    **SAMPLING,
    "max_tokens": whole(1, ANSWER_TOKENS),
    **LENGTH,
    "user": dropped(MINE, checks.text),
    "best_of": dropped("1: no text is made that nobody inspects", checks.whole(1, 1)),
    "echo": dropped("false", false),
    "logprobs": TOKENS,
    "top_logprobs": TOKENS,
    "messages": refused("send prompt, or call /v1/chat/completions"),
    "chat_template": TEMPLATE,
    "add_special_tokens": TEMPLATE,
    "truncate_prompt_tokens": TEMPLATE,
    **UNREADABLE,
    "input_prefix": refused("send prompt and suffix"),
    "input_suffix": refused("send prompt and suffix"),
    "input_extra": refused("send prompt and suffix"),
    **{name: field for name, field in SHAPING.items() if name != "best_of"},
    "max_repetition_pattern_size": ENGINE,
    "min_repetition_pattern_size": ENGINE,
    "repetition_min_count": ENGINE,
    **SERVER,
    "n_keep": ENGINE,
    "n_cache_reuse": CACHE,
    "t_max_predict_ms": ENGINE,
    "return_tokens": TOKENS,
    "post_sampling_probs": TOKENS,
    "response_fields": ENGINE,
}

SCHEMA: Final = Schema(FIELDS, ("model", "prompt"), FAMILIES)
