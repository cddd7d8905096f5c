"""Every field that an OpenAI chat request may or may not hold. Messages and tools are read in files of their
own. A test holds the page `docs/openai-chat.md` to this table.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.draft import invalid
from proxy.wire.fields import (
    ANSWER_TOKENS,
    BOOLEAN,
    HOSTED,
    MINE,
    TEMPLATE,
    UNREAD,
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
    word,
)
from proxy.wire.openai_chat.messages import take_messages
from proxy.wire.openai_chat.tools import take_documents, take_response_format, take_tool_choice, take_tools
from proxy.wire.openai_fields import (
    FAMILIES,
    LENGTH,
    SAMPLING,
    SERVER,
    SHAPING,
    UNREADABLE,
    take_stream_options,
)


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
    "stream_options": governed("include_usage; the upstream is always asked for usage", take_stream_options),
    # Sampling, by the names of OpenAI, vLLM, SGLang, llama.cpp and Ollama.
    **SAMPLING,
    # Length and form of the answer.
    "max_tokens": whole(1, ANSWER_TOKENS),
    "max_completion_tokens": whole(1, ANSWER_TOKENS),
    **LENGTH,
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
    **UNREADABLE,
    # What shapes the answer.
    **SHAPING,
    # What the server does.
    **SERVER,
    # What hosted services have, and what OpenAI left behind.
    "audio": HOSTED,
    "prediction": HOSTED,
    "web_search_options": HOSTED,
    "moderation": HOSTED,
    "functions": _LEGACY,
    "function_call": _LEGACY,
}

SCHEMA: Final = Schema(FIELDS, ("model", "messages"), FAMILIES)
