"""What models there are, as each family of clients asks for it."""

from collections.abc import Sequence

import orjson


def openai_models(names: Sequence[str], created: int) -> bytes:
    """`GET /v1/models`. `created`: unix seconds; which server has a model is not said."""
    models = [{"id": name, "object": "model", "created": created, "owned_by": "sluicegate"} for name in names]
    return orjson.dumps({"object": "list", "data": models})
