"""The official `text-generation` package of Text Generation Inference. Its calls name no model."""

from typing import Any

import text_generation
from text_generation import errors

from tests.clients.scripts.telling import Asks, Script, told

script = Script()


def client(asks: Asks, key: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {key or asks.key}"}
    return text_generation.Client(asks.url, headers=headers, timeout=60)


def parts_of(asks: Asks, parts: list[Any]) -> dict[str, Any]:
    text = "".join(part.token.text for part in parts if not part.token.special)
    assert parts[-1].generated_text == text
    return {"text": text, **details_of(parts[-1].details)}


def details_of(details: Any) -> dict[str, Any]:
    return {"finish": details.finish_reason.value, "tokens": details.generated_tokens}


@script.feature("generate")
def generate(asks: Asks) -> Any:
    answer = client(asks).generate(asks.prompt, max_new_tokens=asks.max_tokens, seed=asks.seed)
    return {"text": answer.generated_text, **details_of(answer.details)}


@script.feature("generate.stream")
def generate_stream(asks: Asks) -> Any:
    stream = client(asks).generate_stream(asks.prompt, max_new_tokens=asks.max_tokens, seed=asks.seed)
    return parts_of(asks, list(stream))


@script.feature("generate.stop")
def generate_stop(asks: Asks) -> Any:
    answer = client(asks).generate(asks.prompt, max_new_tokens=asks.max_tokens, stop_sequences=[" of"])
    return {"text": answer.generated_text, "finish": answer.details.finish_reason.value}


@script.feature("async.generate")
async def async_generate(asks: Asks) -> Any:
    sdk = text_generation.AsyncClient(asks.url, headers={"Authorization": f"Bearer {asks.key}"}, timeout=60)
    answer = await sdk.generate(asks.prompt, max_new_tokens=asks.max_tokens, seed=asks.seed)
    return {"text": answer.generated_text, **details_of(answer.details)}


@script.feature("async.generate.stream")
async def async_generate_stream(asks: Asks) -> Any:
    sdk = text_generation.AsyncClient(asks.url, headers={"Authorization": f"Bearer {asks.key}"}, timeout=60)
    stream = sdk.generate_stream(asks.prompt, max_new_tokens=asks.max_tokens, seed=asks.seed)
    return parts_of(asks, [part async for part in stream])


@script.feature("recall")
def recall(asks: Asks) -> Any:
    return {"text": client(asks).generate(asks.recall, max_new_tokens=60).generated_text}


@script.feature("recall.stream")
def recall_stream(asks: Asks) -> Any:
    return parts_of(asks, list(client(asks).generate_stream(asks.recall, max_new_tokens=60)))


@script.feature("denied")
def denied(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        client(stranger).generate(stranger.prompt, max_new_tokens=asks.max_tokens)
    except errors.ValidationError as error:
        return told(error, None, str(error))


@script.feature("denied.stream")
def denied_stream(asks: Asks) -> Any:
    stranger = asks.as_stranger()
    try:
        list(client(stranger).generate_stream(stranger.prompt, max_new_tokens=asks.max_tokens))
    except errors.ValidationError as error:
        return told(error, None, str(error))


@script.feature("unknown_key")
def unknown_key(asks: Asks) -> Any:
    try:
        client(asks, "sg-wrong").generate(asks.prompt)
    except errors.ValidationError as error:
        return told(error, None, str(error))


if __name__ == "__main__":
    script.main()
