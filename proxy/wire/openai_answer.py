"""The way back of the OpenAI dialect, by one name: reading the upstream's answer and writing the caller's."""

from collections.abc import Iterable

import orjson

from proxy.wire.openai_errors import error_body
from proxy.wire.openai_reader import ChatReader
from proxy.wire.openai_writer import ChatWriter

__all__ = ["ChatReader", "ChatWriter", "error_body", "models_body"]


def models_body(names: Iterable[str], created: int) -> bytes:
    """What `GET /v1/models` answers. `created`: unix seconds; which server has a model is not said."""
    models = [{"id": name, "object": "model", "created": created, "owned_by": "sluicegate"} for name in names]
    return orjson.dumps({"object": "list", "data": models})
