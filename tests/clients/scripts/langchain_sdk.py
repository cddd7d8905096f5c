"""`langchain-openai`: chat models that are invoked, streamed and given tools, and embeddings."""

from typing import Any

import openai
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field, SecretStr

from tests.clients.scripts.telling import Asks, Script, told

script = Script()


def model(asks: Asks, name: str | None = None, key: str | None = None, **more: Any) -> ChatOpenAI:
    fixed = {"temperature": 0, "max_tokens": asks.max_tokens, "seed": asks.seed, **more}
    secret = SecretStr(key or asks.key)
    return ChatOpenAI(model=name or asks.chat, base_url=f"{asks.url}/v1", api_key=secret, **fixed)


def turn(asks: Asks) -> list[Any]:
    return [SystemMessage(asks.system), HumanMessage(asks.user)]


def whole(message: Any) -> dict[str, Any]:
    usage = message.usage_metadata
    return {
        "text": message.text if isinstance(message.text, str) else message.text(),
        "tools": [[call["name"], call["args"]] for call in message.tool_calls],
        "finish": message.response_metadata.get("finish_reason"),
        "usage": usage and [usage["input_tokens"], usage["output_tokens"]],
    }


def added(chunks: Any) -> Any:
    total: Any = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total


@script.feature("invoke")
def invoke(asks: Asks) -> Any:
    return whole(model(asks).invoke(turn(asks)))


@script.feature("stream")
def stream(asks: Asks) -> Any:
    return whole(added(model(asks, stream_usage=True).stream(turn(asks))))


@script.feature("tools")
def tools(asks: Asks) -> Any:
    bound = model(asks, max_tokens=60).bind_tools([asks.function], tool_choice="required")
    return whole(bound.invoke(asks.weather))


@script.feature("tools_stream")
def tools_stream(asks: Asks) -> Any:
    bound = model(asks, max_tokens=60, stream_usage=True).bind_tools([asks.function], tool_choice="required")
    return whole(added(bound.stream(asks.weather)))


@script.feature("structured")
def structured(asks: Asks) -> Any:
    class Word(BaseModel):
        """One word."""

        word: str = Field(max_length=8)

    bound = model(asks, max_tokens=40).with_structured_output(Word, method="json_schema")
    found: Any = bound.invoke(turn(asks))
    return {"word": found.word}


@script.feature("async.invoke")
async def async_invoke(asks: Asks) -> Any:
    return whole(await model(asks).ainvoke(turn(asks)))


@script.feature("embeddings")
def embeddings(asks: Asks) -> Any:
    """`check_embedding_ctx_length=False`: else it sends token ids, which nobody can inspect."""
    secret = SecretStr(asks.key)
    sdk = OpenAIEmbeddings(
        model=asks.embed, base_url=f"{asks.url}/v1", api_key=secret, check_embedding_ctx_length=False
    )
    found = sdk.embed_documents([asks.user, asks.prompt])
    return {
        "vectors": [[round(value, 4) for value in one[:8]] for one in found],
        "long": [len(one) for one in found],
    }


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    return whole(model(asks, asks.echo, max_tokens=500).invoke(asks.private))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    return whole(added(model(asks, asks.echo, max_tokens=500, stream_usage=True).stream(asks.private)))


@script.feature("echo.tools")
def echo_tools(asks: Asks) -> Any:
    return whole(model(asks, asks.echo, max_tokens=500).bind_tools([asks.function]).invoke(asks.private))


@script.feature("echo.tools_stream")
def echo_tools_stream(asks: Asks) -> Any:
    bound = model(asks, asks.echo, max_tokens=500, stream_usage=True).bind_tools([asks.function])
    return whole(added(bound.stream(asks.private)))


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        model(stranger).invoke(turn(stranger))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


@script.feature("denied.stream")
def denied_stream(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        list(model(stranger).stream(turn(stranger)))
    except openai.APIStatusError as error:
        return told(error, error.status_code, error.body)


if __name__ == "__main__":
    script.main()
