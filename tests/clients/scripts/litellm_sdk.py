"""The `litellm` SDK: one call for many kinds of servers, here as OpenAI's, as Anthropic's and as Ollama's."""

import json
from typing import Any

import litellm

from tests.clients.scripts.telling import Asks, Script, said, told

script = Script()


def body_of(asks: Asks, model: str, **more: Any) -> dict[str, Any]:
    fixed = {"temperature": 0, "max_tokens": asks.max_tokens}
    return {"model": model, "messages": asks.messages, "api_key": asks.key, **fixed, **more}


def openai_of(asks: Asks, **more: Any) -> dict[str, Any]:
    return body_of(asks, f"openai/{asks.chat}", api_base=f"{asks.url}/v1", **more)


def anthropic_of(asks: Asks, **more: Any) -> dict[str, Any]:
    return body_of(asks, f"anthropic/{asks.chat}", api_base=asks.url, **more)


def ollama_of(asks: Asks, **more: Any) -> dict[str, Any]:
    """It sends these bodies without a type, and a body without a type is refused."""
    typed = {"Content-Type": "application/json"}
    return body_of(asks, f"ollama_chat/{asks.chat}", api_base=asks.url, extra_headers=typed, **more)


def whole(answer: Any) -> dict[str, Any]:
    [choice] = answer.choices
    calls = choice.message.tool_calls or ()
    return {
        "text": choice.message.content or "",
        "tools": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
        "finish": choice.finish_reason,
        "usage": [answer.usage.prompt_tokens, answer.usage.completion_tokens],
    }


def streamed(body: dict[str, Any]) -> dict[str, Any]:
    chunks = list(litellm.completion(**body, stream=True, stream_options={"include_usage": True}))
    return whole(litellm.stream_chunk_builder(chunks))


@script.feature("openai.completion")
def completion(asks: Asks) -> Any:
    return whole(litellm.completion(**openai_of(asks)))


@script.feature("openai.stream")
def stream(asks: Asks) -> Any:
    return streamed(openai_of(asks))


@script.feature("openai.tools")
def tools(asks: Asks) -> Any:
    body = openai_of(asks, messages=said(asks.weather), max_tokens=60)
    return whole(litellm.completion(**body, tools=[asks.function], tool_choice="required"))


@script.feature("openai.async")
async def asyncly(asks: Asks) -> Any:
    return whole(await litellm.acompletion(**openai_of(asks)))


@script.feature("openai.text_completion")
def text_completion(asks: Asks) -> Any:
    answer = litellm.text_completion(
        model=f"text-completion-openai/{asks.chat}",
        prompt=asks.prompt,
        api_base=f"{asks.url}/v1",
        api_key=asks.key,
        temperature=0,
        max_tokens=asks.max_tokens,
    )
    return {"text": answer.choices[0].text}


@script.feature("openai.embedding")
def embedding(asks: Asks) -> Any:
    answer = litellm.embedding(
        model=f"openai/{asks.embed}",
        input=[asks.user, asks.prompt],
        api_base=f"{asks.url}/v1",
        api_key=asks.key,
        encoding_format="float",
    )
    found = [one["embedding"] for one in answer.data]
    return {
        "vectors": [[round(value, 4) for value in one[:8]] for one in found],
        "long": [len(one) for one in found],
    }


@script.feature("openai.responses")
def responses(asks: Asks) -> Any:
    answer = litellm.responses(
        model=f"openai/{asks.chat}",
        instructions=asks.system,
        input=asks.user,
        api_base=f"{asks.url}/v1",
        api_key=asks.key,
        temperature=0,
        max_output_tokens=asks.max_tokens,
    )
    return {"text": "".join(part.text for item in answer.output for part in item.content)}


@script.feature("anthropic.completion")
def anthropic_completion(asks: Asks) -> Any:
    return whole(litellm.completion(**anthropic_of(asks)))


@script.feature("anthropic.stream")
def anthropic_stream(asks: Asks) -> Any:
    return streamed(anthropic_of(asks))


@script.feature("ollama.completion")
def ollama_completion(asks: Asks) -> Any:
    return whole(litellm.completion(**ollama_of(asks)))


@script.feature("echo.private")
def echo_private(asks: Asks) -> Any:
    body = openai_of(asks, messages=said(asks.private), max_tokens=500)
    return whole(litellm.completion(**{**body, "model": f"openai/{asks.echo}"}))


@script.feature("echo.private_stream")
def echo_private_stream(asks: Asks) -> Any:
    body = openai_of(asks, messages=said(asks.private), max_tokens=500)
    return streamed({**body, "model": f"openai/{asks.echo}"})


@script.feature("echo.tools_stream")
def echo_tools_stream(asks: Asks) -> Any:
    body = openai_of(asks, messages=said(asks.private), max_tokens=500, tools=[asks.function])
    return streamed({**body, "model": f"openai/{asks.echo}"})


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        litellm.completion(**openai_of(stranger))
    except litellm.exceptions.APIError as error:
        return told(error, error.status_code, [str(error), getattr(error, "body", None)])
    except litellm.exceptions.PermissionDeniedError as error:
        return told(error, error.status_code, [str(error), error.body])


@script.feature("denied.anthropic")
def denied_anthropic(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        litellm.completion(**anthropic_of(stranger))
    except (litellm.exceptions.PermissionDeniedError, litellm.exceptions.APIError) as error:
        return told(error, error.status_code, [str(error), getattr(error, "body", None)])


if __name__ == "__main__":
    script.main()
