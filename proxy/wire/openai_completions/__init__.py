"""OpenAI's text completions, with what vLLM, SGLang and llama.cpp add to them.

Not translated into a chat: the model would read the prompt in a template that nobody asked for.
"""

from typing import Final

from proxy.wire.dialect import Dialect, Wire
from proxy.wire.openai_completions.reader import CompletionReader
from proxy.wire.openai_completions.request import NAME, parse, upstream_body
from proxy.wire.openai_completions.writer import CompletionWriter
from proxy.wire.openai_errors import error_body

DIALECTS: Final = (
    Dialect(NAME, ("/v1/completions",), parse, {NAME: upstream_body}, CompletionWriter, error_body),
)
WIRES: Final = (Wire(NAME, "/v1/completions", CompletionReader),)
