"""Tool calls as policies see them: a name and its parsed arguments."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.exchange import Exchange, Json
from proxy.wire import tree


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is None when they are not a JSON object, which a rule may not take for an empty one."""

    name: str
    arguments: Json | None = field(repr=False)


def history_calls(exchange: Exchange) -> Iterator[ToolCall]:
    """The calls that stand in the request's history, oldest first."""
    for message in exchange.body.get("messages", ()):
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = function["arguments"]
            parsed = arguments.value if isinstance(arguments, tree.Embedded) else None
            yield ToolCall(function["name"], parsed if isinstance(parsed, dict) else None)
