"""What models there are, as each family of clients asks for it, and what each family asks of a server.

Only names are told: which server has a model, how large it is and when it changed there is the house's own.
What a family's shape demands besides is empty or zero.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from proxy.errors import ModelUnknown, RequestInvalid
from proxy.exchange import Json

OLLAMA_VERSION: Final = "0.13.0"
"""Of the API of Ollama's that is spoken here. Clients ask for it and refuse to talk to old ones."""

TGI_STOPS: Final = 16
"""As many stop strings as `proxy.wire.tgi.fields` takes."""

_OLLAMA_DETAILS: Final = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}


def openai_models(names: Sequence[str], created: int) -> bytes:
    """`GET /v1/models`. `created`: unix seconds."""
    return orjson.dumps({"object": "list", "data": [_openai(name, created) for name in names]})


def openai_model(name: str, created: int) -> bytes:
    """`GET /v1/models/…`."""
    return orjson.dumps(_openai(name, created))


def anthropic_models(names: Sequence[str], created: int) -> bytes:
    """`GET /v1/models` of a client that speaks Anthropic's dialect: all on one page."""
    page = {
        "data": [_anthropic(name, created) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }
    return orjson.dumps(page)


def anthropic_model(name: str, created: int) -> bytes:
    """`GET /v1/models/…` of such a client."""
    return orjson.dumps(_anthropic(name, created))


def ollama_tags(names: Sequence[str], created: int) -> bytes:
    """`GET /api/tags`."""
    models = [
        {
            "name": name,
            "model": name,
            "modified_at": _rfc3339(created),
            "size": 0,
            "digest": "",
            "details": _OLLAMA_DETAILS,
        }
        for name in names
    ]
    return orjson.dumps({"models": models})


def ollama_show(created: int) -> bytes:
    """`POST /api/show`: template, parameters and licence stand at the model's server, and stay there."""
    shown = {"modified_at": _rfc3339(created), "details": _OLLAMA_DETAILS, "model_info": {}}
    return orjson.dumps({**shown, "capabilities": ["completion"]})


def ollama_version() -> bytes:
    """`GET /api/version`."""
    return orjson.dumps({"version": OLLAMA_VERSION})


def tgi_info(name: str, version: str) -> bytes:
    """`GET /info`. `name`: of the model that calls without a name get. `version`: our own."""
    told = {
        "model_id": name,
        "model_pipeline_tag": "text-generation",
        "max_stop_sequences": TGI_STOPS,
        "max_best_of": 1,
        "router": "sluicegate",
        "version": version,
    }
    return orjson.dumps(told)


def shown_model(body: Json) -> str:
    """The name in a body of `POST /api/show`. Raises RequestInvalid."""
    if not isinstance(body, dict) or body.keys() - {"model", "name", "verbose"}:
        raise RequestInvalid("The body must be an object with model, and at most verbose beside it.")
    name = body.get("model") or body.get("name")
    if not isinstance(name, str):
        raise RequestInvalid("model must be a string.", param="model")
    return name


def visible(name: str | None, names: Sequence[str]) -> str:
    """The name, if it is among these. Raises ModelUnknown, and says the same of a model that there is not
    and of one that the caller may not see."""
    if name is None or name not in names:
        raise ModelUnknown("No such model is served here; see the list of models.", param="model")
    return name


def _openai(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "sluicegate"}


def _anthropic(name: str, created: int) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _rfc3339(created)}


def _rfc3339(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}Z"
