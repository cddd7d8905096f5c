"""A request for a response, said in OpenAI's chat: for servers that do not speak responses.

Runs after everything was inspected, and only moves what stands in the exchange's body: from items into
messages, from flat objects into nested ones.
"""

from collections.abc import Callable, Mapping
from typing import Final

from proxy.exchange import Exchange, Json
from proxy.wire import tree
from proxy.wire.dialect import untranslatable
from proxy.wire.openai_responses.items import Item
from proxy.wire.openai_responses.request import said, thought


def chat_body(exchange: Exchange, model: str) -> bytes:
    """Raises NotTranslatable where chat has no word for what stands in the body."""
    body: dict[str, Json] = {}
    for name, value in exchange.body.items():
        if name in _MOVED:
            body.update(_MOVED[name](value))
        elif name not in _SAID_BY_MESSAGES:
            body[name] = value  # sampling and length: the same names in both
    body["messages"] = _messages(exchange.body)
    body["model"] = model
    if exchange.stream:
        body["stream_options"] = {"include_usage": True}
    return tree.dump(body)


def _messages(body: Mapping[str, Json]) -> list[Item]:
    messages: list[Item] = []
    if "instructions" in body:
        messages.append({"role": "system", "content": body["instructions"]})
    asked = body["input"]
    if isinstance(asked, str):
        return [*messages, {"role": "user", "content": asked}]
    for index, item in enumerate(asked):
        if item["type"] == "function_call_output":
            messages.append(_tool_message(item, index))
        elif item["type"] == "message" and item["role"] != "assistant":
            messages.append({"role": item["role"], "content": _asked(item["content"])})
        else:
            _add_to_turn(messages, item)
    return messages


def _add_to_turn(messages: list[Item], item: Item) -> None:
    """What an assistant thought, said and called is one message in chat; two of a kind begin another."""
    member, value = _of_turn(item)
    if member == "reasoning_content" and not value:
        return
    turn = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
    if member == "tool_calls" and turn is not None:
        turn[member] = [*turn.get(member, []), *value]
    elif turn is None or turn.get(member) is not None or member == "reasoning_content":
        messages.append({"role": "assistant", "content": None, member: value})
    else:
        turn[member] = value


def _of_turn(item: Item) -> tuple[str, Json]:
    if item["type"] == "message":
        return "content", said(item)
    if item["type"] == "reasoning":
        return "reasoning_content", thought(item)
    function = {"name": item["name"], "arguments": item["arguments"]}
    return "tool_calls", [{"id": item["call_id"], "type": "function", "function": function}]


def _tool_message(item: Item, index: int) -> Item:
    output = item["output"]
    if not isinstance(output, str):
        if any(part["type"] != "input_text" for part in output):
            why = "The server of this model takes text alone as the output of a tool."
            raise untranslatable(("input", index, "output"), why)
        output = _asked(output)
    return {"role": "tool", "tool_call_id": item["call_id"], "content": output}


def _asked(content: Json) -> Json:
    if isinstance(content, str):
        return content
    return [_PARTS[part["type"]](part) for part in content] or ""


def _file(part: Item) -> Item:
    return {"type": "file", "file": {name: part[name] for name in part if name != "type"}}


def _tool(tool: Item) -> Item:
    return {"type": "function", "function": {name: tool[name] for name in tool if name != "type"}}


def _tool_choice(choice: Json) -> Json:
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice["name"]}}


def _text(text: Item) -> Item:
    moved = {}
    if "verbosity" in text:
        moved["verbosity"] = text["verbosity"]
    if "format" in text:
        moved["response_format"] = _format(text["format"])
    return moved


def _format(wanted: Item) -> Item:
    if wanted["type"] != "json_schema":
        return wanted
    schema = {name: wanted[name] for name in wanted if name != "type"}
    return {"type": "json_schema", "json_schema": schema}


_SAID_BY_MESSAGES: Final = frozenset({"instructions", "input"})

_MOVED: Final[Mapping[str, Callable[[Json], Item]]] = {
    "tools": lambda tools: {"tools": [_tool(tool) for tool in tools]},
    "tool_choice": lambda choice: {"tool_choice": _tool_choice(choice)},
    "text": _text,
    "reasoning": lambda reasoning: {"reasoning_effort": reasoning["effort"]},
    "max_output_tokens": lambda most: {"max_tokens": most},
}
"""What chat calls by another name, or nests."""

_PARTS: Final[Mapping[str, Callable[[Item], Item]]] = {
    "input_text": lambda part: {"type": "text", "text": part["text"]},
    "input_image": lambda part: {
        "type": "image_url",
        "image_url": {"url": part["image_url"], "detail": part["detail"]},
    },
    "input_file": _file,
}
