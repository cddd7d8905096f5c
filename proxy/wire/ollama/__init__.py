"""Ollama's chat, generate and embed, and the older embeddings."""

from functools import partial
from typing import Final

from proxy.wire.dialect import NDJSON, Dialect, Wire
from proxy.wire.ollama import translation
from proxy.wire.ollama.reader import TextReader, VectorReader
from proxy.wire.ollama.request import (
    native,
    native_embeddings,
    parse_chat,
    parse_embed,
    parse_embeddings,
    parse_generate,
)
from proxy.wire.ollama.writer import CHAT_COMMENT, GENERATE_COMMENT, TextWriter, VectorWriter, error_body

DIALECTS: Final = (
    Dialect(
        "ollama_chat",
        ("/api/chat",),
        parse_chat,
        {"ollama_chat": native, "openai_chat": translation.chat},
        partial(TextWriter, kind="chat"),
        error_body,
        NDJSON,
        CHAT_COMMENT,
    ),
    Dialect(
        "ollama_generate",
        ("/api/generate",),
        parse_generate,
        {"ollama_generate": native, "openai_chat": translation.generate},
        partial(TextWriter, kind="generate"),
        error_body,
        NDJSON,
        GENERATE_COMMENT,
    ),
    Dialect(
        "ollama_embed",
        ("/api/embed",),
        parse_embed,
        {"ollama_embed": native, "openai_embeddings": translation.embed},
        VectorWriter,
        error_body,
    ),
    Dialect(
        "ollama_embeddings",
        ("/api/embeddings",),
        parse_embeddings,
        {"ollama_embed": native_embeddings, "openai_embeddings": translation.embed},
        VectorWriter,
        error_body,
    ),
)
WIRES: Final = (
    Wire("ollama_chat", "/api/chat", TextReader, stream_type=NDJSON),
    Wire("ollama_generate", "/api/generate", TextReader, stream_type=NDJSON),
    Wire("ollama_embed", "/api/embed", VectorReader),
)
