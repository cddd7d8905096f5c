"""The official `openai` package: chat, completions, embeddings, models; its helpers, its async client."""

import json
from typing import Any

import openai
import pydantic

from tests.clients.scripts.telling import Asks, Script, said, told

script = Script()


def client(asks: Asks, key: str | None = None) -> Any:
    return openai.OpenAI(base_url=f"{asks.url}/v1", api_key=key or asks.key)


def asyncly(asks: Asks) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{asks.url}/v1", api_key=asks.key)


def chat_of(asks: Asks, **more: Any) -> dict[str, Any]:
    fixed = {"temperature": 0, "max_tokens": asks.max_tokens, "seed": asks.seed}
    return {"model": asks.chat, "messages": asks.messages, **fixed, **more}


def tools_of(asks: Asks, **more: Any) -> dict[str, Any]:
    choice = {"messages": said(asks.weather), "max_tokens": 60, "tool_choice": "required"}
    return chat_of(asks, tools=[asks.function], **choice, **more)


def whole(answer: Any) -> dict[str, Any]:
    [choice] = answer.choices
    calls = [call.function for call in choice.message.tool_calls or ()]
    return {
        "text": choice.message.content or "",
        "tools": [[call.name, json.loads(call.arguments)] for call in calls],
        "finish": choice.finish_reason,
        "usage": [answer.usage.prompt_tokens, answer.usage.completion_tokens],
    }


class Joined:
    """A stream put together by hand, as its chunks come."""

    def __init__(self) -> None:
        self.text, self.finish, self.usage = "", None, [0, 0]
        self.calls: dict[int, list[str]] = {}

    def add(self, chunk: Any) -> None:
        for choice in chunk.choices:
            self.text += choice.delta.content or ""
            self.finish = choice.finish_reason or self.finish
            for call in choice.delta.tool_calls or ():
                known = self.calls.setdefault(call.index, ["", ""])
                known[0] += call.function.name or ""
                known[1] += call.function.arguments or ""
        if chunk.usage:
            self.usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]

    def saw(self) -> dict[str, Any]:
        calls = [[name, json.loads(arguments)] for _, (name, arguments) in sorted(self.calls.items())]
        return {"text": self.text, "tools": calls, "finish": self.finish, "usage": self.usage}


def streamed(asks: Asks, body: dict[str, Any]) -> dict[str, Any]:
    joined = Joined()
    with client(asks) as sdk:
        for chunk in sdk.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}):
            joined.add(chunk)
    return joined.saw()


@script.feature("chat")
def chat(asks: Asks) -> Any:
    return whole(client(asks).chat.completions.create(**chat_of(asks)))


@script.feature("chat.stream")
def chat_stream(asks: Asks) -> Any:
    return streamed(asks, chat_of(asks))


@script.feature("chat.stream_helper")
def chat_stream_helper(asks: Asks) -> Any:
    """The helper wants an answer that came to its own end."""
    body = chat_of(asks, messages=said("Say hi."), max_tokens=64)
    with client(asks).chat.completions.stream(**body) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert text == final.choices[0].message.content
    return {"text": text, "finish": final.choices[0].finish_reason}


@script.feature("chat.raw")
def chat_raw(asks: Asks) -> Any:
    raw = client(asks).chat.completions.with_raw_response.create(**chat_of(asks))
    return {"status": raw.status_code, **whole(raw.parse())}


@script.feature("chat.tools")
def chat_tools(asks: Asks) -> Any:
    return whole(client(asks).chat.completions.create(**tools_of(asks)))


@script.feature("chat.tools_stream")
def chat_tools_stream(asks: Asks) -> Any:
    return streamed(asks, tools_of(asks))


@script.feature("chat.parse")
def chat_parse(asks: Asks) -> Any:
    class Word(pydantic.BaseModel):
        word: str = pydantic.Field(max_length=8)

    body = chat_of(asks, max_tokens=40, response_format=Word)
    parsed = client(asks).chat.completions.parse(**body).choices[0].message.parsed
    return {"word": parsed.word if parsed else None}


@script.feature("async.chat")
async def async_chat(asks: Asks) -> Any:
    async with asyncly(asks) as sdk:
        return whole(await sdk.chat.completions.create(**chat_of(asks)))


@script.feature("async.chat.stream")
async def async_chat_stream(asks: Asks) -> Any:
    joined = Joined()
    async with asyncly(asks) as sdk:
        create: Any = sdk.chat.completions.create
        async for chunk in await create(**chat_of(asks), stream=True, stream_options={"include_usage": True}):
            joined.add(chunk)
    return joined.saw()


def completion_of(asks: Asks) -> dict[str, Any]:
    fixed = {"temperature": 0, "max_tokens": asks.max_tokens, "seed": asks.seed}
    return {"model": asks.chat, "prompt": asks.prompt, **fixed}


@script.feature("completions")
def completions(asks: Asks) -> Any:
    answer = client(asks).completions.create(**completion_of(asks))
    [choice] = answer.choices
    usage = answer.usage and [answer.usage.prompt_tokens, answer.usage.completion_tokens]
    return {"text": choice.text, "finish": choice.finish_reason, "usage": usage}


@script.feature("completions.stream")
def completions_stream(asks: Asks) -> Any:
    text, finish = "", None
    for chunk in client(asks).completions.create(**completion_of(asks), stream=True):
        for choice in chunk.choices:
            text += choice.text
            finish = choice.finish_reason or finish
    return {"text": text, "finish": finish}


def embedding_saw(answer: Any) -> dict[str, Any]:
    vectors = [[round(value, 4) for value in one.embedding[:8]] for one in answer.data]
    return {"vectors": vectors, "long": [len(one.embedding) for one in answer.data]}


@script.feature("embeddings")
def embeddings(asks: Asks) -> Any:
    return embedding_saw(client(asks).embeddings.create(model=asks.embed, input=[asks.user, asks.prompt]))


@script.feature("embeddings.float")
def embeddings_float(asks: Asks) -> Any:
    create = client(asks).embeddings.create
    return embedding_saw(create(model=asks.embed, input=asks.user, encoding_format="float"))


@script.feature("models")
def models(asks: Asks) -> Any:
    return {"models": sorted(model.id for model in client(asks).models.list())}


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    return whole(client(asks).chat.completions.create(model=asks.echo, messages=said(asks.private)))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    return streamed(asks, {"model": asks.echo, "messages": said(asks.private)})


@script.feature("echo.tools")
def echo_tools(asks: Asks) -> Any:
    body = {"model": asks.echo, "messages": said(asks.private), "tools": [asks.function]}
    return whole(client(asks).chat.completions.create(**body))


@script.feature("echo.tools_stream")
def echo_tools_stream(asks: Asks) -> Any:
    return streamed(asks, {"model": asks.echo, "messages": said(asks.private), "tools": [asks.function]})


@script.feature("echo.completions")
def echo_completions(asks: Asks) -> Any:
    return {"text": client(asks).completions.create(model=asks.echo, prompt=asks.private).choices[0].text}


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).chat.completions.create(**chat_of(stranger))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("denied.stream")
def denied_stream(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        list(client(stranger).chat.completions.create(**chat_of(stranger), stream=True))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("unknown_key")
def unknown_key(asks: Asks) -> Any:
    try:
        client(asks, "sg-wrong").chat.completions.create(**chat_of(asks))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("cut")
def cut(asks: Asks) -> Any:
    text = ""
    try:
        create = client(asks).chat.completions.create
        for chunk in create(model=asks.filtered, messages=said(asks.user), stream=True):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    except openai.APIError as error:
        return {"text": text, **told(error, None, error.body)}


if __name__ == "__main__":
    script.main()
