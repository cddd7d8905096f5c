"""Requests and answers that use every field: what becomes of each is found by tests/coverage."""

import json
from typing import Any

from tests.wire.openai_chat.requests import chat, tool, user
from tests.wire.openai_chat.test_request import FULL
from tests.wire.openai_chat.upstreams import ENVELOPE, USAGE, sse

SCALARS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "min_p": 0.5,
    "typical_p": 0.5,
    "top_n_sigma": 1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "repetition_penalty": 0.5,
    "repeat_penalty": 0.5,
    "repeat_last_n": 5,
    "dry_multiplier": 0.5,
    "dry_base": 0.5,
    "dry_allowed_length": 5,
    "dry_penalty_last_n": 5,
    "xtc_probability": 0.5,
    "xtc_threshold": 0.5,
    "dynatemp_range": 0.5,
    "dynatemp_exponent": 0.5,
    "mirostat": 1,
    "mirostat_tau": 0.5,
    "mirostat_eta": 0.5,
    "seed": 7,
    "n": 2,
    "max_tokens": 64,
    "max_completion_tokens": 64,
    "min_tokens": 1,
    "stop_token_ids": [7],
    "logit_bias": {"7": 1},
    "ignore_eos": False,
    "skip_special_tokens": True,
    "spaces_between_special_tokens": True,
    "include_stop_str_in_output": False,
    "parallel_tool_calls": True,
    "reasoning_effort": "low",
    "verbosity": "low",
    "include_reasoning": True,
    "separate_reasoning": True,
    "stream_reasoning": True,
    "reasoning_format": "auto",
    "user": "somebody",
    "safety_identifier": "somebody",
    "metadata": {"note": "words"},
    "prompt_cache_key": "words",
    "store": False,
    "logprobs": False,
    "top_logprobs": 0,
    "modalities": ["text"],
    "service_tier": "auto",
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
}

MEDIA = chat(
    user(
        [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "file", "file": {"file_data": "data:text/plain;base64,AAAA", "filename": "notes.txt"}},
        ]
    ),
    {
        "role": "assistant",
        "content": "so",
        "name": "helper",
        "annotations": [],
        "audio": {},
        "function_call": {},
        "tool_calls": [
            {"id": "a", "type": "function", "index": 0, "function": {"name": "find", "arguments": "{}"}}
        ],
    },
    {"role": "developer", "content": "so", "name": "helper"},
    {"role": "tool", "content": [{"type": "text", "text": "so"}], "tool_call_id": "a", "name": "find"},
    user("so") | {"name": "helper"},
    tools=[tool("find")],
    tool_choice="auto",
    response_format={"type": "json_object"},
    stop="so",
    bad_words="so",
)

REQUESTS: dict[str, list[dict[str, Any]]] = {"openai_chat": [FULL | SCALARS, MEDIA]}

_REFUSED = """
    chat_template chat_template_kwargs add_generation_prompt continue_final_message
    add_special_tokens echo truncate_prompt_tokens thinking_forced_open prompt suffix input_ids
    input_embeds prompt_token_ids prompt_embeds image_data structured_outputs structural_tag grammar
    grammar_lazy json_schema regex ebnf allowed_token_ids samplers dry_sequence_breakers
    logits_processors custom_logit_processor custom_params use_beam_search best_of length_penalty
    n_predict n_probs prompt_logprobs return_token_ids return_tokens_as_token_ids
    return_hidden_states vllm_xargs kv_transfer_params mm_processor_kwargs extra_body options
    keep_alive cache_salt cache_prompt prompt_cache_options prompt_cache_retention extra_key id_slot
    session_params priority request_id rid data_parallel_rank bootstrap_host bootstrap_port
    bootstrap_room audio prediction web_search_options moderation functions function_call
    guided_json lora_path
"""
REFUSED: dict[str, dict[str, Any]] = {"openai_chat": dict.fromkeys(_REFUSED.split(), "words")}

_CALL = {
    "id": "call_9",
    "type": "function",
    "function": {"name": "canary-function", "arguments": '{"a": "b"}'},
}
_SAID = {"role": "assistant", "content": "so", "reasoning_content": "hm", "refusal": "no"}
_BESIDE = {"service_tier": "x", "timings": {"note": "x"}, "metadata": {"note": "x"}, "surprise": "x"}
_CHOICE = {
    "index": 0,
    "finish_reason": "stop",
    "stop_reason": "x",
    "matched_stop": "x",
    "logprobs": {"content": [{"token": "x", "logprob": -0.1, "bytes": [120]}]},
    "content_filter_results": {"note": "x"},
}

_STREAM_CALL = {**_CALL, "index": 0}

ANSWERS: dict[str, dict[str, bytes]] = {
    "openai_chat": {
        "whole": json.dumps(
            {
                **ENVELOPE,
                **_BESIDE,
                "object": "chat.completion",
                "choices": [{**_CHOICE, "message": {**_SAID, "tool_calls": [_CALL], "surprise": "x"}}],
                "usage": USAGE,
            }
        ).encode(),
        "stream": sse(
            {
                "choices": [{"index": 0, "delta": {**_SAID, "surprise": "x"}, "finish_reason": None}],
                **_BESIDE,
            },
            {"choices": [{"index": 0, "delta": {"tool_calls": [_STREAM_CALL]}, "finish_reason": None}]},
            {"choices": [{**_CHOICE, "delta": {}}]},
            {"choices": [], "usage": USAGE},
            "[DONE]",
        ),
    }
}
"""The request that these answer is the first one of `REQUESTS`."""
