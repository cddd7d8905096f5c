"""The messages of an OpenAI chat request, read by a closed schema: what is not named here is refused.

Every text becomes a segment; a part that no inspector can read is named as unscannable for the policies
to decide about. The request around the messages is `openai_request.py`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from proxy.exchange import Json, Path, Unscannable
from proxy.wire import checks
from proxy.wire.draft import Draft, Source, invalid, where

TOOL_CALLS: Final = 128
"""In one message; as many as OpenAI takes tools."""

_DROPPED: Final = object()
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_MEDIA_URL: Final = re.compile(r"data:[a-z]{1,16}/[a-z0-9.+-]{1,64};base64,")

Member = Callable[[Draft, str, Path, Json], Json]
"""Reads one member of a message (draft, role, path, value) and gives what is forwarded of it."""


def take_messages(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= draft.limits.messages:
        raise invalid((name,), f"must be a list of 1 to {draft.limits.messages} messages")
    draft.body[name] = [_message(draft, message, (name, index)) for index, message in enumerate(value)]


def _message(draft: Draft, message: Json, path: Path) -> dict[str, Json]:
    if not isinstance(message, dict):
        raise invalid(path, "must be an object")
    role = message.get("role")
    members = MEMBERS.get(role) if isinstance(role, str) else None
    if role is None or members is None:
        raise invalid((*path, "role"), f"must be one of {', '.join(MEMBERS)}")
    forwarded = {}
    for name, value in message.items():
        member = members.get(name)
        if member is None and (value is not None or name not in _NAMES):
            draft.unknown(path, name)
        if member is None or value is None:
            continue
        taken = member(draft, role, (*path, name), value)
        if taken is not _DROPPED:
            forwarded[name] = taken
    _check_whole(forwarded, path)
    return forwarded


def _check_whole(message: dict[str, Json], path: Path) -> None:
    role = message["role"]
    if role == "tool" and "tool_call_id" not in message:
        raise invalid((*path, "tool_call_id"), "must be a string")
    if "content" in message:
        return
    if role != "assistant" or len(message) == 1:
        raise invalid((*path, "content"), "must be a string or a list of parts")
    message["content"] = None  # templates ask for it, even beside tool calls


def _role(_draft: Draft, role: str, _path: Path, _value: Json) -> Json:
    return role


def _name(draft: Draft, role: str, path: Path, value: Json) -> Json:
    name = checks.text(value, path)
    if len(name) > 256:  # OpenAI takes 64; a name is no place for prose
        raise invalid(path, "is longer than 256 characters")
    draft.text(name, role, "name", path)
    return name


def _identifier(draft: Draft, role: str, path: Path, value: Json) -> Json:
    draft.text(checks.identifier(value, path), role, "name", path)
    return value


def _text(draft: Draft, role: str, path: Path, value: Json) -> Json:
    draft.text(checks.text(value, path), role, _source(role), path)
    return value


def _nothing(_draft: Draft, _role: str, path: Path, value: Json) -> Json:
    """Clients send an answer's message back as they got it, with the empty fields of hosted features."""
    if value:
        raise invalid(path, "is not supported")
    return _DROPPED


def _content(draft: Draft, role: str, path: Path, value: Json) -> Json:
    if isinstance(value, str):
        draft.text(value, role, _source(role), path)
        return value
    if not isinstance(value, list) or not value:
        raise invalid(path, "must be a string or a list of parts")
    return [_part(draft, role, (*path, index), part) for index, part in enumerate(value)]


def _part(draft: Draft, role: str, path: Path, part: Json) -> dict[str, Json]:
    kind = part.get("type") if isinstance(part, dict) else None
    take = PARTS.get(kind) if isinstance(kind, str) else None
    if take is None:
        raise invalid(path, "must be a part of type text, refusal, image_url, video_url, input_audio or file")
    roles, member, read = take
    if role not in roles:
        raise invalid(path, f"must not be of type {kind} in a message of role {role}")
    for name in part:
        if name not in ("type", member):
            draft.unknown(path, name)
    return {"type": kind, member: read(draft, role, (*path, member), part.get(member))}


def _media_url(draft: Draft, _role: str, path: Path, value: Json) -> Json:
    """An image or a video: named as unscannable, and never fetched from anywhere."""
    members = checks.members(draft, value, path, ("url", "detail"))
    url = checks.text(members.get("url"), (*path, "url"))
    check_media(url, (*path, "url"))
    if "detail" in members:
        _DETAIL(members["detail"], (*path, "detail"))
    kind = str(path[-1]).removesuffix("_url")
    draft.unscannable.append(Unscannable(where(path[:-1]), kind))
    return members


def _audio(draft: Draft, _role: str, path: Path, value: Json) -> Json:
    members = checks.members(draft, value, path, ("data", "format"))
    _check_base64(checks.text(members.get("data"), (*path, "data")), (*path, "data"))
    _AUDIO_FORMAT(members.get("format"), (*path, "format"))
    draft.unscannable.append(Unscannable(where(path[:-1]), "audio"))
    return members


def _file(draft: Draft, role: str, path: Path, value: Json) -> Json:
    """A file in the request itself; a `file_id` would name one that nobody here has read."""
    members = checks.members(draft, value, path, ("file_data", "filename"))
    check_media(checks.text(members.get("file_data"), (*path, "file_data")), (*path, "file_data"))
    if "filename" in members:
        _name(draft, role, (*path, "filename"), members["filename"])
    draft.unscannable.append(Unscannable(where(path[:-1]), "file"))
    return members


def _tool_calls(draft: Draft, _role: str, path: Path, value: Json) -> Json:
    if not isinstance(value, list) or len(value) > TOOL_CALLS:
        raise invalid(path, f"must be a list of at most {TOOL_CALLS} calls")
    return [_tool_call(draft, call, (*path, index)) for index, call in enumerate(value)] or _DROPPED


def _tool_call(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    call = checks.members(
        draft, value, path, ("id", "type", "function", "index")
    )  # `index`: from a streamed answer
    identifier = _identifier(draft, "assistant", (*path, "id"), call.get("id"))
    checks.one_of("function")(call.get("type", "function"), (*path, "type"))
    place = (*path, "function")
    function = checks.members(draft, call.get("function"), place, ("name", "arguments"))
    name = _identifier(draft, "assistant", (*place, "name"), function.get("name"))
    spelled = checks.text(function.get("arguments"), (*place, "arguments"))
    arguments = draft.arguments(spelled, (*place, "arguments"))
    draft.call(name, arguments)
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def check_media(url: str, path: Path) -> None:
    """Raises RequestInvalid for what is no base64 `data:` URL, in whatever dialect it stands."""
    head = _MEDIA_URL.match(url)
    if head is None:
        raise invalid(path, "must be a data: URL in base64; media elsewhere are not fetched")
    _check_base64(url, path, head.end())


def _check_base64(text: str, path: Path, start: int = 0) -> None:
    if _BASE64.fullmatch(text, start) is None:
        raise invalid(path, "must hold base64")


def _source(role: str) -> Source:
    return "tool_result" if role == "tool" else "message"


_DETAIL: Final = checks.one_of("auto", "low", "high")
_AUDIO_FORMAT: Final = checks.one_of("wav", "mp3")
_EVERYONE: Final = frozenset({"system", "developer", "user", "assistant", "tool"})

PARTS: Final[Mapping[str, tuple[frozenset[str], str, Member]]] = {
    "text": (_EVERYONE, "text", _text),
    "refusal": (frozenset({"assistant"}), "refusal", _text),
    "image_url": (frozenset({"user"}), "image_url", _media_url),
    "video_url": (frozenset({"user"}), "video_url", _media_url),
    "input_audio": (frozenset({"user"}), "input_audio", _audio),
    "file": (frozenset({"user"}), "file", _file),
}
"""A part's type: the roles that may send it, the member that holds it, and its reader."""

_SAID: Final[Mapping[str, Member]] = {"role": _role, "content": _content, "name": _name}

MEMBERS: Final[Mapping[str, Mapping[str, Member]]] = {
    "system": _SAID,
    "developer": _SAID,
    "user": _SAID,
    "assistant": {
        **_SAID,
        "tool_calls": _tool_calls,
        "refusal": _text,
        "reasoning_content": _text,
        "reasoning": _text,
        "annotations": _nothing,
        "audio": _nothing,
        "function_call": _nothing,
    },
    "tool": {**_SAID, "tool_call_id": _identifier},
}
"""What a message of each role may hold."""

_NAMES: Final = frozenset(name for members in MEMBERS.values() for name in members)
"""Of every role: `text-generation` sends a user's message with the empty fields of an assistant's."""
