"""A request of Anthropic's messages, said in OpenAI's chat: for servers that do not speak Anthropic's wire.

Runs after everything was inspected, and only moves what stands in the exchange's body: from blocks into
messages, parts and calls. What chat has no word for is NotTranslatable, by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from proxy.errors import NotTranslatable
from proxy.exchange import Exchange, Json
from proxy.wire import tree
from proxy.wire.anthropic.tools import MODES

Block = dict[str, Json]

FAILED: Final = "[The tool reported an error.]"
"""Stands before a result that is marked `is_error`; chat has no mark for it."""

PDF_NAME: Final = "document.pdf"

EFFORTS: Final = ((4_096, "low"), (16_384, "medium"))
"""A thinking budget below so many tokens, and the effort that says so in chat; from there on it is high."""


def chat_body(exchange: Exchange, model: str) -> bytes:
    """Raises NotTranslatable where chat has no word for what stands in the body."""
    body: Block = {}
    for name, value in exchange.body.items():
        if name in _MOVED:
            body.update(_MOVED[name](value))
        elif name not in _SAID_ELSEWHERE:
            body[name] = value  # sampling and length: the same names in both
    body |= _effort(exchange.body)
    body["messages"] = _messages(exchange.body)
    body["model"] = model
    if exchange.stream:
        body["stream_options"] = {"include_usage": True}
    return tree.dump(body)


def tokenize_body(exchange: Exchange, model: str) -> bytes:
    """The same prompt for vLLM's `/tokenize`. Raises NotTranslatable for what changes it unseen there."""
    asked = exchange.body
    for name in asked:
        if name not in _COUNTED and not _is_the_same_without(name, asked[name]):
            raise _no_word(name, f"The server of this model cannot count tokens with {name}.")
    body: Block = {"model": model, "messages": _messages(asked)}
    if "tools" in asked:
        body["tools"] = [_tool(tool) for tool in asked["tools"]]
    return tree.dump(body)


def _is_the_same_without(name: str, value: Block) -> bool:
    """What asks for nothing but what a server does by itself."""
    return (name, value.get("type")) in _DEFAULTS


def _messages(body: Mapping[str, Json]) -> list[Block]:
    if body["messages"][-1]["role"] == "assistant":
        raise _no_word(
            f"messages/{len(body['messages']) - 1}",
            "The server of this model cannot go on from the assistant's own words.",
        )
    messages = [{"role": "system", "content": _joined(body["system"])}] if "system" in body else []
    for index, message in enumerate(body["messages"]):
        messages.extend(_SAID_BY[message["role"]](message["content"], f"messages/{index}/content"))
    return messages


def _system(content: Json, _where: str) -> Iterator[Block]:
    yield {"role": "system", "content": _joined(content)}


def _user(content: Json, where: str) -> Iterator[Block]:
    """Results of tools first: in chat they must follow the calls at once."""
    blocks = _blocks(content)
    for index, block in enumerate(blocks):
        if block["type"] == "tool_result":
            yield _tool_message(block, f"{where}/{index}")
    said = [block for block in blocks if block["type"] != "tool_result"]
    if said or not blocks:
        yield {"role": "user", "content": _parts(said)}


def _assistant(content: Json, _where: str) -> Iterator[Block]:
    """Thoughts, words and calls have a place of their own each in one message of chat."""
    blocks = _blocks(content)
    words = [block["text"] for block in blocks if block["type"] == "text"]
    thoughts = [block["thinking"] for block in blocks if block["type"] == "thinking"]
    calls = [_call(block) for block in blocks if block["type"] == "tool_use"]
    message: Block = {"role": "assistant", "content": "\n".join(words) if words or not calls else None}
    if thoughts:
        message["reasoning_content"] = "\n".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    yield message


def _blocks(content: Json) -> list[Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)


def _joined(content: Json) -> str:
    return "\n".join(_words(block) for block in _blocks(content))


def _parts(blocks: Sequence[Block]) -> Json:
    """One text where there is nothing but text: not every server takes parts."""
    if all(_is_text(block) for block in blocks):
        return "\n".join(_words(block) for block in blocks)
    return [part for block in blocks for part in _as_parts(block)]


def _is_text(block: Block) -> bool:
    return not _is_pdf(block) and block["type"] != "image"


def _is_pdf(block: Block) -> bool:
    return bool(block["type"] == "document" and block["source"]["type"] == "base64")


def _as_parts(block: Block) -> Iterator[Block]:
    if block["type"] == "image":
        yield {"type": "image_url", "image_url": {"url": _data_url(block["source"])}}
    elif _is_pdf(block):
        if about := [block[name] for name in ("title", "context") if name in block]:
            yield {"type": "text", "text": "\n".join(about)}
        yield {"type": "file", "file": {"file_data": _data_url(block["source"]), "filename": PDF_NAME}}
    else:
        yield {"type": "text", "text": _words(block)}


def _data_url(source: Block) -> str:
    return f"data:{source['media_type']};base64,{source['data']}"


def _words(block: Block) -> str:
    """A block as text. What was handed over as a document stays recognisable as one."""
    if block["type"] == "text":
        return str(block["text"])
    if block["type"] == "search_result":
        told = [block["source"], block["title"], _joined(block["content"])]
        return "\n".join(["<search_result>", *told, "</search_result>"])
    source = block["source"]
    about = [block[name] for name in ("title", "context") if name in block]
    text = source["data"] if source["type"] == "text" else _joined(source["content"])
    return "\n".join(["<document>", *about, text, "</document>"])


def _tool_message(block: Block, where: str) -> Block:
    blocks = _blocks(block.get("content", ""))
    if not all(_is_text(one) for one in blocks):
        raise _no_word(where, "The server of this model takes text alone as the result of a tool.")
    failed = [FAILED] if block.get("is_error") else []
    content = "\n".join([*failed, *(_words(one) for one in blocks)])
    return {"role": "tool", "tool_call_id": block["tool_use_id"], "content": content}


def _call(block: Block) -> Block:
    function = {"name": block["name"], "arguments": tree.dump(block["input"]).decode()}
    return {"id": block["id"], "type": "function", "function": function}


def _tool(tool: Block) -> Block:
    names = {"name": "name", "description": "description", "strict": "strict", "input_schema": "parameters"}
    return {"type": "function", "function": {names[name]: tool[name] for name in tool}}


def _tool_choice(choice: Block) -> Block:
    moved: Block = {"tool_choice": MODES[choice["type"]]}
    if choice["type"] == "tool":
        moved["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    if "disable_parallel_tool_use" in choice:
        moved["parallel_tool_calls"] = not choice["disable_parallel_tool_use"]
    return moved


def _output_config(wanted: Block) -> Block:
    if "format" not in wanted:
        return {}
    schema = {"name": "answer", "schema": wanted["format"]["schema"]}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _effort(body: Mapping[str, Json]) -> Block:
    """The one word of chat for how much to think. A budget becomes a wish; `disabled` and `adaptive` are what
    a server does when nothing is said."""
    wanted = body.get("output_config", {}).get("effort")
    if wanted is not None:
        return {"reasoning_effort": "xhigh" if wanted == "max" else wanted}
    budget = body.get("thinking", {}).get("budget_tokens")
    if budget is None:
        return {}
    return {"reasoning_effort": next((word for most, word in EFFORTS if budget < most), "high")}


def _no_word(param: str, reason: str) -> NotTranslatable:
    return NotTranslatable(reason, param=param)


_SAID_BY: Final[Mapping[str, Callable[[Json, str], Iterator[Block]]]] = {
    "system": _system,
    "user": _user,
    "assistant": _assistant,
}
_SAID_ELSEWHERE: Final = frozenset({"system", "messages", "thinking"})
_DEFAULTS: Final = frozenset({("tool_choice", "auto"), ("thinking", "disabled"), ("thinking", "adaptive")})
_COUNTED: Final = frozenset({"model", "messages", "system", "tools"})

_MOVED: Final[Mapping[str, Callable[[Json], Block]]] = {
    "tools": lambda tools: {"tools": [_tool(tool) for tool in tools]},
    "tool_choice": _tool_choice,
    "output_config": _output_config,
    "stop_sequences": lambda strings: {"stop": strings},
}
"""What chat calls by another name, or nests."""
