"""The official `anthropic` package: messages, its stream helper, tools, token counts, its async client."""

from typing import Any

import anthropic

from tests.clients.scripts.telling import Asks, Script, said, told

script = Script()


def client(asks: Asks, key: str | None = None) -> Any:
    return anthropic.Anthropic(base_url=asks.url, api_key=key or asks.key)


def ask_of(asks: Asks, **more: Any) -> dict[str, Any]:
    fixed = {"max_tokens": asks.max_tokens, "extra_body": {"temperature": 0}}
    return {"model": asks.chat, "system": asks.system, "messages": said(asks.user), **fixed, **more}


def tool_of(asks: Asks) -> dict[str, Any]:
    tool = asks.tool
    return {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}


def tools_of(asks: Asks) -> dict[str, Any]:
    body = ask_of(asks, messages=said(asks.weather), max_tokens=60, tools=[tool_of(asks)])
    del body["system"]
    return {**body, "tool_choice": {"type": "any"}}


def echo_of(asks: Asks, **more: Any) -> dict[str, Any]:
    return {"model": asks.echo, "messages": said(asks.private), "max_tokens": 500, **more}


def whole(message: Any) -> dict[str, Any]:
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "tools": [[block.name, block.input] for block in message.content if block.type == "tool_use"],
        "finish": message.stop_reason,
        "usage": [message.usage.input_tokens, message.usage.output_tokens],
    }


def helped(asks: Asks, body: dict[str, Any]) -> dict[str, Any]:
    with client(asks).messages.stream(**body) as stream:
        text = "".join(stream.text_stream)
        saw = whole(stream.get_final_message())
    assert saw["text"] == text
    return saw


@script.feature("messages")
def messages(asks: Asks) -> Any:
    return whole(client(asks).messages.create(**ask_of(asks)))


@script.feature("messages.stream")
def messages_stream(asks: Asks) -> Any:
    text, finish, tokens, kinds = "", None, 0, []
    for event in client(asks).messages.create(**ask_of(asks), stream=True):
        kinds.append(event.type)
        if event.type == "content_block_delta":
            text += event.delta.text
        elif event.type == "message_delta":
            finish, tokens = event.delta.stop_reason, event.usage.output_tokens
    order = list(dict.fromkeys(kind for kind in kinds if kind != "ping"))
    return {"text": text, "finish": finish, "tokens": tokens, "order": order}


@script.feature("messages.stream_helper")
def messages_stream_helper(asks: Asks) -> Any:
    return helped(asks, ask_of(asks))


@script.feature("messages.tools")
def messages_tools(asks: Asks) -> Any:
    return whole(client(asks).messages.create(**tools_of(asks)))


@script.feature("messages.tools_stream")
def messages_tools_stream(asks: Asks) -> Any:
    return helped(asks, tools_of(asks))


@script.feature("messages.tool_result")
def messages_tool_result(asks: Asks) -> Any:
    """The second turn of a call: what the tool said goes back to the model."""
    call = {"type": "tool_use", "id": "toolu_1", "name": asks.tool["name"], "input": {"city": "Paris"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny, 21 degrees"}
    history = [
        *said(asks.weather),
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    return whole(client(asks).messages.create(**ask_of(asks, messages=history, tools=[tool_of(asks)])))


@script.feature("messages.stop")
def messages_stop(asks: Asks) -> Any:
    message = client(asks).messages.create(**ask_of(asks, stop_sequences=[" sea", " ocean", "a"]))
    return {**whole(message), "usage": None, "stop": message.stop_sequence}


@script.feature("count_tokens")
def count_tokens(asks: Asks) -> Any:
    counted = client(asks).messages.count_tokens(
        model=asks.chat,
        system=asks.system,
        messages=said(asks.user),
    )
    return {"tokens": counted.input_tokens}


@script.feature("async.messages")
async def async_messages(asks: Asks) -> Any:
    async with anthropic.AsyncAnthropic(base_url=asks.url, api_key=asks.key) as sdk:
        return whole(await sdk.messages.create(**ask_of(asks)))


@script.feature("async.messages.stream_helper")
async def async_messages_stream_helper(asks: Asks) -> Any:
    async with (
        anthropic.AsyncAnthropic(base_url=asks.url, api_key=asks.key) as sdk,
        sdk.messages.stream(**ask_of(asks)) as stream,
    ):
        return whole(await stream.get_final_message())


@script.feature("beta.messages")
def beta_messages(asks: Asks) -> Any:
    """The same door with `?beta=true`, as agents built on the SDK call it."""
    return whole(client(asks).beta.messages.create(**ask_of(asks)))


@script.feature("models")
def models(asks: Asks) -> Any:
    return {"models": sorted(model.id for model in client(asks).models.list())}


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    return whole(client(asks).messages.create(**echo_of(asks)))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    return helped(asks, echo_of(asks))


@script.feature("echo.tools")
def echo_tools(asks: Asks) -> Any:
    return whole(client(asks).messages.create(**echo_of(asks, tools=[tool_of(asks)])))


@script.feature("echo.tools_stream")
def echo_tools_stream(asks: Asks) -> Any:
    return helped(asks, echo_of(asks, tools=[tool_of(asks)]))


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).messages.create(**ask_of(stranger))
    except anthropic.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("denied.stream")
def denied_stream(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        with client(stranger).messages.stream(**ask_of(stranger)) as stream:
            stream.get_final_message()
    except anthropic.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("unknown_key")
def unknown_key(asks: Asks) -> Any:
    try:
        client(asks, "sg-wrong").messages.create(**ask_of(asks))
    except anthropic.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("cut")
def cut(asks: Asks) -> Any:
    text = ""
    try:
        with client(asks).messages.stream(**{**ask_of(asks), "model": asks.filtered}) as stream:
            for piece in stream.text_stream:
                text += piece
            finish = stream.get_final_message().stop_reason
    except anthropic.APIError as error:
        return {"text": text, **told(error, None, error.body)}
    return {"text": text, "raised": finish}


if __name__ == "__main__":
    script.main()
