"""Which clients there are, how each is run, and which of its features is tried in which house.

`compared`: made directly and through the proxy. `translated`: through the proxy, as the model server does
not speak that dialect, or not as its client wants it. Those of them whose names begin as in `natively` are
made again where the server speaks the dialect. `native_only`: compared, but not where it would have to be
translated. `once`: through the proxy, at the scripted model or as somebody who may not.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Where = Literal["direct", "translated", "native"]

ROOT = Path(__file__).parents[2]
CLIENTS_PYTHON = ROOT / ".tools" / "clients" / "bin" / "python"
NPM = Path(__file__).parent / "npm"

SCRIPTED = ("echo.private", "echo.private_stream", "echo.tools", "echo.tools_stream")
DENIED = ("denied", "denied.stream")


@dataclass(frozen=True)
class Client:
    name: str
    command: tuple[str, ...]
    compared: tuple[str, ...] = ()
    translated: tuple[str, ...] = ()
    natively: tuple[str, ...] = ()
    native_only: tuple[str, ...] = ()
    once: tuple[str, ...] = (*SCRIPTED, *DENIED)

    def features(self, where: Where) -> tuple[str, ...]:
        if where == "direct":
            return (*self.compared, *self.native_only)
        if where == "native":
            again = [name for name in (*self.compared, *self.translated) if name.startswith(self.natively)]
            return (*again, *self.native_only)
        return (*self.compared, *self.translated, *self.once)


def _python(module: str, python: str = str(CLIENTS_PYTHON)) -> tuple[str, ...]:
    return (python, "-m", f"tests.clients.scripts.{module}")


def _node(script: str) -> tuple[str, ...]:
    return ("node", str(NPM / script))


OPENAI = Client(
    "openai",
    _python("openai_sdk", sys.executable),
    compared=(
        *("chat", "chat.stream", "chat.stream_helper", "chat.raw", "chat.tools", "chat.tools_stream"),
        *("chat.parse", "async.chat", "async.chat.stream", "completions", "completions.stream"),
        *("embeddings", "embeddings.float"),
    ),
    once=("models", *SCRIPTED, "echo.completions", *DENIED, "unknown_key", "cut"),
)
RESPONSES = Client(
    "openai-responses",
    _python("openai_responses", sys.executable),
    compared=("responses", "responses.stream", "responses.tools", "async.responses"),
    # llama.cpp numbers neither events nor items, and the helper puts its answer together by them.
    translated=("responses.stream_helper", "responses.tools_stream", "responses.tool_result"),
    natively=("responses", "async.responses"),
    # llama.cpp does not look at `text.format` here; at its chat it does.
    once=("responses.parse", *SCRIPTED, *DENIED, "cut"),
)
ANTHROPIC = Client(
    "anthropic",
    _python("anthropic_sdk"),
    compared=(
        *("messages", "messages.stream", "messages.stream_helper", "messages.tools", "messages.tools_stream"),
        *("messages.tool_result", "async.messages", "async.messages.stream_helper"),
    ),
    translated=("messages.stop", "beta.messages"),
    natively=("messages", "async.messages", "beta.messages"),
    native_only=("count_tokens",),
    once=("models", *SCRIPTED, *DENIED, "unknown_key", "cut"),
)
OLLAMA = Client(
    "ollama",
    _python("ollama_sdk"),
    translated=(
        *("chat", "chat.stream", "chat.tools", "chat.tools_stream", "chat.tool_result"),
        *("generate", "generate.stream", "embed", "async.chat", "async.chat.stream"),
    ),
    once=("models", "show", *SCRIPTED, *DENIED, "unknown_key", "cut"),
)
TEXT_GENERATION = Client(
    "text-generation",
    _python("text_generation_sdk"),
    translated=("generate", "generate.stream", "async.generate", "async.generate.stream"),
    once=("generate.stop", "recall", "recall.stream", *DENIED, "unknown_key"),
)
HUGGING_FACE = Client(
    "huggingface_hub",
    _python("huggingface_sdk"),
    compared=("chat", "chat.stream", "chat.tools", "async.chat"),
    translated=(
        *("text_generation", "text_generation.details", "text_generation.stream"),
        *("feature_extraction",),
    ),
    once=("recall.stream", "echo.private", "echo.private_stream", "denied", "denied.text_generation"),
)
LANGCHAIN = Client(
    "langchain-openai",
    _python("langchain_sdk"),
    compared=("invoke", "stream", "tools", "tools_stream", "structured", "async.invoke", "embeddings"),
)
LITELLM = Client(
    "litellm",
    _python("litellm_sdk"),
    compared=(
        *("openai.completion", "openai.stream", "openai.tools", "openai.async", "openai.text_completion"),
        *("openai.embedding", "openai.responses", "anthropic.completion", "anthropic.stream"),
    ),
    translated=("ollama.completion",),
    natively=("openai.responses", "anthropic"),
    once=("echo.private", "echo.private_stream", "echo.tools_stream", "denied", "denied.anthropic"),
)
NPM_OPENAI = Client(
    "npm-openai",
    _node("openai.mjs"),
    compared=(
        *("chat", "chat.stream", "chat.stream_helper", "chat.raw", "chat.tools", "chat.tools_stream"),
        *("completions", "responses", "embeddings"),
    ),
    translated=("responses.stream_helper",),
    natively=("responses",),
    once=("models", "echo.private", "echo.private_stream", "echo.tools_stream", *DENIED, "unknown_key"),
)
NPM_AI = Client(
    "npm-ai",
    _node("ai.mjs"),
    compared=(
        *("compatible.generateText", "compatible.streamText", "compatible.tools", "compatible.tools_stream"),
        *("compatible.generateObject", "compatible.embedMany", "openai.chat", "openai.chat_stream"),
        *("openai.responses",),
    ),
    translated=("openai.responses_stream", "openai.responses_tools_stream"),
    natively=("openai.responses",),
    once=("echo.private", "echo.private_stream", "echo.tools_stream", *DENIED),
)

CLIENTS = (
    OPENAI,
    RESPONSES,
    ANTHROPIC,
    OLLAMA,
    TEXT_GENERATION,
    HUGGING_FACE,
    LANGCHAIN,
    LITELLM,
    NPM_OPENAI,
    NPM_AI,
)
