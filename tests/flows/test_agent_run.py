"""An agent's run of eight turns with a tool, over two replicas; one of them is started anew in its middle."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.flows.agent_upstream import CALLS, AgentUpstream
from tests.flows.program import Program, running
from tests.flows.test_anthropic import message as anthropic_message

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # three programs start in each: seconds, or many

PARAMETERS = {"type": "object", "properties": {"contact": {"type": "string"}, "all": {"type": "string"}}}


@dataclass
class Agent:
    """Asks, calls the tool that it is told to, and asks again. `met`: every personal word, in order."""

    history: list[dict[str, Any]] = field(default_factory=list)
    met: list[str] = field(default_factory=list)

    def meet(self, number: int) -> str:
        """What a tool found: somebody new, and how to reach them."""
        mail, phone = f"agent.number{number}@example.com", f"212-555-01{40 + number}"
        self.met += [mail, phone]
        return f"The next one is {mail}, at the phone number {phone} today."

    def check(self, words: str, arguments: dict[str, Any]) -> None:
        """Both lanes are given back, whatever was cut in them and wherever it was issued."""
        assert words == f"Asking {self.met[-1]} now. "
        assert arguments == {"contact": self.met[-1], "all": "; ".join(self.met)}


async def openai_turn(agent: Agent, program: Program, number: int) -> str | None:
    """One turn of the run; the last words once the model calls no tool any more."""
    if not agent.history:
        agent.history.append({"role": "user", "content": f"Please go on. {agent.meet(number)}"})
    tool: Any = {"type": "function", "function": {"name": "read_ledger", "parameters": PARAMETERS}}
    messages: Any = agent.history
    words, arguments, call_id = "", "", ""
    async with program.client() as client:
        stream = await client.chat.completions.create(
            model="smollm2", messages=messages, tools=[tool], stream=True
        )
        async for chunk in stream:
            for choice in chunk.choices:
                words += choice.delta.content or ""
                for call in choice.delta.tool_calls or ():
                    call_id = call.id or call_id
                    assert call.function is not None
                    arguments += call.function.arguments or ""
    if not arguments:
        return words
    agent.check(words, json.loads(arguments))
    call_made = {
        "id": call_id,
        "type": "function",
        "function": {"name": "read_ledger", "arguments": arguments},
    }
    agent.history += [
        {"role": "assistant", "content": words, "tool_calls": [call_made]},
        {"role": "tool", "tool_call_id": call_id, "content": agent.meet(number + 1)},
    ]
    return None


async def anthropic_turn(agent: Agent, program: Program, number: int) -> str | None:
    """The same as Anthropic's clients have it."""
    if not agent.history:
        agent.history.append({"role": "user", "content": f"Please go on. {agent.meet(number)}"})
    tool = {"name": "read_ledger", "input_schema": PARAMETERS}
    body = {"model": "smollm2", "max_tokens": 512, "messages": agent.history, "tools": [tool]}
    told = await anthropic_message(program, body, stream=True)
    text, *calls = told["content"]
    if not calls:
        return str(text["text"])
    agent.check(text["text"], calls[0]["input"])
    result = {"type": "tool_result", "tool_use_id": calls[0]["id"], "content": agent.meet(number + 1)}
    agent.history += [
        {"role": "assistant", "content": told["content"]},
        {"role": "user", "content": [result]},
    ]
    return None


Turn = Callable[[Agent, Program, int], Awaitable[str | None]]


@pytest.mark.parametrize("turn", [openai_turn, anthropic_turn])
async def test_a_run_over_two_replicas_and_a_restart_restores_everything_and_leaks_nothing(
    turn: Turn, tmp_path: Path
) -> None:
    key = tmp_path / "pseudonym.key"
    key.touch(mode=0o600)
    key.write_text("ab" * 32)
    agent, last = Agent(), None
    async with AgentUpstream.listening() as upstream, AsyncExitStack() as stack:

        async def start(name: str, stack: AsyncExitStack) -> Program:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            replica = running(folder, upstream.url, redaction={"key_file": str(key)})
            return await stack.enter_async_context(replica)

        other = await start("second", stack)
        async with AsyncExitStack() as first_life:
            first = await start("first", first_life)
            for number in range(4):
                last = await turn(agent, (first, other)[number % 2], number)
        first = await start("first", stack)
        for number in range(4, CALLS + 1):
            last = await turn(agent, (first, other)[number % 2], number)
        received, written = upstream.received, first.files() + other.files()
    assert last == f"Done: {'; '.join(agent.met)}."
    assert len(upstream.bodies) == CALLS + 1
    assert not [word for word in agent.met if word in received]
    assert not [word for word in agent.met if word in written]
