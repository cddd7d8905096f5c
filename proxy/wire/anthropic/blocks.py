"""The content of Anthropic's messages: blocks, read by a closed schema. What is not named here is refused.

Every text becomes a segment, a document or a search result an entry that can be withheld, an image or a PDF
is named as unscannable. Signatures and cache marks are checked and left out: no server of open weights
knows what they mean. The request around the messages is `fields.py`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from proxy.errors import RequestInvalid
from proxy.exchange import Entry, Json, Path, Unscannable
from proxy.wire import checks
from proxy.wire.draft import Draft, Source, invalid, where

MOST_BLOCKS: Final = 1_024
"""Of one message or tool result: each becomes a segment, a document or a file."""

Members = dict[str, Json]
ReadBlock = Callable[[Draft, Members, Path, "Voice"], Members]
"""Reads the known members of a block (draft, members, path, voice) and gives what is forwarded of them."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose words stand in a list of blocks, in what kind of place, and which types may stand there."""

    role: str
    source: Source
    blocks: tuple[str, ...]


def take_messages(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= draft.limits.messages:
        raise invalid((name,), f"must be a list of 1 to {draft.limits.messages} messages")
    draft.body[name] = [_message(draft, message, (name, index)) for index, message in enumerate(value)]


def take_system(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = _content(draft, value, (name,), VOICES["system"])


def check_cache_control(draft: Draft, value: Json, path: Path) -> None:
    """Where Anthropic's own service keeps a prompt for re-use; here no caller chooses a cache."""
    mark = checks.members(draft, value, path, ("type", "ttl"))
    _EPHEMERAL(mark.get("type"), (*path, "type"))
    if "ttl" in mark:
        _TTLS(mark["ttl"], (*path, "ttl"))


def _message(draft: Draft, value: Json, path: Path) -> Members:
    message = checks.members(draft, value, path, ("role", "content"))
    role = _ROLES(message.get("role"), (*path, "role"))
    return {
        "role": role,
        "content": _content(draft, message.get("content"), (*path, "content"), VOICES[role]),
    }


def _content(draft: Draft, value: Json, path: Path, voice: Voice) -> Json:
    """A string, or a list of blocks."""
    if isinstance(value, str):
        draft.text(value, voice.role, voice.source, path)
        return value
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_BLOCKS:
        raise invalid(path, f"must be a string or a list of 1 to {MOST_BLOCKS} blocks")
    return [_block(draft, block, (*path, index), voice) for index, block in enumerate(value)]


def _block(draft: Draft, value: Json, path: Path, voice: Voice) -> Members:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in voice.blocks:
        raise _no_block(kind, path, voice)
    names, read = BLOCKS[kind]
    members = checks.members(draft, value, path, {"type", "cache_control", *names})
    if "cache_control" in members:
        check_cache_control(draft, members["cache_control"], (*path, "cache_control"))
    return {"type": kind, **read(draft, members, path, voice)}


def _no_block(kind: Json, path: Path, voice: Voice) -> RequestInvalid:
    reason = REFUSED_BLOCKS.get(kind) if isinstance(kind, str) else None
    if reason is None:
        return invalid(path, f"must be a block of type {' or '.join(voice.blocks)}")
    place = where(path)
    return RequestInvalid(f"{place}: blocks of type {kind} are not accepted: {reason}.", param=place)


def _text(draft: Draft, members: Members, path: Path, voice: Voice) -> Members:
    """Clients send an answer's block back as they got it; ours have no citations."""
    if members.get("citations"):
        raise invalid((*path, "citations"), "must be empty")
    return {"text": _said(draft, members, "text", path, voice)}


def _thinking(draft: Draft, members: Members, path: Path, voice: Voice) -> Members:
    if "signature" in members:
        checks.text(members["signature"], (*path, "signature"))
    return {"thinking": _said(draft, members, "thinking", path, voice)}


def _tool_use(draft: Draft, members: Members, path: Path, _voice: Voice) -> Members:
    name = _identifier(draft, members, "name", path, "assistant")
    if "caller" in members:
        caller = checks.members(draft, members["caller"], (*path, "caller"), ("type",))
        _DIRECT(caller.get("type"), (*path, "caller", "type"))
    given = members.get("input")
    if not isinstance(given, dict):
        raise invalid((*path, "input"), "must be an object")
    draft.leaves(given, "assistant", "tool_call", (*path, "input"))
    draft.call(name, given)
    return {"id": _identifier(draft, members, "id", path, "assistant"), "name": name, "input": given}


def _tool_result(draft: Draft, members: Members, path: Path, _voice: Voice) -> Members:
    taken: Members = {"tool_use_id": _identifier(draft, members, "tool_use_id", path, "tool")}
    if "content" in members:
        content = "" if members["content"] == [] else members["content"]
        taken["content"] = _content(draft, content, (*path, "content"), RESULT)
    if "is_error" in members:
        taken["is_error"] = checks.boolean(members["is_error"], (*path, "is_error"))
    return taken


def _image(draft: Draft, members: Members, path: Path, _voice: Voice) -> Members:
    source = _in_base64(draft, members.get("source"), (*path, "source"), _IMAGES)
    draft.unscannable.append(Unscannable(where(path), "image"))
    return {"source": source}


def _document(draft: Draft, members: Members, path: Path, voice: Voice) -> Members:
    """A PDF cannot be read here; under its title it can be withheld like any other document."""
    _no_citations(draft, members, path)
    source, place = members.get("source"), (*path, "source")
    kind = source.get("type") if isinstance(source, dict) else None
    words = replace(voice, source="document", blocks=("text",))
    taken: Members = {}
    for name in ("title", "context"):  # before the text, as chat says them: a fence may begin in them
        if name in members:
            taken[name] = _said(draft, members, name, path, words)
    if kind == "base64":
        taken["source"] = _in_base64(draft, source, place, _PDF)
        draft.unscannable.append(Unscannable(where(path), "file"))
    elif kind == "text":
        taken["source"] = _plain_text(draft, source, place, words)
    elif kind == "content":
        given = checks.members(draft, source, place, ("type", "content"))
        content = _content(draft, given.get("content"), (*place, "content"), words)
        taken["source"] = {"type": "content", "content": content}
    else:
        raise invalid(
            (*place, "type"), "must be text, content or base64; documents elsewhere are not fetched"
        )
    _entry(draft, path, members.get("title"))
    return taken


def _plain_text(draft: Draft, value: Json, path: Path, voice: Voice) -> Members:
    source = checks.members(draft, value, path, ("type", "media_type", "data"))
    media_type = _PLAIN(source.get("media_type"), (*path, "media_type"))
    return {"type": "text", "media_type": media_type, "data": _said(draft, source, "data", path, voice)}


def _search_result(draft: Draft, members: Members, path: Path, voice: Voice) -> Members:
    _no_citations(draft, members, path)
    words = replace(voice, source="document", blocks=("text",))
    taken = {name: _said(draft, members, name, path, words) for name in ("source", "title")}
    content = members.get("content")
    if not isinstance(content, list):
        raise invalid((*path, "content"), "must be a list of blocks")
    _entry(draft, path, members["source"])
    return {**taken, "content": _content(draft, content, (*path, "content"), words)}


def _entry(draft: Draft, path: Path, claim: Json) -> None:
    """What identifies is one word; a title of several is prose, and no policy could know it."""
    ids = (claim,) if isinstance(claim, str) and _IDENTIFIES.fullmatch(claim) else ()
    draft.entries.append(Entry(path, ids, notice=(("type", "text"),), text_key="text"))


def _no_citations(draft: Draft, members: Members, path: Path) -> None:
    """No server of open weights cites; what asks for it would not get it."""
    if "citations" in members:
        wanted = checks.members(draft, members["citations"], (*path, "citations"), ("enabled",))
        if wanted.get("enabled", False) is not False:
            raise invalid((*path, "citations", "enabled"), "must be false")


def _in_base64(draft: Draft, value: Json, path: Path, media_types: checks.Check) -> Members:
    if not isinstance(value, dict) or value.get("type") != "base64":
        raise invalid((*path, "type"), "must be base64; files elsewhere are not fetched")
    source = checks.members(draft, value, path, ("type", "media_type", "data"))
    media_types(source.get("media_type"), (*path, "media_type"))
    if _BASE64.fullmatch(checks.text(source.get("data"), (*path, "data"))) is None:
        raise invalid((*path, "data"), "must hold base64")
    return source


def _said(draft: Draft, members: Members, name: str, path: Path, voice: Voice) -> str:
    text = checks.text(members.get(name), (*path, name))
    draft.text(text, voice.role, voice.source, (*path, name))
    return text


def _identifier(draft: Draft, members: Members, name: str, path: Path, role: str) -> str:
    value = checks.identifier(members.get(name), (*path, name))
    draft.text(value, role, "name", (*path, name))
    return str(value)


_ROLES: Final = checks.one_of("user", "assistant", "system")
_EPHEMERAL: Final = checks.one_of("ephemeral")
_TTLS: Final = checks.one_of("5m", "1h")
_DIRECT: Final = checks.one_of("direct")
_PLAIN: Final = checks.one_of("text/plain")
_PDF: Final = checks.one_of("application/pdf")
_IMAGES: Final = checks.one_of("image/jpeg", "image/png", "image/gif", "image/webp")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_IDENTIFIES: Final = re.compile(r"[^\s#]\S{0,511}")

BLOCKS: Final[Mapping[str, tuple[tuple[str, ...], ReadBlock]]] = {
    "text": (("text", "citations"), _text),
    "thinking": (("thinking", "signature"), _thinking),
    "tool_use": (("id", "name", "input", "caller"), _tool_use),
    "tool_result": (("tool_use_id", "content", "is_error"), _tool_result),
    "image": (("source",), _image),
    "document": (("source", "title", "context", "citations"), _document),
    "search_result": (("source", "title", "content", "citations"), _search_result),
}
"""A block's type: the members that it may have beside `type` and `cache_control`, and its reader."""

VOICES: Final[Mapping[str, Voice]] = {
    "system": Voice("system", "message", ("text",)),
    "user": Voice("user", "message", ("text", "image", "document", "search_result", "tool_result")),
    "assistant": Voice("assistant", "message", ("text", "thinking", "tool_use")),
}
RESULT: Final = Voice("tool", "tool_result", ("text", "image", "document", "search_result"))

_RUNS_ELSEWHERE: Final = "what it does, a hosted service does where nobody here can look"

REFUSED_BLOCKS: Final[Mapping[str, str]] = {
    "redacted_thinking": "it is encrypted and cannot be inspected",
    "tool_reference": "a tool must stand in the request that uses it",
    "container_upload": "a stored file is one that nobody here has read",
    **dict.fromkeys(
        (
            *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result"),
            *("code_execution_tool_result", "bash_code_execution_tool_result"),
            *("text_editor_code_execution_tool_result", "tool_search_tool_result"),
            *("mcp_tool_use", "mcp_tool_result", "compaction", "browser_state"),
        ),
        _RUNS_ELSEWHERE,
    ),
}
