"""Requests and answers that use every field: what becomes of each is found by tests/coverage."""

import json
from typing import Any

from tests.wire.openai_responses.upstreams import USAGE, response, sse

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "a title",
    "properties": {"city": {"type": "string", "description": "which one", "enum": ["Köln", "Bonn"]}},
    "required": ["city"],
    "additionalProperties": False,
}

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
    "logit_bias": {"7": 1},
    "max_output_tokens": 64,
    "min_tokens": 1,
    "stop_token_ids": [7],
    "ignore_eos": False,
    "skip_special_tokens": True,
    "spaces_between_special_tokens": True,
    "include_stop_str_in_output": False,
    "parallel_tool_calls": True,
    "store": False,
    "background": False,
    "include": [],
    "truncation": "disabled",
    "max_tool_calls": 3,
    "top_logprobs": 0,
    "user": "somebody",
    "safety_identifier": "somebody",
    "metadata": {"note": "words"},
    "prompt_cache_key": "words",
    "service_tier": "auto",
    "stream": True,
    "stream_options": {"include_obfuscation": False},
}

HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "be kind"}],
        "id": "msg_1",
        "status": "completed",
    },
    {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
    },
    {
        "type": "reasoning",
        "id": "rs_1",
        "status": "completed",
        "summary": [{"type": "summary_text", "text": "in short"}, {"type": "summary_text", "text": "so"}],
        "content": [{"type": "reasoning_text", "text": "at length"}],
        "encrypted_content": "",
    },
    {
        "type": "message",
        "role": "assistant",
        "id": "msg_2",
        "status": "completed",
        "phase": "commentary",
        "content": [
            {"type": "output_text", "text": "let me look", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "or not"},
        ],
    },
    {
        "type": "function_call",
        "id": "fc_1",
        "status": "completed",
        "call_id": "call_1",
        "name": "find",
        "arguments": '{"city": "Köln", "note": "a\\u0062"}',
    },
    {"type": "function_call", "call_id": "call_2", "name": "find", "arguments": "plain words"},
    {
        "type": "function_call_output",
        "id": "fo_1",
        "status": "completed",
        "call_id": "call_1",
        "output": "rain",
    },
    {
        "type": "function_call_output",
        "call_id": "call_2",
        "output": [{"type": "input_text", "text": "sun"}, {"type": "input_text", "text": "shine"}],
    },
    {"role": "assistant", "content": "it rains"},
    {"role": "user", "content": "and now?"},
]

MAXIMAL: dict[str, Any] = {
    "model": "m",
    "instructions": "answer in rhymes",
    "input": HISTORY,
    "tools": [
        {
            "type": "function",
            "name": "find",
            "description": "finds the weather",
            "strict": True,
            "parameters": SCHEMA,
        },
        {"type": "function", "name": "wait"},
    ],
    "tool_choice": {"type": "function", "name": "find"},
    "text": {
        "verbosity": "low",
        "format": {
            "type": "json_schema",
            "name": "report",
            "description": "what it is like",
            "strict": True,
            "schema": SCHEMA,
        },
    },
    "reasoning": {"effort": "low", "summary": "auto", "generate_summary": "auto"},
    "stop": ["halt", "end"],
    **SCALARS,
}

MEDIA: dict[str, Any] = {
    "model": "m",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                {"type": "input_file", "file_data": "data:text/plain;base64,AAAA", "filename": "notes.txt"},
            ],
        },
    ],
    "text": {"format": {"type": "json_object"}},
    "tools": [{"type": "function", "name": "find"}, {"type": "function", "name": "wait"}],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "find"}],
    },
    "stop": "so",
}

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "openai_responses": [MAXIMAL, MEDIA, {"model": "m", "input": "and now?", "tool_choice": "auto"}]
}

_REFUSED = """
    previous_response_id conversation prompt context_management background_options access_programs
    moderation image messages response_format max_tokens max_completion_tokens reasoning_effort
    documents n previous_input_messages enable_response_messages media_io_kwargs
    chat_template chat_template_kwargs add_generation_prompt continue_final_message
    add_special_tokens echo truncate_prompt_tokens thinking_forced_open suffix input_ids
    input_embeds prompt_token_ids prompt_embeds image_data structured_outputs structural_tag grammar
    grammar_lazy json_schema regex ebnf allowed_token_ids samplers dry_sequence_breakers
    logits_processors custom_logit_processor custom_params use_beam_search best_of length_penalty
    n_predict n_probs prompt_logprobs return_token_ids return_tokens_as_token_ids
    return_hidden_states vllm_xargs kv_transfer_params mm_processor_kwargs extra_body options
    keep_alive cache_salt cache_prompt prompt_cache_options prompt_cache_retention extra_key id_slot
    session_params priority request_id rid data_parallel_rank bootstrap_host bootstrap_port
    bootstrap_room audio prediction web_search_options functions function_call
    guided_json lora_path
"""
REFUSED: dict[str, dict[str, Any]] = {
    "openai_responses": dict.fromkeys(
        [*_REFUSED.split(), "input[].content[].file_id", "input[].content[].file_url"], "words"
    )
}

_BESIDE: dict[str, Any] = {
    "service_tier": "x",
    "metadata": {"note": "x"},
    "timings": {"note": "x"},
    "surprise": "x",
}

_ITEMS: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs_9",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm", "surprise": "x"}],
        "encrypted_content": "x",
    },
    {
        "type": "message",
        "id": "msg_9",
        "status": "completed",
        "role": "assistant",
        "content": [
            {
                "type": "output_text",
                "text": "so",
                "annotations": [{"title": "x"}],
                "logprobs": [{"token": "x"}],
            },
            {"type": "refusal", "refusal": "no"},
        ],
        "surprise": "x",
    },
    {
        "type": "function_call",
        "id": "fc_9",
        "call_id": "call_9",
        "name": "find",
        "arguments": '{"a": "b"}',
        "status": "completed",
    },
]

ANSWERS: dict[str, dict[str, bytes]] = {
    "openai_responses": {
        "whole": json.dumps(response(*_ITEMS, usage=USAGE, **_BESIDE)).encode(),
        "stream": sse(
            {"type": "response.created", "response": response(status="in_progress", **_BESIDE)},
            *(
                {"type": f"response.output_item.{what}", "output_index": place, "item": item, "surprise": "x"}
                for place, item in enumerate(_ITEMS)
                for what in ("added", "done")
            ),
            {"type": "response.completed", "response": response(*_ITEMS, usage=USAGE, **_BESIDE)},
        ),
    }
}
"""The request that these answer is the first one of `REQUESTS`."""
