"""Input documents for the parity test: whole ones, and ones with fields missing, null or of another type."""

import copy
import random
from collections.abc import Iterator
from typing import Any

WHOLE: dict[str, Any] = {
    "version": 1,
    "subject": {"id": "fiona", "tenant": "default", "groups": ["finance"], "clearances": []},
    "actor": {"id": "app"},
    "identity": {"method": "api_key"},
    "dialect": "openai_chat",
    "operation": "chat",
    "model": "smollm2",
    "upstream": {"name": "local", "residency": "eu"},
    "stream": True,
    "parameters": {"temperature": 0.2, "n": 1},
    "tools": [{"name": "read_ledger"}, {"name": "search_code"}],
    "messages": [{"role": "user", "source": "message", "chars": 20, "tokens": 5}],
    "documents": [
        {"id": "fin-2026-q3", "source": "field", "chars": 9},
        {"id": "#0", "source": "fence", "chars": 3},
    ],
    "unscannable": [],
    "tokens": {"prompt": 30, "requested": None},
}

PHASES: dict[str, dict[str, Any]] = {
    "admission": {},
    "prompt": {
        "entities": {"PERSON": 1},
        "soft": {
            "soft.no-weapons": {"status": "pass", "score": 0.1},
            "soft.no-secrets-request": {"status": "pending", "score": None},
        },
    },
    "tool_call": {"tool_call": {"name": "read_ledger", "arguments": {"path": "/é"}, "source": "model"}},
    "answer": {
        "answer": {
            "final": True,
            "lanes": [{"choice": 0, "kind": "content", "index": 0, "chars": 3}],
            "entities": {},
            "soft": {},
            "finish": {"0": "stop"},
            "usage": None,
            "documents": [],
        }
    },
}

# What a field may hold instead: every type, the edges of numbers, and words that the rules know.
OTHERS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 129, 4096, 4097, 2**53 - 1, 0.5, 1e-9, 4096.0, "", "finance", "everyone",
    "pass", "fail", "error", "engineering", "smollm2-finance", "é\u0000\U0001f600", "stop", [], [None],
    ["finance"], ["everyone", 1], [[]], [{}], {}, {"id": None}, {"name": "get_weather"}, {"status": "pass"},
    {"0": "stop"}, {"": {}}, [{"name": "x"}, {"name": None}], [{"kind": "image_url"}],
)  # fmt: skip


def whole() -> Iterator[dict[str, Any]]:
    for phase, part in PHASES.items():
        yield copy.deepcopy({**WHOLE, **part, "phase": phase})


def generated(count: int, seed: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)
    for _ in range(count):
        document = chance.choice(list(whole()))
        for _ in range(chance.randint(1, 4)):
            _change(document, chance)
        yield document


def _change(document: dict[str, Any], chance: random.Random) -> None:
    """One place, at any depth, loses its value or gets another one."""
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = chance.choice(keys)
        inner = place[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
            place = inner
            continue
        if chance.random() < 0.3:
            del place[key]
        else:
            place[key] = copy.deepcopy(chance.choice(OTHERS))
        return
