"""Fields that OpenAI's chat and completions share, with what vLLM, SGLang, llama.cpp, Ollama and TGI add.

Each dialect's table is made of these and of its own.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import (
    ANSWER_TOKENS,
    BOOLEAN,
    CACHE,
    CHOICES,
    ENGINE,
    GRAMMAR,
    TOKENS,
    UNREAD,
    Field,
    number,
    refused,
    unfactual,
    whole,
)


def take_stream_options(draft: Draft, name: str, value: Json) -> None:
    options = checks.members(draft, value, (name,), ("include_usage", "include_obfuscation"))
    for option, wanted in options.items():
        checks.boolean(wanted, (name, option))
    if not draft.body.get("stream"):
        raise invalid((name,), "goes with a stream only")
    draft.body[name] = {"include_usage": options.get("include_usage", False)}


def _logit_bias(value: Json, path: tuple[str | int, ...]) -> Json:
    if not isinstance(value, dict) or len(value) > 1_024:  # OpenAI takes 300
        raise invalid(path, "must be an object of at most 1024 token ids")
    for token, bias in value.items():
        if not (token.isascii() and token.isdigit() and len(token) <= 8):
            raise invalid(path, "must have token ids as its keys")
        _BIAS(bias, path)
    return value


_BIAS: Final = checks.number(-100, 100)

SAMPLING: Final[Mapping[str, Field]] = {
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": whole(-1, 1_000_000),
    "min_p": number(0, 1),
    "typical_p": number(0, 1),
    "top_n_sigma": number(-1, 100),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "repetition_penalty": number(0, 10),
    "repeat_penalty": number(0, 10),
    "repeat_last_n": whole(-1, 1_000_000),
    "dry_multiplier": number(0, 100),
    "dry_base": number(0, 100),
    "dry_allowed_length": whole(0, 1_000_000),
    "dry_penalty_last_n": whole(-1, 1_000_000),
    "xtc_probability": number(0, 1),
    "xtc_threshold": number(0, 1),
    "dynatemp_range": number(0, 10),
    "dynatemp_exponent": number(0, 10),
    "mirostat": whole(0, 2),
    "mirostat_tau": number(0, 100),
    "mirostat_eta": number(0, 1),
    "seed": whole(-(2**53), 2**53),
    "n": whole(1, CHOICES),
    "logit_bias": unfactual("token ids with -100 to 100", _logit_bias),
}
"""How words are chosen."""

LENGTH: Final[Mapping[str, Field]] = {
    "min_tokens": whole(0, ANSWER_TOKENS),
    "stop_token_ids": unfactual("up to 64 token ids", checks.items(0, 64, checks.whole(0, 10_000_000))),
    "ignore_eos": BOOLEAN,
    "skip_special_tokens": BOOLEAN,
    "spaces_between_special_tokens": BOOLEAN,
    "include_stop_str_in_output": BOOLEAN,
}
"""When an answer ends, and how tokens become its text."""

UNREADABLE: Final[Mapping[str, Field]] = {
    "input_ids": UNREAD,
    "input_embeds": UNREAD,
    "prompt_token_ids": UNREAD,
    "prompt_embeds": UNREAD,
    "image_data": UNREAD,
}
"""Other ways to say what the model reads."""

SHAPING: Final[Mapping[str, Field]] = {
    "structured_outputs": GRAMMAR,
    "structural_tag": GRAMMAR,
    "grammar": GRAMMAR,
    "grammar_lazy": GRAMMAR,
    "json_schema": GRAMMAR,
    "regex": GRAMMAR,
    "ebnf": GRAMMAR,
    "allowed_token_ids": ENGINE,
    "samplers": ENGINE,
    "dry_sequence_breakers": ENGINE,
    "logits_processors": ENGINE,
    "custom_logit_processor": ENGINE,
    "custom_params": ENGINE,
    "use_beam_search": ENGINE,
    "best_of": ENGINE,
    "length_penalty": ENGINE,
    "n_predict": refused("send max_tokens"),
    "n_probs": TOKENS,
    "prompt_logprobs": TOKENS,
    "return_token_ids": TOKENS,
    "return_tokens_as_token_ids": TOKENS,
    "return_hidden_states": TOKENS,
}
"""What would shape the answer past the rules, or bring more than its text."""

SERVER: Final[Mapping[str, Field]] = {
    "vllm_xargs": ENGINE,
    "kv_transfer_params": ENGINE,
    "mm_processor_kwargs": ENGINE,
    "extra_body": refused("put its fields into the body itself, where they are read one by one"),
    "options": ENGINE,
    "keep_alive": ENGINE,
    "cache_salt": CACHE,
    "cache_prompt": CACHE,
    "prompt_cache_options": CACHE,
    "prompt_cache_retention": CACHE,
    "extra_key": CACHE,
    "id_slot": CACHE,
    "session_params": ENGINE,
    "priority": ENGINE,
    "request_id": ENGINE,
    "rid": ENGINE,
    "data_parallel_rank": ENGINE,
    "bootstrap_host": ENGINE,
    "bootstrap_port": ENGINE,
    "bootstrap_room": ENGINE,
}
"""What the server does."""

FAMILIES: Final[Mapping[str, Field]] = {"guided_": GRAMMAR, "lora": ENGINE}
"""Refused by how their names begin."""
