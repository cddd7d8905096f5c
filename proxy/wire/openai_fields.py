"""Every field that an OpenAI chat request may or may not hold: governed, inert, not forwarded, or refused.

The table is the schema, and a test holds the page `docs/openai-chat.md` to it. A field that is not in it is
refused. How messages and tools are read is in their own files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from proxy.errors import RequestInvalid
from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid
from proxy.wire.openai_messages import take_messages
from proxy.wire.openai_tools import take_documents, take_response_format, take_tool_choice, take_tools

Fate = Literal["governed", "inert", "not forwarded", "refused"]
Take = Callable[[Draft, str, Json], None]

CHOICES: Final = 8
"""Each choice is a stream of its own with its own guard and held-back text."""

ANSWER_TOKENS: Final = 10_000_000
"""Beyond every model's context; the ceiling that counts is a rule's."""


@dataclass(frozen=True, slots=True)
class Field:
    """`take` reads a value that is not null. `note`: what it may be, or why it is refused."""

    fate: Fate
    note: str
    take: Take


def _inert(note: str, check: checks.Check) -> Field:
    """Passes on as it is, and policies may look at it: no text, nothing that names or switches anything."""

    def take(draft: Draft, name: str, value: Json) -> None:
        draft.body[name] = draft.parameters[name] = check(value, (name,))

    return Field("inert", note, take)


def _unfactual(note: str, check: checks.Check) -> Field:
    """The same for lists and objects, which are no scalar facts."""

    def take(draft: Draft, name: str, value: Json) -> None:
        draft.body[name] = check(value, (name,))

    return Field("inert", note, take)


def _dropped(note: str, check: checks.Check) -> Field:
    def take(_draft: Draft, name: str, value: Json) -> None:
        check(value, (name,))

    return Field("not forwarded", note, take)


def _refused(reason: str) -> Field:
    def take(_draft: Draft, name: str, _value: Json) -> None:
        raise RequestInvalid(f"{name} is not accepted: {reason}.", param=name)

    return Field("refused", reason, take)


def _number(low: float, high: float) -> Field:
    return _inert(f"{low:g} to {high:g}", checks.number(low, high))


def _whole(low: int, high: int) -> Field:
    return _inert(f"whole, {low} to {high}", checks.whole(low, high))


def _word(*words: str) -> Field:
    return _inert(", ".join(words), checks.one_of(*words))


def _take_model(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = checks.identifier(value, (name,))


def _take_stream(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = checks.boolean(value, (name,))


def _take_stream_options(draft: Draft, name: str, value: Json) -> None:
    options = checks.members(value, (name,), ("include_usage", "include_obfuscation"))
    for option, wanted in options.items():
        checks.boolean(wanted, (name, option))
    if not draft.body.get("stream"):
        raise invalid((name,), "goes with a stream only")
    draft.body[name] = {"include_usage": options.get("include_usage", False)}


def _take_strings(most: int, longest: int) -> Take:
    """One string or several, each a text."""

    def take(draft: Draft, name: str, value: Json) -> None:
        many = value if isinstance(value, list) else [value]
        if len(many) > most:
            raise invalid((name,), f"must be at most {most} strings")
        for index, one in enumerate(many):
            path = (name, index) if isinstance(value, list) else (name,)
            if len(checks.text(one, path)) > longest:
                raise invalid(path, f"is longer than {longest} characters")
            draft.text(one, "user", "parameter", path)
        if many:
            draft.body[name] = value

    return take


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


def _false(value: Json, path: tuple[str | int, ...]) -> Json:
    if value is not False:
        raise invalid(path, "must be false: what the proxy changes would still stand in it")
    return value


def _only_text(value: Json, path: tuple[str | int, ...]) -> Json:
    if value != ["text"]:
        raise invalid(path, 'must be ["text"]')
    return value


_BIAS: Final = checks.number(-100, 100)
_BOOLEAN: Final = _inert("true or false", checks.boolean)
_TEMPLATE: Final = _refused("what the model reads would no longer be what was inspected")
_UNREAD: Final = _refused("it carries input that cannot be inspected")
_GRAMMAR: Final = _refused("send a JSON schema as response_format")
_ENGINE: Final = _refused("it reaches into the model server")
_TOKENS: Final = _refused("it brings text of the answer past the guard")
_CACHE: Final = _refused("no caller chooses a cache")
_HOSTED: Final = _refused("it belongs to a hosted service")
_LEGACY: Final = _refused("send tools and tool_choice")
_MINE: Final = "who calls is known from the credentials, never from a field"

FIELDS: Final[Mapping[str, Field]] = {
    "model": Field("governed", "a name from GET /v1/models, byte-exact", _take_model),
    "messages": Field("governed", "every text, tool call and part is read; see below", take_messages),
    "tools": Field("governed", "functions; every text in them is read", take_tools),
    "tool_choice": Field("governed", "none, auto, required, or one of the tools", take_tool_choice),
    "response_format": Field(
        "governed", "text, json_object or json_schema; every text is read", take_response_format
    ),
    "documents": Field("governed", "strings or objects; labelled and withheld by id", take_documents),
    "stop": Field("governed", "up to 16 strings of up to 256 characters", _take_strings(16, 256)),
    "bad_words": Field("governed", "up to 64 strings of up to 256 characters", _take_strings(64, 256)),
    "stream": Field("governed", "true or false", _take_stream),
    "stream_options": Field(
        "governed", "include_usage; the upstream is always asked for usage", _take_stream_options
    ),
    # Sampling, by the names of OpenAI, vLLM, SGLang, llama.cpp and Ollama.
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "top_k": _whole(-1, 1_000_000),
    "min_p": _number(0, 1),
    "typical_p": _number(0, 1),
    "top_n_sigma": _number(-1, 100),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "repetition_penalty": _number(0, 10),
    "repeat_penalty": _number(0, 10),
    "repeat_last_n": _whole(-1, 1_000_000),
    "dry_multiplier": _number(0, 100),
    "dry_base": _number(0, 100),
    "dry_allowed_length": _whole(0, 1_000_000),
    "dry_penalty_last_n": _whole(-1, 1_000_000),
    "xtc_probability": _number(0, 1),
    "xtc_threshold": _number(0, 1),
    "dynatemp_range": _number(0, 10),
    "dynatemp_exponent": _number(0, 10),
    "mirostat": _whole(0, 2),
    "mirostat_tau": _number(0, 100),
    "mirostat_eta": _number(0, 1),
    "seed": _whole(-(2**53), 2**53),
    "n": _whole(1, CHOICES),
    "logit_bias": _unfactual("token ids with -100 to 100", _logit_bias),
    # Length and form of the answer.
    "max_tokens": _whole(1, ANSWER_TOKENS),
    "max_completion_tokens": _whole(1, ANSWER_TOKENS),
    "min_tokens": _whole(0, ANSWER_TOKENS),
    "stop_token_ids": _unfactual("up to 64 token ids", checks.items(0, 64, checks.whole(0, 10_000_000))),
    "ignore_eos": _BOOLEAN,
    "skip_special_tokens": _BOOLEAN,
    "spaces_between_special_tokens": _BOOLEAN,
    "include_stop_str_in_output": _BOOLEAN,
    "parallel_tool_calls": _BOOLEAN,
    "reasoning_effort": _word("none", "minimal", "low", "medium", "high", "xhigh"),
    "verbosity": _word("low", "medium", "high"),
    "include_reasoning": _BOOLEAN,
    "separate_reasoning": _BOOLEAN,
    "stream_reasoning": _BOOLEAN,
    "reasoning_format": _word("none", "auto", "deepseek", "deepseek-legacy"),
    # Accepted because clients send them, and kept here.
    "user": _dropped(_MINE, checks.text),
    "safety_identifier": _dropped(_MINE, checks.text),
    "metadata": _dropped("up to 16 strings; nothing behind the proxy needs them", _metadata),
    "prompt_cache_key": _dropped("no caller chooses a cache", checks.text),
    "store": _dropped("false; nothing is stored for later retrieval", _false),
    "logprobs": _dropped("false", _false),
    "top_logprobs": _dropped("0", checks.whole(0, 0)),
    "modalities": _dropped("text alone", _only_text),
    "service_tier": _dropped("auto or default", checks.one_of("auto", "default")),
    # What the model reads.
    "chat_template": _TEMPLATE,
    "chat_template_kwargs": _TEMPLATE,
    "add_generation_prompt": _TEMPLATE,
    "continue_final_message": _TEMPLATE,
    "add_special_tokens": _TEMPLATE,
    "echo": _TEMPLATE,
    "truncate_prompt_tokens": _TEMPLATE,
    "thinking_forced_open": _TEMPLATE,
    "prompt": _UNREAD,
    "suffix": _UNREAD,
    "input_ids": _UNREAD,
    "input_embeds": _UNREAD,
    "prompt_token_ids": _UNREAD,
    "prompt_embeds": _UNREAD,
    "image_data": _UNREAD,
    # What shapes the answer.
    "structured_outputs": _GRAMMAR,
    "structural_tag": _GRAMMAR,
    "grammar": _GRAMMAR,
    "grammar_lazy": _GRAMMAR,
    "json_schema": _GRAMMAR,
    "regex": _GRAMMAR,
    "ebnf": _GRAMMAR,
    "allowed_token_ids": _ENGINE,
    "samplers": _ENGINE,
    "dry_sequence_breakers": _ENGINE,
    "logits_processors": _ENGINE,
    "custom_logit_processor": _ENGINE,
    "custom_params": _ENGINE,
    "use_beam_search": _ENGINE,
    "best_of": _ENGINE,
    "length_penalty": _ENGINE,
    "n_predict": _refused("send max_tokens"),
    "n_probs": _TOKENS,
    "prompt_logprobs": _TOKENS,
    "return_token_ids": _TOKENS,
    "return_tokens_as_token_ids": _TOKENS,
    "return_hidden_states": _TOKENS,
    # What the server does.
    "vllm_xargs": _ENGINE,
    "kv_transfer_params": _ENGINE,
    "mm_processor_kwargs": _ENGINE,
    "extra_body": _refused("put its fields into the body itself, where they are read one by one"),
    "options": _ENGINE,
    "keep_alive": _ENGINE,
    "cache_salt": _CACHE,
    "cache_prompt": _CACHE,
    "prompt_cache_options": _CACHE,
    "prompt_cache_retention": _CACHE,
    "extra_key": _CACHE,
    "id_slot": _CACHE,
    "session_params": _ENGINE,
    "priority": _ENGINE,
    "request_id": _ENGINE,
    "rid": _ENGINE,
    "data_parallel_rank": _ENGINE,
    "bootstrap_host": _ENGINE,
    "bootstrap_port": _ENGINE,
    "bootstrap_room": _ENGINE,
    # What hosted services have, and what OpenAI left behind.
    "audio": _HOSTED,
    "prediction": _HOSTED,
    "web_search_options": _HOSTED,
    "moderation": _HOSTED,
    "functions": _LEGACY,
    "function_call": _LEGACY,
}

FAMILIES: Final[Mapping[str, Field]] = {"guided_": _GRAMMAR, "lora": _ENGINE}
"""Refused by how their names begin."""

GOVERNED: Final = tuple(name for name, field in FIELDS.items() if field.fate == "governed")
"""In the order in which they are read, so that segments stand in one order whatever way a body is written."""


def field_of(name: str) -> Field:
    """Raises RequestInvalid for a name that no one knows."""
    field = FIELDS.get(name)
    if field is None:
        field = next((one for beginning, one in FAMILIES.items() if name.startswith(beginning)), None)
    if field is None:
        raise checks.unknown((), name)
    return field
