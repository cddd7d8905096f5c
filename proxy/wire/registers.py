"""Every dialect that callers may speak, and every wire that an upstream may."""

from collections.abc import Mapping
from typing import Final

from proxy.wire import (
    anthropic,
    ollama,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
    tei,
    tgi,
    vllm,
)
from proxy.wire.dialect import Dialect, Wire

_ROOMS: Final = (
    openai_chat,
    openai_completions,
    openai_responses,
    openai_embeddings,
    anthropic,
    ollama,
    tgi,
    tei,
    vllm,
)

DIALECTS: Final[Mapping[str, Dialect]] = {one.name: one for room in _ROOMS for one in room.DIALECTS}
WIRES: Final[Mapping[str, Wire]] = {one.name: one for room in _ROOMS for one in room.WIRES}
