"""Requests with every field and shape that these dialects know, for whoever must try them all."""

import json
from typing import Any

from tests.wire.anthropic.requests import (
    ask,
    assistant,
    call,
    count,
    document,
    found,
    image,
    pdf,
    result,
    text,
    tool,
    user,
)
from tests.wire.anthropic.upstreams import (
    END,
    ENVELOPE,
    START,
    TOOL,
    USAGE,
    closed,
    delta,
    opened,
    sse,
    stopped,
    words,
)

KEPT = {"type": "ephemeral", "ttl": "5m"}
BESIDE: dict[str, Any] = {"citations": [], "cache_control": KEPT}
"""What clients send beside a text, and what is kept here."""

SCHEMA = {
    "type": "object",
    "properties": {
        "canary-property": {"type": "string", "description": "canary-doc", "enum": ["canary-enum"]},
        "n": {"type": "integer", "maximum": 2147483647, "default": 7654321},
    },
    "required": ["canary-property"],
}

_TOLD: dict[str, Any] = {
    "system": [text("canary-system", **BESIDE)],
    "tools": [
        tool(
            "canary-tool",
            type="custom",
            description="canary-description",
            strict=True,
            input_schema=SCHEMA,
            cache_control=KEPT,
            eager_input_streaming=True,
            defer_loading=False,
            allowed_callers=["direct"],
        )
    ],
    "cache_control": KEPT,
    "speed": "standard",
}
_MESSAGES = (
    user(
        text("canary-part", citations=None, cache_control=KEPT),
        document(
            "canary-plain", title="canary-title", context="canary-context", citations={"enabled": False}
        ),
        found("canary-found", "canary-source", "canary-heading"),
        {"type": "document", "source": {"type": "content", "content": [text("canary-inner", **BESIDE)]}},
    ),
    assistant(
        {"type": "thinking", "thinking": "canary-thought", "signature": "canary-signature"},
        text("canary-answer"),
        {
            **call({"canary-key": ["canary-argument", 1234567]}, "canary-called", "canary-id"),
            "caller": {"type": "direct"},
        },
    ),
    user(
        result(
            [
                text("canary-result", **BESIDE),
                document("canary-handed", context="canary-beside", cache_control=KEPT),
                found("canary-hit", "canary-from", "canary-name", **BESIDE),
            ],
            "canary-id",
            is_error=True,
            cache_control=KEPT,
        ),
        text("canary-next"),
    ),
    assistant("canary-string"),
    {"role": "system", "content": "canary-rules"},
    user(result("canary-short", "canary-other")),
)

FULL = ask(
    *_MESSAGES,
    **_TOLD,
    tool_choice={"type": "tool", "name": "canary-tool", "disable_parallel_tool_use": True},
    output_config={"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    thinking={"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
    stop_sequences=["canary-stop"],
    stream=True,
    temperature=0.5,
    top_p=0.5,
    top_k=5,
    metadata={"user_id": "somebody"},
    service_tier="auto",
)

MEDIA = ask(
    user(image(), pdf(title="canary-pdf", context="canary-about"), text("so")),
    system="canary-one",
    tools=[tool()],
    tool_choice={"type": "auto"},
    thinking={"type": "adaptive"},
)

SHOWN = ask(user(result([image(), pdf()])))
"""What only a server of the same wire has a word for."""

COUNTED = count(*_MESSAGES, **_TOLD, tool_choice={"type": "auto"}, thinking={"type": "disabled"})
UNCOUNTED = {name: FULL[name] for name in (*COUNTED, "output_config")} | {
    "thinking": FULL["thinking"],
    "tool_choice": FULL["tool_choice"],
}

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "anthropic_messages": [FULL, MEDIA, SHOWN],
    "anthropic_count_tokens": [COUNTED, UNCOUNTED, count(user(image(), pdf()))],
}

_REFUSED = """
    output_format container mcp_servers context_management compaction thread diagnostics inference_geo
    fallbacks fallback_credit_token billing_policy user_profile_id workspace_id chat_template
    chat_template_kwargs add_generation_prompt continue_final_message logprobs top_logprobs vllm_xargs
    kv_transfer_params mm_processor_kwargs options keep_alive priority cache_salt cache_prompt id_slot
    guided_json lora_path
"""
REFUSED: dict[str, dict[str, Any]] = {name: dict.fromkeys(_REFUSED.split(), "words") for name in REQUESTS}

_CALL = {**TOOL, "name": "canary-tool"}
_BESIDE = {"surprise": "x", "container": {"id": "x"}}

ANSWERS: dict[str, dict[str, bytes]] = {
    "anthropic_messages": {
        "whole": json.dumps(
            {
                **ENVELOPE,
                **_BESIDE,
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "x", "surprise": "x"},
                    {"type": "text", "text": "so", "citations": [{"cited_text": "x"}]},
                    {"type": "redacted_thinking", "data": "x"},
                    {**_CALL, "input": {"a": "b"}},
                ],
                "stop_reason": "tool_use",
                "stop_sequence": "x",
                "usage": USAGE | {"surprise": "x"},
            }
        ).encode(),
        "stream": sse(
            {**START, **_BESIDE, "message": {**START["message"], **_BESIDE}},
            {"type": "ping"},
            opened(0, type="thinking", thinking="h", signature="x"),
            delta(0, type="thinking_delta", thinking="m"),
            delta(0, type="signature_delta", signature="x"),
            closed(0),
            opened(1, type="text", text="s", citations=[{"cited_text": "x"}]),
            {**words(1, "o"), "surprise": "x"},
            delta(1, type="citations_delta", citation={"cited_text": "x"}),
            closed(1),
            opened(2, type="redacted_thinking", data="x"),
            closed(2),
            opened(3, **_CALL),
            delta(3, type="input_json_delta", partial_json='{"a": "b"}'),
            closed(3),
            stopped("tool_use", "x"),
            END,
        ),
    },
    "anthropic_count_tokens": {"whole": b'{"input_tokens": 32, "surprise": "x"}'},
}
"""The request that these answer is the first one of `REQUESTS`."""
