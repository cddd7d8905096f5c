"""Every field that a request of Anthropic's messages, or for their count of tokens, may or may not hold.

Messages and tools are read in files of their own. A test holds the page `docs/anthropic.md` to these tables.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.anthropic.blocks import check_cache_control, take_messages, take_system
from proxy.wire.anthropic.tools import take_output_config, take_thinking, take_tool_choice, take_tools
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import (
    ANSWER_TOKENS,
    CACHE,
    ENGINE,
    HOSTED,
    MINE,
    TEMPLATE,
    TOKENS,
    Field,
    Schema,
    dropped,
    governed,
    number,
    refused,
    take_model,
    take_stream,
    take_strings,
    whole,
)

_STRINGS: Final = take_strings(16, 256)


def _take_stop_sequences(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list):
        raise invalid((name,), "must be a list of strings")
    _STRINGS(draft, name, value)


def _take_cache_control(draft: Draft, name: str, value: Json) -> None:
    check_cache_control(draft, value, (name,))


def _user_id(value: Json, path: tuple[str | int, ...]) -> Json:
    if not isinstance(value, dict) or value.keys() - {"user_id"}:
        raise invalid(path, "must be an object with user_id alone")
    if value.get("user_id") is not None:
        checks.text(value["user_id"], (*path, "user_id"))
    return value


_TOLD: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models, byte-exact", take_model),
    "system": governed("a string or text blocks", take_system),
    "messages": governed("every text, tool call and block is read; see below", take_messages),
    "tools": governed("tools of the type custom; every text in them is read", take_tools),
    "tool_choice": governed("auto, any, none, or one of the tools", take_tool_choice),
    "output_config": governed("effort, and a JSON schema as format; every text is read", take_output_config),
    "thinking": Field("inert", "enabled with budget_tokens, disabled or adaptive", take_thinking),
}
"""What both requests hold."""

_KEPT: Final[Mapping[str, Field]] = {
    "cache_control": Field("not forwarded", "ephemeral; no caller chooses a cache", _take_cache_control),
    "speed": dropped("standard", checks.one_of("standard")),
}

_REFUSED: Final[Mapping[str, Field]] = {
    "output_format": refused("send it as the format of output_config"),
    "container": HOSTED,
    "mcp_servers": HOSTED,
    "context_management": HOSTED,
    "compaction": HOSTED,
    "thread": HOSTED,
    "diagnostics": HOSTED,
    "inference_geo": HOSTED,
    "fallbacks": HOSTED,
    "fallback_credit_token": HOSTED,
    "billing_policy": HOSTED,
    "user_profile_id": refused(MINE),
    "workspace_id": refused(MINE),
    # What the servers of open weights take beside.
    "chat_template": TEMPLATE,
    "chat_template_kwargs": TEMPLATE,
    "add_generation_prompt": TEMPLATE,
    "continue_final_message": TEMPLATE,
    "logprobs": TOKENS,
    "top_logprobs": TOKENS,
    "vllm_xargs": ENGINE,
    "kv_transfer_params": ENGINE,
    "mm_processor_kwargs": ENGINE,
    "options": ENGINE,
    "keep_alive": ENGINE,
    "priority": ENGINE,
    "cache_salt": CACHE,
    "cache_prompt": CACHE,
    "id_slot": CACHE,
}

FIELDS: Final[Mapping[str, Field]] = {
    **_TOLD,
    "stop_sequences": governed("up to 16 strings of up to 256 characters", _take_stop_sequences),
    "stream": governed("true or false", take_stream),
    "max_tokens": whole(1, ANSWER_TOKENS),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": whole(-1, 1_000_000),
    **_KEPT,
    "metadata": dropped(MINE, _user_id),
    "service_tier": dropped("auto or standard_only", checks.one_of("auto", "standard_only")),
    **_REFUSED,
}

COUNT_FIELDS: Final[Mapping[str, Field]] = {**_TOLD, **_KEPT, **_REFUSED}

FAMILIES: Final[Mapping[str, Field]] = {
    "guided_": refused("send a JSON schema as the format of output_config"),
    "lora": ENGINE,
}
SCHEMA: Final = Schema(FIELDS, ("model", "messages", "max_tokens"), FAMILIES)
COUNT_SCHEMA: Final = Schema(COUNT_FIELDS, ("model", "messages"), FAMILIES)
