"""The messages of an Ollama chat, read by a closed schema: what is not named here is refused.

Arguments of tool calls are objects here, not strings; images are bare base64.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from proxy.exchange import Json, Path, Unscannable
from proxy.wire import checks
from proxy.wire.draft import Draft, Source, invalid, where

TOOL_CALLS: Final = 128
"""In one message; as many as OpenAI takes tools."""

IMAGES: Final = 64
"""In one message; beyond what any model looks at."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")

_Member = Callable[[Draft, str, Path, Json], Json]
"""Reads one member of a message (draft, role, path, value) and gives what is forwarded of it."""


def take_messages(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= draft.limits.messages:
        raise invalid((name,), f"must be a list of 1 to {draft.limits.messages} messages")
    draft.body[name] = [_message(draft, message, (name, index)) for index, message in enumerate(value)]


def images(draft: Draft, path: Path, value: Json) -> list[str]:
    """Named as unscannable, one by one. Raises RequestInvalid for what is no base64."""
    if not isinstance(value, list) or len(value) > IMAGES:
        raise invalid(path, f"must be a list of at most {IMAGES} images")
    for index, image in enumerate(value):
        place = (*path, index)
        if _BASE64.fullmatch(checks.text(image, place)) is None:
            raise invalid(place, "must be base64; images elsewhere are not fetched")
        draft.unscannable.append(Unscannable(where(place), "image"))
    return value


def _message(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    role = value.get("role") if isinstance(value, dict) else None
    table = MEMBERS.get(role) if isinstance(role, str) else None
    if not isinstance(role, str) or table is None:
        raise invalid((*path, "role"), f"must be one of {', '.join(MEMBERS)}")
    given = checks.members(draft, value, path, ("role", *table))
    taken: dict[str, Json] = {"role": role}
    for name, read in table.items():
        if name in given:
            taken[name] = read(draft, role, (*path, name), given[name])
    message = {name: one for name, one in taken.items() if one != []}
    if "content" not in message and (role != "assistant" or len(message) == 1):
        raise invalid((*path, "content"), "must be a string")
    return message


def _text(draft: Draft, role: str, path: Path, value: Json) -> Json:
    source: Source = "tool_result" if role == "tool" else "message"
    draft.text(checks.text(value, path), role, source, path)
    return value


def _images(draft: Draft, _role: str, path: Path, value: Json) -> Json:
    return images(draft, path, value)


def _no_images(_draft: Draft, _role: str, path: Path, value: Json) -> Json:
    """LiteLLM sends an empty list beside the text of every message."""
    if value != []:
        raise invalid(path, "must be empty in a message of this role")
    return value


def _identifier(draft: Draft, role: str, path: Path, value: Json) -> Json:
    draft.text(checks.identifier(value, path), role, "name", path)
    return value


def _calls(draft: Draft, _role: str, path: Path, value: Json) -> Json:
    if not isinstance(value, list) or len(value) > TOOL_CALLS:
        raise invalid(path, f"must be a list of at most {TOOL_CALLS} calls")
    return [_call(draft, call, (*path, index)) for index, call in enumerate(value)]


def _call(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    call = checks.members(draft, value, path, ("id", "type", "function"))
    checks.one_of("function")(call.get("type", "function"), (*path, "type"))
    place = (*path, "function")
    function = checks.members(draft, call.get("function"), place, ("index", "name", "arguments"))
    if "index" in function:
        checks.whole(0, TOOL_CALLS)(function["index"], (*place, "index"))
    name = _identifier(draft, "assistant", (*place, "name"), function.get("name"))
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        raise invalid((*place, "arguments"), "must be an object")
    draft.leaves(arguments, "assistant", "tool_call", (*place, "arguments"))
    draft.call(name, arguments)
    taken: dict[str, Json] = {"function": {**function, "name": name, "arguments": arguments}}
    if "id" in call:
        taken["id"] = _identifier(draft, "assistant", (*path, "id"), call["id"])
    return taken


MEMBERS: Final[Mapping[str, Mapping[str, _Member]]] = {
    "system": {"content": _text, "images": _no_images},
    "user": {"content": _text, "images": _images},
    "assistant": {"content": _text, "images": _no_images, "thinking": _text, "tool_calls": _calls},
    "tool": {
        "content": _text,
        "images": _no_images,
        "tool_name": _identifier,
        "tool_call_id": _identifier,
    },
}
"""What a message of each role may hold."""
