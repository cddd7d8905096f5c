"""The official `openai` package on its newer API: responses, its stream helper, parsed answers, tools."""

import json
from typing import Any

import openai
import pydantic

from tests.clients.scripts.openai_sdk import asyncly, client
from tests.clients.scripts.telling import Asks, Script, told

script = Script()

CALL = {"type": "function_call", "call_id": "c1", "arguments": '{"city": "Paris"}'}


def ask_of(asks: Asks, **more: Any) -> dict[str, Any]:
    fixed = {"temperature": 0, "max_output_tokens": asks.max_tokens}
    return {"model": asks.chat, "instructions": asks.system, "input": asks.user, **fixed, **more}


def tools_of(asks: Asks) -> dict[str, Any]:
    tool = {"type": "function", "strict": False, **asks.tool}
    bare = {"model": asks.chat, "input": asks.weather, "temperature": 0, "max_output_tokens": 60}
    return {**bare, "tools": [tool], "tool_choice": "required"}


def whole(answer: Any) -> dict[str, Any]:
    calls = [item for item in answer.output if item.type == "function_call"]
    return {
        "text": answer.output_text,
        "tools": [[call.name, json.loads(call.arguments)] for call in calls],
        "usage": answer.usage and [answer.usage.input_tokens, answer.usage.output_tokens],
        "status": answer.status,
    }


@script.feature("responses")
def responses(asks: Asks) -> Any:
    return whole(client(asks).responses.create(**ask_of(asks)))


@script.feature("responses.stream")
def stream(asks: Asks) -> Any:
    text, final = "", None
    for event in client(asks).responses.create(**ask_of(asks), stream=True):
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type in ("response.completed", "response.incomplete"):
            final = event.response
    assert final is not None
    assert final.output_text == text
    return whole(final)


def helped(asks: Asks, body: dict[str, Any]) -> dict[str, Any]:
    with client(asks).responses.stream(**body) as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    assert len(set(kinds)) > 3
    return whole(final)


@script.feature("responses.stream_helper")
def stream_helper(asks: Asks) -> Any:
    return helped(asks, {**ask_of(asks, max_output_tokens=128), "input": "Say hi."})


@script.feature("responses.tools")
def tools(asks: Asks) -> Any:
    return whole(client(asks).responses.create(**tools_of(asks)))


@script.feature("responses.tools_stream")
def tools_stream(asks: Asks) -> Any:
    return helped(asks, tools_of(asks))


@script.feature("responses.tool_result")
def tool_result(asks: Asks) -> Any:
    """The second turn of a call: what the tool said goes back to the model."""
    history = [
        {"role": "user", "content": asks.weather},
        {**CALL, "name": asks.tool["name"]},
        {"type": "function_call_output", "call_id": "c1", "output": "Sunny, 21 degrees"},
    ]
    return whole(client(asks).responses.create(**ask_of(asks, input=history)))


@script.feature("responses.parse")
def parse(asks: Asks) -> Any:
    class Word(pydantic.BaseModel):
        word: str = pydantic.Field(max_length=8)

    body = ask_of(asks, max_output_tokens=40, text_format=Word)
    parsed = client(asks).responses.parse(**body).output_parsed
    return {"word": parsed.word if parsed else None}


@script.feature("async.responses")
async def async_responses(asks: Asks) -> Any:
    async with asyncly(asks) as sdk:
        return whole(await sdk.responses.create(**ask_of(asks)))


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    return whole(client(asks).responses.create(model=asks.echo, input=asks.private))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    return helped(asks, {"model": asks.echo, "input": asks.private})


def echo_tools_of(asks: Asks) -> dict[str, Any]:
    tool = {"type": "function", "strict": False, **asks.tool}
    return {"model": asks.echo, "input": asks.private, "tools": [tool]}


@script.feature("echo.tools")
def echo_tools(asks: Asks) -> Any:
    return whole(client(asks).responses.create(**echo_tools_of(asks)))


@script.feature("echo.tools_stream")
def echo_tools_stream(asks: Asks) -> Any:
    return helped(asks, echo_tools_of(asks))


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).responses.create(**ask_of(stranger))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("denied.stream")
def denied_stream(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        list(client(stranger).responses.create(**ask_of(stranger), stream=True))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("cut")
def cut(asks: Asks) -> Any:
    """Some clients raise, and some look at the last event: both are told."""
    text, ending = "", None
    try:
        for event in client(asks).responses.create(model=asks.filtered, input=asks.user, stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
            ending = event
    except openai.APIError as error:
        return {"text": text, **told(error, None, error.body)}
    return {"text": text, "raised": ending and ending.type, "body": ending and ending.model_dump_json()}


if __name__ == "__main__":
    script.main()
