"""Requests and answers that use every field: what becomes of each is found by tests/coverage."""

import json
from typing import Any

TRUNCATION: dict[str, Any] = {"truncate": True, "truncation_direction": "left"}

EMBED: dict[str, Any] = {"inputs": ["The sea", "A dog"], "normalize": False, "dimensions": 3, **TRUNCATION}
RERANK: dict[str, Any] = {
    "query": "What is the sea?",
    "texts": ["Water.", "A dog.", "Salt."],
    "raw_scores": True,
    "return_text": True,
    **TRUNCATION,
}
PREDICT: dict[str, Any] = {"inputs": [["Lovely."], ["The sea", "Water."]], "raw_scores": True, **TRUNCATION}

REQUESTS: dict[str, list[dict[str, Any]]] = {
    "tei_embed": [EMBED, {"inputs": "One"}],
    "tei_rerank": [RERANK],
    "tei_predict": [PREDICT, {"inputs": "Lovely."}, {"inputs": ["The sea", "Water."]}],
}

_REFUSED: dict[str, Any] = {"prompt_name": "query", "parameters": {"truncate": True}, "model": "m"}
REFUSED: dict[str, dict[str, Any]] = dict.fromkeys(REQUESTS, _REFUSED)

VECTORS = json.dumps([[0.5, -0.25, 1], [0.0, 1e-3, 2.5]]).encode()
RANKS = json.dumps(
    [
        {"index": 2, "text": "x", "score": 0.9},
        {"index": 0, "score": 0.5, "surprise": "x"},
        {"index": 1, "score": 0.5},
    ]
).encode()
CLASSES = json.dumps(
    [
        [{"score": 0.9, "label": "very positive"}, {"score": 0.1, "label": "LABEL_1", "surprise": "x"}],
        [{"score": 1, "label": "5 stars"}],
    ]
).encode()

ANSWERS: dict[str, dict[str, bytes]] = {
    "tei_embed": {"whole": VECTORS},
    "tei_rerank": {"whole": RANKS},
    "tei_predict": {"whole": CLASSES},
}
