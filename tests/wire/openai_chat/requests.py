"""Bodies for the tests of this folder, and their strings, found by another way than the code's."""

from collections.abc import Iterator
from typing import Any

import orjson

from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import strict_json
from proxy.wire.openai_chat.request import parse

LIMITS = Limits()


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages) or [{"role": "user", "content": "Hello"}], **fields}


def read(body: Any, limits: Limits = LIMITS) -> Exchange:
    """As the door does it, through bytes."""
    return parse(
        strict_json.loads(orjson.dumps(body), depth=limits.json_depth), exchange_id="x-1", limits=limits
    )


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def call(arguments: str, name: str = "find", call_id: str = "call_1") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": call_id, "type": "function", "function": function}]}


def tool(name: str = "find", /, **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def strings(value: Any) -> Iterator[str]:
    """Keys and strings of plain JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
