"""Requests and answers that use every field: what becomes of each is found by tests/coverage."""

import json
from typing import Any

from tests.wire.openai_chat.examples import MEDIA
from tests.wire.openai_chat.requests import tool, user
from tests.wire.openai_chat.test_request import FULL

SCALARS: dict[str, Any] = {
    "truncate_prompt_tokens": -1,
    "truncation_side": "left",
    "max_tokens_per_query": 9,
    "max_tokens_per_doc": 9,
    "use_activation": True,
    "activation": True,
    "softmax": True,
    "user": "somebody",
}

RERANK: dict[str, Any] = {
    "model": "m",
    "query": "What is the sea?",
    "documents": ["Water.", {"text": "A dog."}, {"text": "Salt.", "id": "fin-2026-q3"}],
    "top_n": 2,
    "return_documents": True,
    **SCALARS,
}
SCORE: dict[str, Any] = {
    "model": "m",
    "text_1": "What is the sea?",
    "text_2": ["Water.", "A dog."],
    **SCALARS,
}
PAIRED: dict[str, Any] = {
    "model": "m",
    "queries": ["The sea?", "A dog?"],
    "documents": ["Water.", "It barks."],
}
ITEMS: dict[str, Any] = {"queries": "The sea?", "items": "Water."}
NUMBERED: dict[str, Any] = {"data_1": "The sea?", "data_2": ["Water."]}
TOKENIZE: dict[str, Any] = {
    "model": "m",
    "prompt": "The sea is",
    "add_special_tokens": True,
    "return_token_strs": False,
}
TOKENIZE_CHAT: dict[str, Any] = {
    "messages": [user("The sea?")],
    "tools": [tool("find", description="Finds it.")],
    "add_generation_prompt": True,
    "continue_final_message": False,
}
TOKENIZE_ALL: dict[str, Any] = {
    "messages": [*FULL["messages"], *MEDIA["messages"]],
    "tools": [*FULL["tools"], tool("find")],
}
DETOKENIZE: dict[str, Any] = {"model": "m", "tokens": [504, 3426, 314]}

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "vllm_rerank": [RERANK],
    "vllm_score": [SCORE, PAIRED, ITEMS, NUMBERED],
    "vllm_tokenize": [TOKENIZE, TOKENIZE_CHAT, TOKENIZE_ALL],
    "vllm_detokenize": [DETOKENIZE],
}

_TEMPLATE = "chat_template chat_template_kwargs mm_processor_kwargs lora_path"
_UNREAD = "input_ids input_embeds prompt_token_ids prompt_embeds image_data"
_SCORING = f"""
    {_UNREAD} {_TEMPLATE} instruction priority request_id rid cache_salt
"""
REFUSED: dict[str, dict[str, Any]] = {
    "vllm_rerank": dict.fromkeys(f"{_SCORING} rank_fields max_chunks_per_doc".split(), "words"),
    "vllm_score": dict.fromkeys(_SCORING.split(), "words"),
    "vllm_tokenize": dict.fromkeys(
        f"{_UNREAD} {_TEMPLATE} content with_pieces".split(),
        "words",
    ),
    "vllm_detokenize": dict.fromkeys(["add_special_tokens", "skip_special_tokens", "lora_path"], True),
}

USAGE = {"prompt_tokens": 9, "total_tokens": 9}

RANKED = json.dumps(
    {
        "id": "rerank-1",
        "object": "list",
        "created": 7,
        "model": "x",
        "surprise": "x",
        "meta": {"note": "x"},
        "results": [
            {"index": 2, "document": {"text": "x", "multi_modal": None}, "relevance_score": 0.9},
            {"index": 0, "document": {"text": "x"}, "relevance_score": 0.5, "surprise": "x"},
            {"index": 1, "document": "x", "relevance_score": 0.5},
        ],
        "usage": USAGE,
    }
).encode()
SCORED = json.dumps(
    {
        "id": "embd-1",
        "object": "list",
        "created": 7,
        "model": "x",
        "surprise": "x",
        "data": [
            {"index": 0, "object": "score", "score": 1},
            {"index": 1, "object": "score", "score": -0.25, "surprise": "x"},
        ],
        "usage": {**USAGE, "completion_tokens": 0, "prompt_tokens_details": None},
    }
).encode()
TOKENS = json.dumps(
    {"count": 3, "max_model_len": 8192, "tokens": [504, 3426, 314], "token_strs": ["x"], "surprise": "x"}
).encode()
WORDS = json.dumps({"prompt": "so", "surprise": "x"}).encode()

ANSWERS: dict[str, dict[str, bytes]] = {
    "vllm_rerank": {"whole": RANKED},
    "vllm_score": {"whole": SCORED},
    "vllm_tokenize": {"whole": TOKENS},
    "vllm_detokenize": {"whole": WORDS},
}
