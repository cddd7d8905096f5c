"""Requests and answers that use every field: what becomes of each is found by tests/coverage."""

import json
from typing import Any

MAXIMAL: dict[str, Any] = {
    "model": "m",
    "input": ["The sea", "A dog"],
    "encoding_format": "float",
    "dimensions": 3,
    "truncate_prompt_tokens": -1,
    "normalize": True,
    "embd_normalize": 2,
    "user": "somebody",
}

REQUESTS: dict[str, list[dict[str, Any]]] = {"openai_embeddings": [MAXIMAL, {"model": "m", "input": "One"}]}

_REFUSED = """
    messages prompt content input_ids input_embeds prompt_token_ids prompt_embeds image_data input_type
    instruction prompt_name chat_template chat_template_kwargs add_generation_prompt continue_final_message
    add_special_tokens embed_dtype endianness mm_processor_kwargs options keep_alive priority request_id rid
    cache_salt lora_path
"""
REFUSED: dict[str, dict[str, Any]] = {"openai_embeddings": dict.fromkeys(_REFUSED.split(), "words")}

USAGE = {"prompt_tokens": 4, "total_tokens": 4}

# Recorded from llama.cpp, but for the length of the vectors.
LLAMA = json.dumps(
    {
        "model": "smollm2",
        "object": "list",
        "usage": USAGE,
        "data": [
            {"embedding": [-0.020694339647889137, -0.0019, 1], "index": 0, "object": "embedding"},
            {"embedding": [-0.011481503956019878, -0.0055, 0.0127], "index": 1, "object": "embedding"},
        ],
    }
).encode()
LLAMA_BASE64 = json.dumps(
    {
        "model": "smollm2",
        "object": "list",
        "usage": USAGE,
        "data": [
            {"embedding": text, "index": index, "object": "embedding", "encoding_format": "base64"}
            for index, text in enumerate(("LYepvMgs+bqvvxq5", "6xw8vDtHtrusRFA8"))
        ],
    }
).encode()

ANSWERS: dict[str, dict[str, bytes]] = {
    "openai_embeddings": {
        "whole": json.dumps(
            {
                "id": "embd-1",
                "object": "list",
                "created": 7,
                "model": "x",
                "surprise": "x",
                "data": [
                    {
                        "embedding": [0.5],
                        "index": 0,
                        "object": "embedding",
                        "encoding_format": "x",
                        "surprise": "x",
                    },
                    {"embedding": "AACAPw==", "index": 1, "object": "embedding"},
                ],
                "usage": USAGE,
            }
        ).encode()
    }
}
