"""What every client is asked to ask, so that their answers can be held against each other."""

from typing import Any

STRANGE = "What does a stranger hear?"
MAIL = "emma.thompson@example.com"

ASKS: dict[str, Any] = {
    "system": "You are brief.",
    "user": "Write two short sentences about the sea.",
    "prompt": "The sea is",
    "strange": STRANGE,
    "weather": "What is the weather in Paris?",
    "tool": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
    "schema": {
        "type": "object",
        "properties": {"word": {"type": "string", "maxLength": 8}},
        "required": ["word"],
        "additionalProperties": False,
    },
    "private": f"Please write to {MAIL} today.",
    # A text that even a small model goes on with in one way only.
    "recall": f"mail: {MAIL}\nmail: {MAIL}\nmail: {MAIL}\nmail:",
    "max_tokens": 10,
    "seed": 3,
}
