"""The input of a response: its items, read by a closed schema. What is not named here is refused.

Nothing is stored on this side of the proxy, so an item's id names nothing: it is checked and left out. The
request around the items is `fields.py`; how they are spelled for a server, `request.py` and `chat.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.errors import RequestInvalid
from proxy.exchange import Json, Path, Unscannable
from proxy.wire import checks
from proxy.wire.draft import Draft, Source, invalid, where
from proxy.wire.openai_chat.messages import check_media

MOST_PARTS: Final = 1_024
"""Of one message, reasoning or tool's output: each becomes a segment or a file."""

Item = dict[str, Json]
ReadItem = Callable[[Draft, Item, Path], Item]
ReadPart = Callable[[Draft, Item, Path, "Voice"], Item]


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose text it is, in what kind of place, and the types of parts that may stand there."""

    role: str
    source: Source
    parts: Mapping[str, ReadPart]


def take_input(draft: Draft, name: str, value: Json) -> None:
    if isinstance(value, str):
        draft.text(value, "user", "message", (name,))
        draft.body[name] = value
        return
    if not isinstance(value, list) or not 1 <= len(value) <= draft.limits.messages:
        raise invalid((name,), f"must be a string or a list of 1 to {draft.limits.messages} items")
    draft.body[name] = [_item(draft, item, (name, index)) for index, item in enumerate(value)]


def _item(draft: Draft, item: Json, path: Path) -> Item:
    if not isinstance(item, dict):
        raise invalid(path, "must be an object")
    kind = item.get("type")
    if kind is None:
        kind = "message" if "role" in item else "item_reference"
    known = ITEMS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise _not_supported(kind, path)
    read, names = known
    members = checks.members(draft, item, path, {"type", "id", "status", *names})
    if "id" in members:
        checks.identifier(members.pop("id"), (*path, "id"))
    if "status" in members:  # vLLM goes on writing a last message that is not completed: the answer is ours
        _STATUSES(members.pop("status"), (*path, "status"))
    return {"type": kind, **read(draft, members, path)}


def _not_supported(kind: Json, path: Path) -> RequestInvalid:
    reason = REFUSED_ITEMS.get(kind) if isinstance(kind, str) else None
    if reason is None:
        return invalid((*path, "type"), f"must be one of {', '.join(ITEMS)}")
    place = where((*path, "type"))
    return RequestInvalid(f"{place}: items of type {kind} are not accepted: {reason}.", param=place)


def _message(draft: Draft, members: Item, path: Path) -> Item:
    role = _ROLES(members.get("role"), (*path, "role"))
    if "phase" in members:
        _PHASES(members["phase"], (*path, "phase"))
    voice = Voice(role, "message", PARTS[role])
    return {"role": role, "content": _texts(draft, members.get("content"), (*path, "content"), voice)}


def _call(draft: Draft, members: Item, path: Path) -> Item:
    call_id, name = _identifier(draft, members, "call_id", path), _identifier(draft, members, "name", path)
    text = checks.text(members.get("arguments"), (*path, "arguments"))
    arguments = draft.arguments(text, (*path, "arguments"))
    draft.call(name, arguments)
    return {"call_id": call_id, "name": name, "arguments": arguments}


def _output(draft: Draft, members: Item, path: Path) -> Item:
    call_id = _identifier(draft, members, "call_id", path, role="tool")
    voice = Voice("tool", "tool_result", PARTS["tool"])
    return {"call_id": call_id, "output": _texts(draft, members.get("output"), (*path, "output"), voice)}


def _reasoning(draft: Draft, members: Item, path: Path) -> Item:
    """Summary and content become one list: no server of open weights keeps them apart, and a document that is
    fenced over both is one document."""
    if members.get("encrypted_content"):
        raise invalid((*path, "encrypted_content"), "is not accepted: it cannot be inspected")
    parts: list[Item] = []
    for name, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
        given = members.get(name, [])
        if not isinstance(given, list) or len(given) > MOST_PARTS:
            raise invalid((*path, name), f"must be a list of at most {MOST_PARTS} parts")
        for index, part in enumerate(given):
            text = checks.members(draft, part, (*path, name, index), ("type", "text"))
            checks.one_of(kind)(text.get("type"), (*path, name, index, "type"))
            checks.text(text.get("text"), (*path, name, index, "text"))
            draft.text(text["text"], "assistant", "message", (*path, "content", len(parts), "text"))
            parts.append(text)
    return {"content": parts}


def _identifier(draft: Draft, members: Item, name: str, path: Path, *, role: str = "assistant") -> str:
    value = checks.identifier(members.get(name), (*path, name))
    draft.text(value, role, "name", (*path, name))
    return value


def _texts(draft: Draft, value: Json, path: Path, voice: Voice) -> Json:
    """A string, or a list of parts."""
    if isinstance(value, str):
        draft.text(value, voice.role, voice.source, path)
        return value
    if not isinstance(value, list) or len(value) > MOST_PARTS:
        raise invalid(path, f"must be a string or a list of at most {MOST_PARTS} parts")
    return [_part(draft, part, (*path, index), voice) for index, part in enumerate(value)]


def _part(draft: Draft, part: Json, path: Path, voice: Voice) -> Item:
    kind = part.get("type") if isinstance(part, dict) else None
    read = voice.parts.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise invalid(path, f"must be a part of type {' or '.join(voice.parts)}")
    return {"type": kind, **read(draft, part, path, voice)}


def _input_text(draft: Draft, part: Item, path: Path, voice: Voice) -> Item:
    members = checks.members(draft, part, path, ("type", "text"))
    draft.text(checks.text(members.get("text"), (*path, "text")), voice.role, voice.source, (*path, "text"))
    return {"text": members["text"]}


def _output_text(draft: Draft, part: Item, path: Path, voice: Voice) -> Item:
    """Clients send an answer back as they got it; ours have neither annotations nor log-probabilities."""
    members = checks.members(draft, part, path, ("type", "text", "annotations", "logprobs"))
    for name in ("annotations", "logprobs"):
        if members.get(name):
            raise invalid((*path, name), "must be empty")
    draft.text(checks.text(members.get("text"), (*path, "text")), voice.role, voice.source, (*path, "text"))
    return {"text": members["text"]}


def _refusal(draft: Draft, part: Item, path: Path, voice: Voice) -> Item:
    members = checks.members(draft, part, path, ("type", "refusal"))
    draft.text(
        checks.text(members.get("refusal"), (*path, "refusal")), voice.role, voice.source, (*path, "refusal")
    )
    return {"refusal": members["refusal"]}


def _image(draft: Draft, part: Item, path: Path, _voice: Voice) -> Item:
    members = checks.members(draft, part, path, ("type", "image_url", "detail", "file_id"))
    _no_stored_file(members, path)
    check_media(checks.text(members.get("image_url"), (*path, "image_url")), (*path, "image_url"))
    detail = _DETAILS(members.get("detail", "auto"), (*path, "detail"))
    draft.unscannable.append(Unscannable(where(path), "image"))
    return {"image_url": members["image_url"], "detail": detail}


def _file(draft: Draft, part: Item, path: Path, voice: Voice) -> Item:
    members = checks.members(draft, part, path, ("type", "file_data", "filename", "file_id", "file_url"))
    _no_stored_file(members, path)
    if "file_url" in members:
        raise invalid((*path, "file_url"), "is not accepted: files elsewhere are not fetched")
    check_media(checks.text(members.get("file_data"), (*path, "file_data")), (*path, "file_data"))
    taken: Item = {"file_data": members["file_data"]}
    if "filename" in members:
        name = checks.text(members["filename"], (*path, "filename"))
        if len(name) > 256:  # as long as file systems take them; a name is no place for prose
            raise invalid((*path, "filename"), "is longer than 256 characters")
        draft.text(name, voice.role, "name", (*path, "filename"))
        taken["filename"] = name
    draft.unscannable.append(Unscannable(where(path), "file"))
    return taken


def _no_stored_file(members: Item, path: Path) -> None:
    if "file_id" in members:
        raise invalid((*path, "file_id"), "is not accepted: a stored file is one that nobody here has read")


_ROLES: Final = checks.one_of("user", "assistant", "system", "developer")
_STATUSES: Final = checks.one_of("in_progress", "completed", "incomplete")
_PHASES: Final = checks.one_of("commentary", "final_answer")
_DETAILS: Final = checks.one_of("auto", "low", "high")

_MEDIA: Final[Mapping[str, ReadPart]] = {
    "input_text": _input_text,
    "input_image": _image,
    "input_file": _file,
}

PARTS: Final[Mapping[str, Mapping[str, ReadPart]]] = {
    "user": _MEDIA,
    "system": {"input_text": _input_text},
    "developer": {"input_text": _input_text},
    "assistant": {"output_text": _output_text, "refusal": _refusal},
    "tool": _MEDIA,
}
"""By whose text it is: the parts of a message, and of a tool's output."""

ITEMS: Final[Mapping[str, tuple[ReadItem, tuple[str, ...]]]] = {
    "message": (_message, ("role", "content", "phase")),
    "function_call": (_call, ("call_id", "name", "arguments")),
    "function_call_output": (_output, ("call_id", "output")),
    "reasoning": (_reasoning, ("summary", "content", "encrypted_content")),
}
"""An item's type: its reader, and the members that it may have beside `type`, `id` and `status`."""

_RUNS_ELSEWHERE: Final = "what it does, a hosted service does where nobody here can look"

REFUSED_ITEMS: Final[Mapping[str, str]] = {
    "item_reference": "nothing is stored here that it could refer to; send the item itself",
    "compaction": "its content is encrypted and cannot be inspected",
    "custom_tool_call": "send a function_call, whose arguments are JSON",
    "custom_tool_call_output": "send a function_call_output",
    **dict.fromkeys(
        (
            *("web_search_call", "file_search_call", "computer_call", "computer_call_output"),
            *("code_interpreter_call", "image_generation_call", "tool_search_call", "tool_search_output"),
            *("local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"),
            *("apply_patch_call", "apply_patch_call_output", "program", "program_output"),
            *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call"),
        ),
        _RUNS_ELSEWHERE,
    ),
}
