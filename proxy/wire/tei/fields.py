"""The fields that TEI's requests share, and what becomes of them on other wires."""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Exchange, Json
from proxy.wire.dialect import untranslatable
from proxy.wire.fields import BOOLEAN, TEMPLATE, Field, refused, word

TRUNCATION: Final[Mapping[str, Field]] = {
    "truncate": BOOLEAN,
    "truncation_direction": word("left", "right", "Left", "Right"),
}

COMMON: Final[Mapping[str, Field]] = {
    **TRUNCATION,
    "prompt_name": TEMPLATE,
    "parameters": refused("put its fields into the body itself, where they are read one by one"),
    "model": refused("calls in this dialect name no model; listen.default_models does"),
}


def without_model(exchange: Exchange) -> dict[str, Json]:
    """A TEI server has one model, and calls to it name none."""
    return {name: value for name, value in exchange.body.items() if name != "model"}


def only_defaults(exchange: Exchange, defaults: Mapping[str, Json]) -> None:
    """For a wire that has no word for a parameter: what it does anyway may be asked for.

    Raises NotTranslatable for any other parameter and any other value.
    """
    for name, value in exchange.parameters.items():
        if name not in defaults or (defaults[name] is not None and value != defaults[name]):
            raise untranslatable((name,))
