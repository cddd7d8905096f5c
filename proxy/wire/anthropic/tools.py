"""Tools, the choice among them, and the form of the answer, as Anthropic's messages spell them.

What is read of a schema is the same as in OpenAI's chat (`openai_chat/tools.py`).
"""

from typing import Final

from proxy.errors import RequestInvalid
from proxy.exchange import Json, Path
from proxy.wire import checks
from proxy.wire.anthropic.blocks import check_cache_control
from proxy.wire.draft import Draft, invalid, where
from proxy.wire.fields import ANSWER_TOKENS
from proxy.wire.openai_chat.tools import read_schema

_TOOL: Final = (
    *("type", "name", "description", "input_schema", "strict", "cache_control"),
    *("eager_input_streaming", "defer_loading", "allowed_callers"),
)


def take_tools(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or len(value) > draft.limits.tools:
        raise invalid((name,), f"must be a list of at most {draft.limits.tools} tools")
    if value:  # servers refuse an empty list
        draft.body[name] = [_tool(draft, tool, (name, index)) for index, tool in enumerate(value)]


def _tool(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in (None, "custom"):
        place = where((*path, "type"))
        raise RequestInvalid(
            f"{place} must be custom: other tools run where nobody here can look.", param=place
        )
    given = checks.members(draft, value, path, _TOOL)
    _check_kept_here(draft, given, path)
    tool: dict[str, Json] = {"name": checks.identifier(given.get("name"), (*path, "name"))}
    draft.text(tool["name"], "system", "name", (*path, "name"))
    if "description" in given:
        tool["description"] = checks.text(given["description"], (*path, "description"))
        draft.text(tool["description"], "system", "tool_definition", (*path, "description"))
    if "strict" in given:
        tool["strict"] = checks.boolean(given["strict"], (*path, "strict"))
    tool["input_schema"] = given.get("input_schema")
    read_schema(draft, tool["input_schema"], (*path, "input_schema"))
    draft.tools.append(tool["name"])
    return tool


def _check_kept_here(draft: Draft, tool: dict[str, Json], path: Path) -> None:
    """What only tells Anthropic's own service how to keep, load and stream a tool."""
    if "cache_control" in tool:
        check_cache_control(draft, tool["cache_control"], (*path, "cache_control"))
    if "eager_input_streaming" in tool:
        checks.boolean(tool["eager_input_streaming"], (*path, "eager_input_streaming"))
    if tool.get("defer_loading", False) is not False:
        raise invalid((*path, "defer_loading"), "must be false")
    if tool.get("allowed_callers", ["direct"]) != ["direct"]:
        raise invalid((*path, "allowed_callers"), 'must be ["direct"]')


def take_tool_choice(draft: Draft, name: str, value: Json) -> None:
    """Stands after `tools`: a named choice must be one of them."""
    choice = checks.members(draft, value, (name,), ("type", "name", "disable_parallel_tool_use"))
    kind = _CHOICES(choice.get("type"), (name, "type"))
    if (kind == "tool") is not ("name" in choice):
        raise invalid((name, "name"), "goes with the type tool, and only with it")
    if kind == "tool":
        if choice["name"] not in draft.tools:
            raise invalid((name, "name"), "must name one of the tools")
        draft.text(choice["name"], "system", "name", (name, "name"))
        draft.insisted = choice["name"]
    if not draft.tools and kind == "any":
        raise invalid((name,), "asks for a call, and there are no tools")
    alone = choice.get("disable_parallel_tool_use")
    if alone is not None:
        checks.boolean(alone, (name, "disable_parallel_tool_use"))
    if draft.tools:  # servers refuse a choice among none
        draft.body[name] = choice
        draft.parameters[name] = MODES[kind]
        if alone is not None:
            draft.parameters["parallel_tool_calls"] = not alone


def take_output_config(draft: Draft, name: str, value: Json) -> None:
    wanted = checks.members(draft, value, (name,), ("effort", "format"))
    if "effort" in wanted:
        draft.parameters["reasoning_effort"] = _EFFORTS(wanted["effort"], (name, "effort"))
    if "format" in wanted:
        place = (name, "format")
        wanted["format"] = form = checks.members(draft, wanted["format"], place, ("type", "schema"))
        draft.parameters["response_format"] = _FORMATS(form.get("type"), (*place, "type"))
        read_schema(draft, form.get("schema"), (*place, "schema"))
    if wanted:
        draft.body[name] = wanted


def take_thinking(draft: Draft, name: str, value: Json) -> None:
    """How much the model may think before it answers. What it thinks is always told."""
    wanted = checks.members(draft, value, (name,), ("type", "budget_tokens", "display"))
    kind = _THINKING(wanted.get("type"), (name, "type"))
    if (kind == "enabled") is not ("budget_tokens" in wanted):
        raise invalid((name, "budget_tokens"), "goes with the type enabled, and only with it")
    if "budget_tokens" in wanted:
        _BUDGET(wanted["budget_tokens"], (name, "budget_tokens"))
    if "display" in wanted:
        _DISPLAY(wanted.pop("display"), (name, "display"))
    draft.parameters[name] = kind
    draft.body[name] = wanted


MODES: Final = {"auto": "auto", "any": "required", "none": "none", "tool": "function"}
"""A choice among tools, and what OpenAI's chat calls it."""

_CHOICES: Final = checks.one_of(*MODES)
_FORMATS: Final = checks.one_of("json_schema")
_EFFORTS: Final = checks.one_of("low", "medium", "high", "xhigh", "max")
_THINKING: Final = checks.one_of("enabled", "disabled", "adaptive")
_BUDGET: Final = checks.whole(1, ANSWER_TOKENS)
_DISPLAY: Final = checks.one_of("summarized")
