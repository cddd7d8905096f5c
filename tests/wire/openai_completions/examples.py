"""Requests and answers that use every field: what becomes of each is found by tests/coverage."""

import json
from typing import Any

from tests.wire.openai_chat.examples import REFUSED as CHAT_REFUSED
from tests.wire.openai_chat.examples import SCALARS as CHAT_SCALARS

ENVELOPE = {
    "created": 1795487742,
    "id": "chatcmpl-AkkGkFP2",
    "model": "smollm2",
    "object": "text_completion",
    "system_fingerprint": "b0-unknown",
}
USAGE = {
    "completion_tokens": 5,
    "prompt_tokens": 3,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 2},
}

_NOT_HERE = {
    *("max_completion_tokens", "parallel_tool_calls", "reasoning_effort", "verbosity", "include_reasoning"),
    *("separate_reasoning", "stream_reasoning", "reasoning_format", "safety_identifier", "metadata"),
    *("prompt_cache_key", "store", "logprobs", "top_logprobs", "modalities", "service_tier"),
}

MAXIMAL: dict[str, Any] = {
    "model": "m",
    "prompt": ["The sea is", "A dog is"],
    "suffix": "and that is all.",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "sea", "description": "Waves.", "strict": True, "schema": {"title": "waves"}},
    },
    "stop": ["halt", "end"],
    "bad_words": ["bad", "worse"],
    "best_of": 1,
    "echo": False,
    **{name: value for name, value in CHAT_SCALARS.items() if name not in _NOT_HERE},
}
FILLING = {"model": "m", "prompt": "The sea is", "suffix": "blue.", "stop": "halt", "bad_words": "bad"}

REQUESTS: dict[str, list[dict[str, Any]]] = {"openai_completions": [MAXIMAL, FILLING]}

_ALLOWED = {
    *("add_generation_prompt", "continue_final_message", "thinking_forced_open", "prompt", "suffix", "echo"),
    *("audio", "prediction", "web_search_options", "moderation", "functions", "function_call"),
    *("chat_template_kwargs", "best_of"),
}

REFUSED: dict[str, dict[str, Any]] = {
    "openai_completions": {
        **{name: value for name, value in CHAT_REFUSED["openai_chat"].items() if name not in _ALLOWED},
        "logprobs": 1,
        "top_logprobs": 1,
        "messages": [{"role": "user", "content": "words"}],
        "input_prefix": "words",
        "input_suffix": "words",
        "input_extra": [{"text": "words"}],
        "max_repetition_pattern_size": 1,
        "min_repetition_pattern_size": 1,
        "repetition_min_count": 1,
        "n_keep": 1,
        "n_cache_reuse": 1,
        "t_max_predict_ms": 1,
        "return_tokens": True,
        "post_sampling_probs": True,
        "response_fields": ["content"],
    }
}


def sse(*chunks: dict[str, Any] | str) -> bytes:
    """Chunks, and whatever else stands in a stream, as events."""
    payloads = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in chunks]
    return "".join(f"data: {payload}\n\n" for payload in payloads).encode()


def choice(text: str, reason: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason, **members}


def chunk(*choices: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**ENVELOPE, "choices": list(choices), **members}


# Recorded from llama.cpp, but for the words.
LLAMA_WHOLE = json.dumps(
    chunk(choice(" a place, Zoë", "length"), usage=USAGE, timings={"cache_n": 0, "prompt_ms": 24.6})
).encode()
LLAMA = sse(
    chunk(choice(" a place")),
    chunk(choice(", Zoë")),
    chunk(choice("", "length"), usage=USAGE, timings={"cache_n": 2}),
    "[DONE]",
)
LLAMA_TWO = sse(
    "null",
    chunk(choice(" a", index=0)),
    chunk(choice(" is", index=1)),
    chunk(choice("", "length", 0), usage=USAGE),
    chunk(choice("", "stop", 1), usage={"completion_tokens": 2, "prompt_tokens": 4, "total_tokens": 6}),
    "[DONE]",
)
# After vLLM's protocol: the usage comes alone, after the last text.
VLLM = sse(
    chunk(choice(" a place", stop_reason=None, token_ids=None)),
    chunk(choice("", "stop", stop_reason="halt"), usage=None),
    chunk(usage=USAGE),
    "[DONE]",
)

_ODD = {"surprise": "x", "service_tier": "x", "metadata": {"note": "x"}}
_ODD_CHOICE = choice("so", "stop", stop_reason="x", matched_stop="x", surprise="x")

ANSWERS: dict[str, dict[str, bytes]] = {
    "openai_completions": {
        "whole": json.dumps(chunk(_ODD_CHOICE, usage=USAGE, timings={"note": "x"}, **_ODD)).encode(),
        "stream": sse(chunk(choice("so")), chunk(_ODD_CHOICE, usage=USAGE, **_ODD), "[DONE]"),
    }
}
