"""Text Generation Inference's generate, whole and streamed, and `/`, where the body says which."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire
from proxy.wire.tgi.reader import TgiReader
from proxy.wire.tgi.request import completion, native, parse_any, parse_stream, parse_whole
from proxy.wire.tgi.writer import TgiWriter, error_body

_WIRES: Final = {"tgi_generate": native, "openai_completions": completion}

DIALECTS: Final = (
    Dialect("tgi", ("/",), parse_any, _WIRES, TgiWriter, error_body),
    Dialect("tgi_generate", ("/generate",), parse_whole, _WIRES, TgiWriter, error_body),
    Dialect("tgi_generate_stream", ("/generate_stream",), parse_stream, _WIRES, TgiWriter, error_body),
)
WIRES: Final = (Wire("tgi_generate", "/generate", TgiReader, stream_path="/generate_stream"),)
