"""Requests and answers of TGI's that use every field: what becomes of each is found by tests/coverage.

The answers are shaped as a real server's: its OpenAPI document and its official client's types tell it.
"""

import json
from typing import Any

SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": "Where to look."}}}

PARAMETERS: dict[str, Any] = {
    "stop": ["Human:"],
    "max_new_tokens": 64,
    "do_sample": True,
    "temperature": 0.5,
    "top_k": 5,
    "top_p": 0.5,
    "typical_p": 0.5,
    "repetition_penalty": 1.5,
    "frequency_penalty": 0.5,
    "seed": 7,
    "watermark": False,
    "details": True,
    "return_full_text": False,
    "best_of": 1,
    "decoder_input_details": False,
}
NATIVE: dict[str, Any] = PARAMETERS | {"watermark": True, "grammar": {"type": "json", "value": SCHEMA}}

WHOLE: dict[str, Any] = {"inputs": "Where is Emma?", "parameters": PARAMETERS, "stream": False}
STREAM: dict[str, Any] = WHOLE | {"stream": True}

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "tgi": [STREAM, WHOLE | {"parameters": NATIVE}],
    "tgi_generate": [WHOLE, WHOLE | {"parameters": NATIVE}],
    "tgi_generate_stream": [STREAM, STREAM | {"parameters": NATIVE}],
}

_REFUSED: dict[str, Any] = {
    "parameters.truncate": 5,
    "parameters.top_n_tokens": 2,
    "parameters.adapter_id": "words",
    "parameters.best_of": 2,
    "parameters.decoder_input_details": True,
    "parameters.grammar": {"type": "regex", "value": "(a+)+"},
}
REFUSED: dict[str, dict[str, Any]] = dict.fromkeys(REQUESTS, _REFUSED)

DETAILS = {"finish_reason": "eos_token", "generated_tokens": 3, "seed": 7, "input_length": 5}


def token(text: str, *, special: bool = False, **beside: Any) -> dict[str, Any]:
    told = {"id": 7, "text": text, "logprob": -0.25, "special": special}
    return {"index": 1, "token": told, "generated_text": None, "details": None, **beside}


def sse(*events: dict[str, Any]) -> bytes:
    """As TGI frames them: no blank behind the colon."""
    return b"".join(b"data:" + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in events)


END = token("</s>", special=True, generated_text="Zoë, 😀", details=DETAILS)

ANSWERS_STREAM = sse(
    token("Zoë"),
    token(", 😀", surprise="x", top_tokens=[{"id": 7, "text": "x", "logprob": -0.25, "special": False}]),
    END,
)
ANSWERS_WHOLE = json.dumps(
    {
        "generated_text": "Zoë, 😀",
        "surprise": "x",
        "details": {
            **DETAILS,
            "prefill": [{"id": 7, "text": "x", "logprob": -0.25}],
            "tokens": [{"id": 7, "text": "x", "logprob": -0.25, "special": False}],
            "top_tokens": [[{"id": 7, "text": "x", "logprob": -0.25, "special": False}]],
        },
    }
).encode()

ANSWERS: dict[str, dict[str, bytes]] = {"tgi_generate": {"whole": ANSWERS_WHOLE, "stream": ANSWERS_STREAM}}
"""The request that these answer is the first one of `REQUESTS`."""
