"""An inspected call of Ollama's as a call on OpenAI's wires: clean text moves, and nothing else is added.

What those wires have no word for raises NotTranslatable. `truncate` and `shift` need none: an
OpenAI-compatible server refuses what is too long for it, which is what false asks for and true allows.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Exchange, Json, Path
from proxy.wire import tree
from proxy.wire.dialect import untranslatable
from proxy.wire.ollama.options import chat_options

_BEGINNINGS: Final = {"iVBOR": "png", "/9j/": "jpeg", "UklGR": "webp", "R0lGOD": "gif"}
"""How the base64 of each kind of image begins: OpenAI's wire wants the kind said."""

_EFFORTS: Final[Mapping[Json, str]] = {False: "none", True: "medium"}


def chat(exchange: Exchange, model: str) -> bytes:
    """A chat on the wire `openai_chat`."""
    calls = _Calls()
    messages = [_message(one, ("messages", i), calls) for i, one in enumerate(exchange.body["messages"])]
    asked = {"model": model, "messages": messages, **_answer(exchange)}
    if "tools" in exchange.body:
        asked["tools"] = exchange.body["tools"]
    return tree.dump(asked)


def generate(exchange: Exchange, model: str) -> bytes:
    """A prompt on the wire `openai_chat`: Ollama, too, puts it into the model's template as a user's turn."""
    body = exchange.body
    if "suffix" in body:
        raise untranslatable(("suffix",))
    messages = [{"role": "system", "content": body["system"]}] if "system" in body else []
    messages.append({"role": "user", "content": _content(body["prompt"], body.get("images", []), ())})
    return tree.dump({"model": model, "messages": messages, **_answer(exchange)})


def embed(exchange: Exchange, model: str) -> bytes:
    """Texts on the wire `openai_embeddings`."""
    body = exchange.body
    for name in body.get("options", ()):
        raise untranslatable(("options", name))
    asked = {"model": model, "input": body.get("input", body.get("prompt")), "encoding_format": "float"}
    if "dimensions" in body:
        asked["dimensions"] = body["dimensions"]
    return tree.dump(asked)


class _Calls:
    """Ollama tells a tool's result by the tool's name and its order, OpenAI by the call's id. Ids are nine
    letters and digits, because templates of Mistral's models take no others."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str]] = []
        self._made = 0

    def open(self, call: Mapping[str, Json]) -> str:
        self._made += 1
        identifier = str(call.get("id", f"call{self._made:05}"))
        self._waiting.append((identifier, call["function"]["name"]))
        return identifier

    def close(self, message: Mapping[str, Json], path: Path) -> str:
        """The id of the call that this result answers: the one it says, else the oldest of its tool."""
        identifier, name = message.get("tool_call_id"), message.get("tool_name")
        for waiting in self._waiting:
            if identifier in (None, waiting[0]) and name in (None, waiting[1]):
                self._waiting.remove(waiting)
                return waiting[0]
        raise untranslatable(path, "A tool's result answers no call that stands before it.")


def _message(message: Mapping[str, Json], path: Path, calls: _Calls) -> dict[str, Json]:
    content = _content(message.get("content"), message.get("images", []), path)
    asked: dict[str, Json] = {"role": message["role"], "content": content}
    if "thinking" in message:
        asked["reasoning_content"] = message["thinking"]
    if "tool_calls" in message:
        asked["tool_calls"] = [_call(one, calls) for one in message["tool_calls"]]
    if message["role"] == "tool":
        asked["tool_call_id"] = calls.close(message, path)
    return asked


def _call(call: Mapping[str, Json], calls: _Calls) -> dict[str, Json]:
    function = call["function"]
    arguments = tree.dump(function["arguments"]).decode()
    return {
        "id": calls.open(call),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _content(text: str | None, images: list[str], path: Path) -> Json:
    if not images:
        return text
    parts: list[Json] = [{"type": "text", "text": text}]
    for index, image in enumerate(images):
        url = f"data:image/{_kind(image, (*path, 'images', index))};base64,{image}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def _kind(image: str, path: Path) -> str:
    for beginning, kind in _BEGINNINGS.items():
        if image.startswith(beginning):
            return kind
    raise untranslatable(path, "The image is none of the kinds that the model's server is told of.")


def _answer(exchange: Exchange) -> dict[str, Json]:
    """What is wanted of the answer. A stream is always asked for its usage."""
    body = exchange.body
    asked = chat_options(body.get("options", {}))
    if "think" in body:
        asked["reasoning_effort"] = _EFFORTS.get(body["think"], body["think"])
    if "format" in body:
        asked["response_format"] = _response_format(body["format"])
    asked["stream"] = exchange.stream
    if exchange.stream:
        asked["stream_options"] = {"include_usage": True}
    return asked


def _response_format(wanted: Json) -> Json:
    if wanted == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": wanted}}
