"""Anthropic's messages and their count of tokens, as llama.cpp, vLLM, SGLang and Ollama speak them."""

from typing import Final

from proxy.wire.anthropic.chat import chat_body, tokenize_body
from proxy.wire.anthropic.errors import error_body
from proxy.wire.anthropic.reader import CountReader, MessageReader
from proxy.wire.anthropic.request import COUNT_TOKENS, MESSAGES, parse, parse_count, upstream_body
from proxy.wire.anthropic.writer import PING, CountWriter, MessageWriter
from proxy.wire.dialect import Dialect, Wire

_VERSION: Final = {"anthropic-version": "2023-06-01"}
"""The only one there is; what the caller's says is not passed on."""

DIALECTS: Final = (
    Dialect(
        MESSAGES,
        ("/v1/messages", "/v1/messages?beta=true"),
        parse,
        {MESSAGES: upstream_body, "openai_chat": chat_body},
        MessageWriter,
        error_body,
        comment=PING,
    ),
    Dialect(
        COUNT_TOKENS,
        ("/v1/messages/count_tokens", "/v1/messages/count_tokens?beta=true"),
        parse_count,
        {COUNT_TOKENS: upstream_body, "vllm_tokenize": tokenize_body},
        CountWriter,
        error_body,
    ),
)
WIRES: Final = (
    Wire(MESSAGES, "/v1/messages", MessageReader, headers=_VERSION),
    Wire(COUNT_TOKENS, "/v1/messages/count_tokens", CountReader, headers=_VERSION),
)
