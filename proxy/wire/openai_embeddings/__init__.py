"""OpenAI's embeddings, as vLLM, SGLang, llama.cpp, Ollama and TEI serve them too."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire
from proxy.wire.measures import reading, writing
from proxy.wire.openai_embeddings.answer import read, spell
from proxy.wire.openai_embeddings.request import NAME, parse, upstream_body
from proxy.wire.openai_errors import error_body

DIALECTS: Final = (
    Dialect(NAME, ("/v1/embeddings",), parse, {NAME: upstream_body}, writing(spell, error_body), error_body),
)
WIRES: Final = (Wire(NAME, "/v1/embeddings", reading(read)),)
