"""OpenAI's chat completions, with what vLLM, SGLang, llama.cpp, Ollama and TGI add to it."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire
from proxy.wire.openai_chat.reader import ChatReader
from proxy.wire.openai_chat.request import NAME, parse, upstream_body
from proxy.wire.openai_chat.writer import ChatWriter
from proxy.wire.openai_errors import error_body

DIALECTS: Final = (
    Dialect(NAME, ("/v1/chat/completions",), parse, {NAME: upstream_body}, ChatWriter, error_body),
)
WIRES: Final = (Wire(NAME, "/v1/chat/completions", ChatReader),)
