"""A request for a response: read by its schema into an exchange, and written anew for a server that speaks
the same. Nothing of the caller's bytes survives, and nothing is stored: what it was, `chat.py` says in chat.
"""

from collections.abc import Iterator
from typing import Final

from proxy.exchange import Exchange, Json
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.draft import Draft
from proxy.wire.openai_responses.fields import SCHEMA
from proxy.wire.openai_responses.items import Item
from proxy.wire.openai_responses.tools import allowed

NAME: Final = "openai_responses"

_TOKEN_BOUNDS: Final = (("max_output_tokens",), ("min_tokens",))


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:  # noqa: ARG001  a response names its model
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    stream = draft.body.get("stream", False)
    exchange = draft.exchange(exchange_id, NAME, stream=stream, token_bounds=_TOKEN_BOUNDS)
    kept = allowed(body)
    if kept is None:
        return exchange
    # A model that is not shown a tool cannot call it, which is all that `allowed_tools` asks for.
    return tree.strip_tools(exchange, set(exchange.tools) - kept)


def upstream_body(exchange: Exchange, model: str) -> bytes:
    """The body for an upstream that knows the model as `model`. It is never asked to store anything."""
    body = {**exchange.body, "model": model, "store": False}
    if not isinstance(body["input"], str):
        body["input"] = list(_spelled(body["input"]))
    return tree.dump(body)


def _spelled(items: list[Item]) -> Iterator[Item]:
    """What the servers read differently, said so that all of them read all of it.

    vLLM takes the first part alone of what an assistant said or thought, and wants ids; llama.cpp takes no
    refusal, no empty reasoning and no summary in its place.
    """
    for index, item in enumerate(items):
        if item["type"] == "reasoning":
            if text := thought(item):
                part = {"type": "reasoning_text", "text": text}
                yield {"type": "reasoning", "id": f"rs_{index}", "summary": [], "content": [part]}
        elif item.get("role") == "assistant":
            words: Item = {"type": "output_text", "text": said(item), "annotations": []}
            yield {**item, "id": f"msg_{index}", "status": "completed", "content": [words]}
        else:
            yield item


def said(item: Item) -> str:
    """An assistant's message in one piece. What it refused with is what it said."""
    content = item["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] if part["type"] == "output_text" else part["refusal"] for part in content)


def thought(item: Item) -> str:
    """Reasoning in one piece; its parts are paragraphs."""
    return "\n\n".join(part["text"] for part in item["content"] if part["text"])
