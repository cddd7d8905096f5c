"""How the tests of this folder read a request, and what a wire makes of it."""

from typing import Any

import orjson

from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import strict_json
from proxy.wire.ollama import DIALECTS

LIMITS = Limits()
BY_NAME = {one.name: one for one in DIALECTS}


def read(name: str, body: Any, limits: Limits = LIMITS) -> Exchange:
    """As the door does it, through bytes."""
    parsed = strict_json.loads(orjson.dumps(body), depth=limits.json_depth)
    return BY_NAME[name].parse(parsed, exchange_id="x-1", limits=limits)


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages) or [{"role": "user", "content": "Hello"}], **fields}


def sent(name: str, body: Any, wire: str) -> Any:
    """The body that an upstream would get on this wire."""
    return orjson.loads(BY_NAME[name].wires[wire](read(name, body), "weights-1"))
