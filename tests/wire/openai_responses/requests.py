"""Bodies for the tests of this folder."""

from typing import Any

import orjson

from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import strict_json
from proxy.wire.openai_responses.chat import chat_body
from proxy.wire.openai_responses.request import parse, upstream_body

LIMITS = Limits()


def ask(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(items) or "Hello", **fields}


def user(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": content}


def read(body: Any, limits: Limits = LIMITS) -> Exchange:
    """As the door does it, through bytes."""
    return parse(
        strict_json.loads(orjson.dumps(body), depth=limits.json_depth), exchange_id="x-1", limits=limits
    )


def spelled(exchange: Exchange) -> Any:
    return orjson.loads(upstream_body(exchange, "echo"))


def in_chat(exchange: Exchange) -> Any:
    return orjson.loads(chat_body(exchange, "echo"))
