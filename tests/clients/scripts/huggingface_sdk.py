"""`huggingface_hub.InferenceClient`: chats, text generation, feature extraction, and its async twin."""

import json
from typing import Any

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, ValidationError

from tests.clients.scripts.telling import Asks, Script, said, told

script = Script()


def client(asks: Asks, path: str = "", key: str | None = None) -> Any:
    return huggingface_hub.InferenceClient(base_url=f"{asks.url}{path}", api_key=key or asks.key)


def chat_of(asks: Asks) -> dict[str, Any]:
    fixed = {"temperature": 0, "max_tokens": asks.max_tokens, "seed": asks.seed}
    return {"model": asks.chat, "messages": asks.messages, **fixed}


def calls_of(choice: Any) -> list[list[Any]]:
    return [
        [call.function.name, json.loads(call.function.arguments)] for call in choice.message.tool_calls or ()
    ]


def whole(answer: Any) -> dict[str, Any]:
    [choice] = answer.choices
    return {
        "text": choice.message.content or "",
        "tools": calls_of(choice),
        "finish": choice.finish_reason,
        "usage": [answer.usage.prompt_tokens, answer.usage.completion_tokens],
    }


def streamed(asks: Asks, body: dict[str, Any]) -> dict[str, Any]:
    text, finish = "", None
    for chunk in client(asks).chat_completion(**body, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return {"text": text, "finish": finish}


@script.feature("chat")
def chat(asks: Asks) -> Any:
    return whole(client(asks).chat_completion(**chat_of(asks)))


@script.feature("chat.stream")
def chat_stream(asks: Asks) -> Any:
    return streamed(asks, chat_of(asks))


@script.feature("chat.tools")
def chat_tools(asks: Asks) -> Any:
    body = {**chat_of(asks), "messages": said(asks.weather), "max_tokens": 60}
    return whole(client(asks).chat_completion(**body, tools=[asks.function], tool_choice="required"))


@script.feature("text_generation")
def text_generation(asks: Asks) -> Any:
    most = {"max_new_tokens": asks.max_tokens, "seed": asks.seed}
    return {"text": client(asks).text_generation(asks.prompt, **most)}


@script.feature("text_generation.details")
def text_generation_details(asks: Asks) -> Any:
    most = {"max_new_tokens": asks.max_tokens, "seed": asks.seed}
    answer = client(asks).text_generation(asks.prompt, **most, details=True)
    return {
        "text": answer.generated_text,
        "finish": answer.details.finish_reason,
        "tokens": answer.details.generated_tokens,
    }


@script.feature("text_generation.stream")
def text_generation_stream(asks: Asks) -> Any:
    most = {"max_new_tokens": asks.max_tokens, "seed": asks.seed}
    return {"text": "".join(client(asks).text_generation(asks.prompt, **most, stream=True))}


@script.feature("feature_extraction")
def feature_extraction(asks: Asks) -> Any:
    found = client(asks, "/embed").feature_extraction(asks.user)
    [vector] = found.tolist()
    return {"vectors": [[round(value, 4) for value in vector[:8]]], "long": [len(vector)]}


@script.feature("async.chat")
async def async_chat(asks: Asks) -> Any:
    async with huggingface_hub.AsyncInferenceClient(base_url=asks.url, api_key=asks.key) as sdk:
        return whole(await sdk.chat_completion(**chat_of(asks)))


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    return whole(client(asks).chat_completion(model=asks.echo, messages=said(asks.private)))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    return streamed(asks, {"model": asks.echo, "messages": said(asks.private)})


@script.feature("recall.stream")
def recall_stream(asks: Asks) -> Any:
    return {"text": "".join(client(asks).text_generation(asks.recall, max_new_tokens=60, stream=True))}


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).chat_completion(**chat_of(stranger))
    except HfHubHTTPError as error:
        answer: Any = error.response
        return told(error, answer.status_code, answer.json())


@script.feature("denied.text_generation")
def denied_text_generation(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).text_generation(stranger.prompt)
    except ValidationError as error:  # it keeps the words alone; the answer stands behind it
        answer: Any = getattr(error.__cause__, "response", None)
        return told(error, answer.status_code, answer.json())


if __name__ == "__main__":
    script.main()
