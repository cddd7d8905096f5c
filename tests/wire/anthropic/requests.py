"""Bodies for the tests of this folder, and their strings, found by another way than the code's."""

from collections.abc import Iterator
from typing import Any

import orjson

from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import strict_json
from proxy.wire.anthropic.request import parse, parse_count

LIMITS = Limits()


def ask(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 64, "messages": list(messages) or [user("Hello")], **fields}


def count(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages) or [user("Hello")], **fields}


def read(body: Any, limits: Limits = LIMITS) -> Exchange:
    """As the door does it, through bytes."""
    plain = strict_json.loads(orjson.dumps(body), depth=limits.json_depth)
    return parse(plain, exchange_id="x-1", limits=limits)


def read_count(body: Any) -> Exchange:
    return parse_count(body, exchange_id="x-1", limits=LIMITS)


def user(*blocks: Any) -> dict[str, Any]:
    """One string, or blocks."""
    return {"role": "user", "content": blocks[0] if isinstance(blocks[0], str) else list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def text(said: str, **members: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **members}


def document(said: str, **members: Any) -> dict[str, Any]:
    source = {"type": "text", "media_type": "text/plain", "data": said}
    return {"type": "document", "source": source, **members}


def pdf(**members: Any) -> dict[str, Any]:
    source = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
    return {"type": "document", "source": source, **members}


def image(data: str = "AAAA") -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def found(
    said: str, source: str = "https://example.org/a", title: str = "A", **members: Any
) -> dict[str, Any]:
    """`members`: of the text in it."""
    return {"type": "search_result", "source": source, "title": title, "content": [text(said, **members)]}


def call(given: Any, name: str = "find", call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(content: Any, call_id: str = "call_1", **members: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **members}


def tool(name: str = "find", **members: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": {"type": "object"}, **members}


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
