"""OpenAI's responses, without stored state: as vLLM, SGLang, llama.cpp and Ollama speak them, or in chat."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire
from proxy.wire.openai_chat.request import NAME as CHAT
from proxy.wire.openai_errors import error_body
from proxy.wire.openai_responses.chat import chat_body
from proxy.wire.openai_responses.reader import ResponsesReader
from proxy.wire.openai_responses.request import NAME, parse, upstream_body
from proxy.wire.openai_responses.writer import ResponsesWriter

DIALECTS: Final = (
    Dialect(
        NAME,
        ("/v1/responses",),
        parse,
        {NAME: upstream_body, CHAT: chat_body},
        ResponsesWriter,
        error_body,
    ),
)
WIRES: Final = (Wire(NAME, "/v1/responses", ResponsesReader),)
