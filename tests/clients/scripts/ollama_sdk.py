"""The official `ollama` package: chat, generate, embed, tools, lists. The key goes in a header."""

from typing import Any

import ollama

from tests.clients.scripts.telling import Asks, Script, said, told

script = Script()


def client(asks: Asks, key: str | None = None) -> Any:
    return ollama.Client(host=asks.url, headers={"Authorization": f"Bearer {key or asks.key}"})


def options(asks: Asks, most: int | None = None) -> dict[str, Any]:
    return {"temperature": 0, "num_predict": most or asks.max_tokens, "seed": asks.seed}


def chat_of(asks: Asks) -> dict[str, Any]:
    return {"model": asks.chat, "messages": asks.messages, "options": options(asks)}


def tools_of(asks: Asks) -> dict[str, Any]:
    body = {"model": asks.chat, "messages": said(asks.weather), "options": options(asks, 60)}
    return {**body, "tools": [asks.function]}


def calls_of(message: Any) -> list[list[Any]]:
    return [[call.function.name, dict(call.function.arguments)] for call in message.tool_calls or ()]


def whole(answer: Any) -> dict[str, Any]:
    return {
        "text": answer.message.content or "",
        "tools": calls_of(answer.message),
        "finish": answer.done_reason,
        "usage": [answer.prompt_eval_count, answer.eval_count],
    }


def streamed(asks: Asks, body: dict[str, Any]) -> dict[str, Any]:
    text, calls, last = "", [], None
    for part in client(asks).chat(**body, stream=True):
        text += part.message.content or ""
        calls += calls_of(part.message)
        last = part
    assert last is not None
    assert last.done
    return {**whole(last), "text": text, "tools": calls}


@script.feature("chat")
def chat(asks: Asks) -> Any:
    return whole(client(asks).chat(**chat_of(asks)))


@script.feature("chat.stream")
def chat_stream(asks: Asks) -> Any:
    return streamed(asks, chat_of(asks))


@script.feature("chat.tools")
def chat_tools(asks: Asks) -> Any:
    return whole(client(asks).chat(**tools_of(asks)))


@script.feature("chat.tools_stream")
def chat_tools_stream(asks: Asks) -> Any:
    return streamed(asks, tools_of(asks))


@script.feature("chat.tool_result")
def chat_tool_result(asks: Asks) -> Any:
    call = {"function": {"name": asks.tool["name"], "arguments": {"city": "Paris"}}}
    history = [
        *said(asks.weather),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": asks.tool["name"], "content": "Sunny, 21 degrees"},
    ]
    return whole(client(asks).chat(model=asks.chat, messages=history, options=options(asks)))


@script.feature("generate")
def generate(asks: Asks) -> Any:
    """Ollama puts system and prompt into the chat template: the same two messages as in a chat."""
    body = {"model": asks.chat, "prompt": asks.user, "system": asks.system, "options": options(asks)}
    answer = client(asks).generate(**body)
    usage = [answer.prompt_eval_count, answer.eval_count]
    return {"text": answer.response, "finish": answer.done_reason, "usage": usage}


@script.feature("generate.stream")
def generate_stream(asks: Asks) -> Any:
    body = {"model": asks.chat, "prompt": asks.user, "system": asks.system, "options": options(asks)}
    parts = list(client(asks).generate(**body, stream=True))
    return {"text": "".join(part.response for part in parts), "finish": parts[-1].done_reason}


@script.feature("embed")
def embed(asks: Asks) -> Any:
    found = client(asks).embed(model=asks.embed, input=[asks.user, asks.prompt]).embeddings
    return {
        "vectors": [[round(value, 4) for value in one[:8]] for one in found],
        "long": [len(one) for one in found],
    }


@script.feature("models")
def models(asks: Asks) -> Any:
    return {"models": sorted(model.model or "" for model in client(asks).list().models)}


@script.feature("show")
def show(asks: Asks) -> Any:
    return {"kind": type(client(asks).show(asks.chat)).__name__}


@script.feature("async.chat")
async def async_chat(asks: Asks) -> Any:
    sdk = ollama.AsyncClient(host=asks.url, headers={"Authorization": f"Bearer {asks.key}"})
    return whole(await sdk.chat(**chat_of(asks)))


@script.feature("async.chat.stream")
async def async_chat_stream(asks: Asks) -> Any:
    sdk = ollama.AsyncClient(host=asks.url, headers={"Authorization": f"Bearer {asks.key}"})
    text = ""
    async for part in await sdk.chat(**chat_of(asks), stream=True):
        text += part.message.content or ""
    return {"text": text}


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    return whole(client(asks).chat(model=asks.echo, messages=said(asks.private)))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    return streamed(asks, {"model": asks.echo, "messages": said(asks.private)})


@script.feature("echo.tools")
def echo_tools(asks: Asks) -> Any:
    return whole(client(asks).chat(model=asks.echo, messages=said(asks.private), tools=[asks.function]))


@script.feature("echo.tools_stream")
def echo_tools_stream(asks: Asks) -> Any:
    return streamed(asks, {"model": asks.echo, "messages": said(asks.private), "tools": [asks.function]})


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).chat(**chat_of(stranger))
    except ollama.ResponseError as error:
        return told(error, error.status_code, error.error)


@script.feature("denied.stream")
def denied_stream(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        list(client(stranger).chat(**chat_of(stranger), stream=True))
    except ollama.ResponseError as error:
        return told(error, error.status_code, error.error)


@script.feature("unknown_key")
def unknown_key(asks: Asks) -> Any:
    try:
        client(asks, "sg-wrong").chat(**chat_of(asks))
    except ollama.ResponseError as error:
        return told(error, error.status_code, error.error)


@script.feature("cut")
def cut(asks: Asks) -> Any:
    text = ""
    try:
        for part in client(asks).chat(model=asks.filtered, messages=said(asks.user), stream=True):
            text += part.message.content or ""
    except ollama.ResponseError as error:
        return {"text": text, **told(error, error.status_code, error.error)}
    return {"text": text, "raised": part.done_reason}


if __name__ == "__main__":
    script.main()
