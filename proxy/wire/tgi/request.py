"""A call of Text Generation Inference's: read by its schema into an exchange, and written anew.

There are three doors: one for whole answers, one for streams, and `/`, where the body says which.
"""

from typing import Final

from proxy.errors import RequestInvalid
from proxy.exchange import Exchange, Json, Path
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.dialect import untranslatable
from proxy.wire.draft import Draft, invalid
from proxy.wire.tgi.fields import SCHEMA

MOST_TOKENS: Final = 100
"""Of an answer that no bound is set for: TGI's own default for years, where an OpenAI server's is 16."""

_BOUNDS: Final[tuple[Path, ...]] = (("parameters", "max_new_tokens"),)

_PENALTY: Final = ("repetition_penalty", "repeat_penalty")
"""vLLM and SGLang know the first of these names, llama.cpp the second; none minds the other."""

_SAMPLING: Final = ("temperature", "top_k", "top_p", "typical_p")
"""TGI takes the likeliest token unless one of these, or `do_sample`, is given."""


def parse_any(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    return _parse("tgi", body, exchange_id, limits, model)


def parse_whole(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    return _parse("tgi_generate", body, exchange_id, limits, model, stream=False)


def parse_stream(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    return _parse("tgi_generate_stream", body, exchange_id, limits, model, stream=True)


def native(exchange: Exchange, _model: str) -> bytes:
    """For another TGI, which serves one model. It is always asked how and after how many tokens it ended,
    and never for the prompt or the tokens' texts."""
    parameters = {
        **exchange.body.get("parameters", {}),
        "details": True,
        "decoder_input_details": False,
        "return_full_text": False,
    }
    return tree.dump({"inputs": exchange.body["inputs"], "parameters": parameters})


def completion(exchange: Exchange, model: str) -> bytes:
    """A prompt on the wire `openai_completions`, where, too, no template stands around it.

    Raises NotTranslatable for a grammar or a watermark.
    """
    parameters = dict(exchange.body.get("parameters", {}))
    for name in ("grammar", "watermark"):
        if parameters.get(name):
            raise untranslatable(("parameters", name))
    asked: dict[str, Json] = {
        "model": model,
        "prompt": exchange.body["inputs"],
        "max_tokens": parameters.get("max_new_tokens", MOST_TOKENS),
        "stream": exchange.stream,
        **{name: parameters[name] for name in ("stop", "seed", "frequency_penalty") if name in parameters},
        **_sampling(parameters),
    }
    if "repetition_penalty" in parameters:
        asked |= dict.fromkeys(_PENALTY, parameters["repetition_penalty"])
    if exchange.stream:
        asked["stream_options"] = {"include_usage": True}
    return tree.dump(asked)


def _parse(
    dialect: str,
    body: Json,
    exchange_id: str,
    limits: Limits,
    model: str | None,
    *,
    stream: bool | None = None,
) -> Exchange:
    if model is None:
        raise RequestInvalid(
            "This call names no model, and none is set for it (listen.default_models).", param="model"
        )
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    draft.body["model"] = model
    said = draft.body.setdefault("stream", stream is True)
    if stream not in (None, said):
        raise invalid(("stream",), f"must be {str(stream).lower()} on this path")
    return draft.exchange(
        exchange_id, dialect, operation="text_completion", stream=said, token_bounds=_BOUNDS
    )


def _sampling(parameters: dict[str, Json]) -> dict[str, Json]:
    given: dict[str, Json] = {name: parameters[name] for name in _SAMPLING if name in parameters}
    if not given and not parameters.get("do_sample"):
        return {"temperature": 0}
    return {"temperature": 1, **given}
