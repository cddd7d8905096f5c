"""Tools, the choice among them, and the form of the text, as a response's request spells them: flat.

What is read of a schema is the same as in OpenAI's chat (`openai_chat/tools.py`).
"""

from typing import Final

from proxy.errors import RequestInvalid
from proxy.exchange import Json, Path
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid, where
from proxy.wire.openai_chat.tools import read_schema

ALLOWED: Final = "allowed_tools"


def take_tools(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or len(value) > draft.limits.tools:
        raise invalid((name,), f"must be a list of at most {draft.limits.tools} tools")
    if value:  # servers refuse an empty list
        draft.body[name] = [_tool(draft, tool, (name, index)) for index, tool in enumerate(value)]


def _tool(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind != "function":
        place = where((*path, "type"))
        raise RequestInvalid(
            f"{place} must be function: other tools run where nobody here can look.", param=place
        )
    tool = checks.members(draft, value, path, ("type", "name", "description", "strict", "parameters"))
    _describe(draft, tool, path, "parameters")
    draft.tools.append(tool["name"])
    return tool


def take_tool_choice(draft: Draft, name: str, value: Json) -> None:
    """Stands after `tools`: what is chosen must be among them."""
    if isinstance(value, str):
        _choose(draft, name, _MODES(value, (name,)))
        return
    kind = value.get("type") if isinstance(value, dict) else None
    checks.one_of("function", ALLOWED)(kind, (name, "type"))
    if kind == ALLOWED:
        choice = checks.members(draft, value, (name,), ("type", "mode", "tools"))
        for index, tool in enumerate(_MOST_ALLOWED(choice.get("tools"), (name, "tools"))):
            _named(draft, tool, (name, "tools", index))
        _choose(draft, name, _ALLOWED_MODES(choice.get("mode"), (name, "mode")))
        return
    choice = _named(draft, value, (name,))
    draft.text(choice["name"], "system", "name", (name, "name"))
    draft.insisted = choice["name"]
    draft.body[name] = choice
    draft.parameters[name] = "function"


def allowed(body: Json) -> frozenset[str] | None:
    """The names that `tool_choice` leaves of the tools, once it is read; None: it does not narrow them."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) or choice["type"] != ALLOWED:
        return None
    return frozenset(tool["name"] for tool in choice["tools"])


def _choose(draft: Draft, name: str, mode: str) -> None:
    if not draft.tools and mode == "required":
        raise invalid((name,), "asks for a call, and there are no tools")
    if draft.tools:  # servers refuse a choice among none
        draft.body[name] = draft.parameters[name] = mode


def _named(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    tool = checks.members(draft, value, path, ("type", "name"))
    checks.one_of("function")(tool.get("type"), (*path, "type"))
    if tool.get("name") not in draft.tools:
        raise invalid((*path, "name"), "must name one of the tools")
    return tool


def take_text(draft: Draft, name: str, value: Json) -> None:
    """The form of the answer's text: `format` and `verbosity`."""
    wanted = checks.members(draft, value, (name,), ("format", "verbosity"))
    if "verbosity" in wanted:
        draft.parameters["verbosity"] = _VERBOSITIES(wanted["verbosity"], (name, "verbosity"))
    if "format" in wanted:
        wanted["format"] = _format(draft, wanted["format"], (name, "format"))
        draft.parameters["response_format"] = wanted["format"]["type"]
    if wanted:
        draft.body[name] = wanted


def _format(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    kind = value.get("type") if isinstance(value, dict) else None
    _FORMATS(kind, (*path, "type"))
    if kind != "json_schema":
        return checks.members(draft, value, path, ("type",))
    wanted = checks.members(draft, value, path, ("type", "name", "description", "strict", "schema"))
    if "schema" not in wanted:
        raise invalid((*path, "schema"), "is missing")
    _describe(draft, wanted, path, "schema")
    return wanted


def _describe(draft: Draft, described: dict[str, Json], path: Path, schema: str) -> None:
    """A name, a description and a schema, which stand flat among an object's other members."""
    draft.text(checks.identifier(described.get("name"), (*path, "name")), "system", "name", (*path, "name"))
    if "description" in described:
        text = checks.text(described["description"], (*path, "description"))
        draft.text(text, "system", "tool_definition", (*path, "description"))
    if "strict" in described:
        checks.boolean(described["strict"], (*path, "strict"))
    if schema in described:
        read_schema(draft, described[schema], (*path, schema))


_MODES: Final = checks.one_of("none", "auto", "required")
_ALLOWED_MODES: Final = checks.one_of("auto", "required")
_MOST_ALLOWED: Final = checks.items(1, 256, lambda tool, _path: tool)  # as many as there may be tools
_FORMATS: Final = checks.one_of("text", "json_object", "json_schema")
_VERBOSITIES: Final = checks.one_of("low", "medium", "high")
