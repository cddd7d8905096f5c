"""Every field that an OpenAI chat request may or may not hold. Messages and tools are read in files of their
own. A test holds the page `docs/openai-chat.md` to this table.
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
    HOSTED,
    MINE,
    TEMPLATE,
    TOKENS,
    UNREAD,
    Field,
    Schema,
    dropped,
    false,
    governed,
    number,
    refused,
    take_model,
    take_stream,
    take_strings,
    unfactual,
    whole,
    word,
)
from proxy.wire.openai_chat.messages import take_messages
from proxy.wire.openai_chat.tools import take_documents, take_response_format, take_tool_choice, take_tools


def _take_stream_options(draft: Draft, name: str, value: Json) -> None:
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


def _metadata(value: Json, path: tuple[str | int, ...]) -> Json:
    if (
        not isinstance(value, dict)
        or len(value) > 16
        or not all(isinstance(one, str) for one in value.values())
    ):
        raise invalid(path, "must be an object of at most 16 strings")
    return value


def _only_text(value: Json, path: tuple[str | int, ...]) -> Json:
    if value != ["text"]:
        raise invalid(path, 'must be ["text"]')
    return value


_BIAS: Final = checks.number(-100, 100)
_LEGACY: Final = refused("send tools and tool_choice")

FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models, byte-exact", take_model),
    "messages": governed("every text, tool call and part is read; see below", take_messages),
    "tools": governed("functions; every text in them is read", take_tools),
    "tool_choice": governed("none, auto, required, or one of the tools", take_tool_choice),
    "response_format": governed("text, json_object or json_schema; every text is read", take_response_format),
    "documents": governed("strings or objects; labelled and withheld by id", take_documents),
    "stop": governed("up to 16 strings of up to 256 characters", take_strings(16, 256)),
    "bad_words": governed("up to 64 strings of up to 256 characters", take_strings(64, 256)),
    "stream": governed("true or false", take_stream),
    "stream_options": governed("include_usage; the upstream is always asked for usage", _take_stream_options),
    # Sampling, by the names of OpenAI, vLLM, SGLang, llama.cpp and Ollama.
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
    # Length and form of the answer.
    "max_tokens": whole(1, ANSWER_TOKENS),
    "max_completion_tokens": whole(1, ANSWER_TOKENS),
    "min_tokens": whole(0, ANSWER_TOKENS),
    "stop_token_ids": unfactual("up to 64 token ids", checks.items(0, 64, checks.whole(0, 10_000_000))),
    "ignore_eos": BOOLEAN,
    "skip_special_tokens": BOOLEAN,
    "spaces_between_special_tokens": BOOLEAN,
    "include_stop_str_in_output": BOOLEAN,
    "parallel_tool_calls": BOOLEAN,
    "reasoning_effort": word("none", "minimal", "low", "medium", "high", "xhigh"),
    "verbosity": word("low", "medium", "high"),
    "include_reasoning": BOOLEAN,
    "separate_reasoning": BOOLEAN,
    "stream_reasoning": BOOLEAN,
    "reasoning_format": word("none", "auto", "deepseek", "deepseek-legacy"),
    # Accepted because clients send them, and kept here.
    "user": dropped(MINE, checks.text),
    "safety_identifier": dropped(MINE, checks.text),
    "metadata": dropped("up to 16 strings; nothing behind the proxy needs them", _metadata),
    "prompt_cache_key": dropped("no caller chooses a cache", checks.text),
    "store": dropped("false; nothing is stored for later retrieval", false),
    "logprobs": dropped("false", false),
    "top_logprobs": dropped("0", checks.whole(0, 0)),
    "modalities": dropped("text alone", _only_text),
    "service_tier": dropped("auto or default", checks.one_of("auto", "default")),
    # What the model reads.
    "chat_template": TEMPLATE,
    "chat_template_kwargs": TEMPLATE,
    "add_generation_prompt": TEMPLATE,
    "continue_final_message": TEMPLATE,
    "add_special_tokens": TEMPLATE,
    "echo": TEMPLATE,
    "truncate_prompt_tokens": TEMPLATE,
    "thinking_forced_open": TEMPLATE,
    "prompt": UNREAD,
    "suffix": UNREAD,
    "input_ids": UNREAD,
    "input_embeds": UNREAD,
    "prompt_token_ids": UNREAD,
    "prompt_embeds": UNREAD,
    "image_data": UNREAD,
    # What shapes the answer.
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
    # What the server does.
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
    # What hosted services have, and what OpenAI left behind.
    "audio": HOSTED,
    "prediction": HOSTED,
    "web_search_options": HOSTED,
    "moderation": HOSTED,
    "functions": _LEGACY,
    "function_call": _LEGACY,
}

FAMILIES: Final[Mapping[str, Field]] = {"guided_": GRAMMAR, "lora": ENGINE}
"""Refused by how their names begin."""

SCHEMA: Final = Schema(FIELDS, ("model", "messages"), FAMILIES)
