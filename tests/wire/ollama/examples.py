"""Requests and answers of Ollama's that use every field: what becomes of each is found by tests/coverage.

The answers have the shape of a real server's, as its documentation and its official client's types tell it.
"""

import json
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where to look."}},
    "required": ["city"],
}

OPTIONS: dict[str, Any] = {
    "stop": ["Human:"],
    "num_predict": 64,
    "temperature": 0.5,
    "top_k": 5,
    "top_p": 0.5,
    "min_p": 0.5,
    "typical_p": 0.5,
    "seed": 7,
    "repeat_penalty": 1.5,
    "repeat_last_n": 5,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "mirostat": 1,
    "mirostat_tau": 0.5,
    "mirostat_eta": 0.5,
}
"""Those that OpenAI's wire has a word for."""

ALL_OPTIONS: dict[str, Any] = OPTIONS | {"tfs_z": 0.5, "penalize_newline": True, "num_keep": 5}

ASKED: dict[str, Any] = {
    "stream": True,
    "think": True,
    "truncate": True,
    "shift": True,
    "logprobs": False,
    "top_logprobs": 0,
    "keep_alive": "5m",
}

IMAGE = "iVBORw0KGgoAAAA="

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You find cities."},
    {"role": "user", "content": "Where is Emma?", "images": [IMAGE]},
    {
        "role": "assistant",
        "content": "Let me look.",
        "thinking": "A tool may know.",
        "tool_calls": [
            {"id": "given1", "function": {"index": 0, "name": "find", "arguments": {"city": "Cologne"}}},
            {"type": "function", "function": {"name": "find", "arguments": {"at": ["Bonn", 5]}}},
        ],
    },
    {"role": "tool", "content": "On the Rhine.", "tool_name": "find", "tool_call_id": "given1"},
    {"role": "tool", "content": "Further south.", "tool_name": "find"},
    {"role": "user", "content": "And now?"},
]

TOOL = {
    "type": "function",
    "function": {"name": "find", "description": "Finds.", "strict": True, "parameters": SCHEMA},
}

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": MESSAGES,
    "tools": [TOOL],
    "format": SCHEMA,
    "options": OPTIONS,
    **ASKED,
}
GENERATE: dict[str, Any] = {
    "model": "m",
    "system": "You find cities.",
    "prompt": "Where is Emma?",
    "images": [IMAGE],
    "format": SCHEMA,
    "options": OPTIONS,
    **ASKED,
    "raw": False,
    "template": "",
    "context": [],
}
EMBED: dict[str, Any] = {
    "model": "m",
    "input": ["Where is Emma?", "And Zoë?"],
    "dimensions": 64,
    "truncate": True,
    "keep_alive": 60,
    "options": {},
}
EMBEDDINGS: dict[str, Any] = {"model": "m", "prompt": "Where is Emma?", "keep_alive": "5m", "options": {}}

NATIVE: dict[str, Any] = {"options": ALL_OPTIONS, "think": "low"}
"""What has words on Ollama's own wire alone."""

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "ollama_chat": [CHAT, CHAT | NATIVE | {"format": "json"}],
    "ollama_generate": [GENERATE, GENERATE | NATIVE | {"suffix": "…", "format": "json"}],
    "ollama_embed": [EMBED, EMBED | {"input": "one", "options": ALL_OPTIONS}],
    "ollama_embeddings": [EMBEDDINGS, EMBEDDINGS | {"options": ALL_OPTIONS}],
}

_LOADING = """
    num_ctx num_batch num_gpu main_gpu num_thread numa low_vram f16_kv logits_all vocab_only use_mmap
    use_mlock embedding_only
"""
_OPTIONS = {f"options.{name}": 1 for name in _LOADING.split()}

REFUSED: dict[str, dict[str, Any]] = {
    "ollama_chat": {**_OPTIONS, "logprobs": True, "top_logprobs": 2, "template": "words", "system": "words"},
    "ollama_generate": {
        **_OPTIONS,
        "logprobs": True,
        "top_logprobs": 2,
        "raw": True,
        "template": "words",
        "context": [1, 2],
        "width": 64,
        "height": 64,
        "steps": 2,
    },
    "ollama_embed": dict(_OPTIONS),
    "ollama_embeddings": dict(_OPTIONS),
}

CREATED = 1_702_390_423

_ENVELOPE: dict[str, Any] = {"model": "llama3.2", "created_at": "2023-12-12T14:13:43.416799385Z"}
_FIGURES: dict[str, Any] = {
    "total_duration": 5_191_566_416,
    "load_duration": 2_154_458,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 383_809_000,
    "eval_count": 298,
    "eval_duration": 4_799_921_000,
}
_CALL = {"id": "call_x", "function": {"index": 0, "name": "find", "arguments": {"city": "Köln"}}}
_BESIDE: dict[str, Any] = {"surprise": "x", "logprobs": [{"token": "x", "logprob": -0.1}]}


def lines(*chunks: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in chunks)


def said(**message: Any) -> dict[str, Any]:
    return {**_ENVELOPE, "message": {"role": "assistant", **message}, "done": False}


def written(text: str) -> dict[str, Any]:
    return {**_ENVELOPE, "response": text, "done": False}


END: dict[str, Any] = {
    **_ENVELOPE,
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    **_FIGURES,
}
GENERATE_END: dict[str, Any] = {
    **_ENVELOPE,
    "response": "",
    "done": True,
    "done_reason": "length",
    "context": [1, 2, 3],
    **_FIGURES,
}

CHAT_STREAM = lines(
    said(content="", thinking="Hm"),
    said(content="Zoë"),
    said(content=", 😀", images=["x"], surprise="x") | _BESIDE,
    said(content="", tool_calls=[_CALL]),
    END,
)
CHAT_WHOLE = json.dumps(
    END
    | _BESIDE
    | {"message": {"role": "assistant", "content": "Zoë", "thinking": "Hm", "tool_calls": [_CALL]}}
).encode()
GENERATE_STREAM = lines(
    {**_ENVELOPE, "response": "", "thinking": "Hm", "done": False},
    written("Zoë"),
    written(", 😀") | _BESIDE,
    GENERATE_END,
)
GENERATE_WHOLE = json.dumps(GENERATE_END | _BESIDE | {"response": "Zoë", "thinking": "Hm"}).encode()
EMBED_WHOLE = json.dumps(
    {
        "model": "all-minilm",
        "embeddings": [[0.25, -0.5, 1], [0.0, 0.5, 2]],
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": 8,
        "surprise": "x",
    }
).encode()

ANSWERS: dict[str, dict[str, bytes]] = {
    "ollama_chat": {"whole": CHAT_WHOLE, "stream": CHAT_STREAM},
    "ollama_generate": {"whole": GENERATE_WHOLE, "stream": GENERATE_STREAM},
    "ollama_embed": {"whole": EMBED_WHOLE},
}
"""The request that these answer is the first one of `REQUESTS`."""
