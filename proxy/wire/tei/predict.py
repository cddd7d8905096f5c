"""TEI's predict: how likely each class is for a text, or for a pair of texts. No other wire tells as much.

The names of classes come from the model's own configuration. They pass no guard, so they have to look like
names: short, plain, and without a number in them that could be somebody's.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from proxy.exchange import AnswerEvent, Exchange, Json, Path, Score
from proxy.settings import Limits
from proxy.wire import answers, checks, tree
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import BOOLEAN, Field, Schema, governed
from proxy.wire.measures import INPUTS, Measured, finite, name_model
from proxy.wire.tei.fields import COMMON, without_model

NAME: Final = "tei_predict"

CLASSES: Final = 1_024
"""Of one text; the largest public classifiers have a thousand."""

_LABEL: Final = re.compile(r"(?=.{1,48}\Z)[A-Za-z0-9_.:/&+()-]+(?: [A-Za-z0-9_.:/&+()-]+){0,3}")


def _take_inputs(draft: Draft, name: str, value: Json) -> None:
    """A text; one or two in a list, which are one input; or a list of such lists, each of which is one."""
    draft.body[name] = value
    if isinstance(value, list) and value and all(isinstance(one, list) for one in value):
        if len(value) > INPUTS:
            raise invalid((name,), f"must be at most {INPUTS} inputs")
        for index, one in enumerate(value):
            _take_input(draft, one, (name, index))
    else:
        _take_input(draft, value, (name,))


def _take_input(draft: Draft, value: Json, path: Path) -> None:
    if isinstance(value, str):
        draft.text(value, "user", "message", path)
        return
    if not isinstance(value, list) or len(value) not in (1, 2):
        raise invalid(path, "must be a string, or a list of one or two strings")
    for index, one in enumerate(value):
        draft.text(checks.text(one, (*path, index)), "user", "message", (*path, index))


FIELDS: Final[Mapping[str, Field]] = {
    "inputs": governed(f"a string, a pair of them, or up to {INPUTS} lists of one or two", _take_inputs),
    "raw_scores": BOOLEAN,
    **COMMON,
}

SCHEMA: Final = Schema(FIELDS, ("inputs",))


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    inputs = draft.body["inputs"]
    draft.answers = len(inputs) if _is_batch(inputs) else 1
    return draft.exchange(exchange_id, NAME, operation="classify")


def _is_batch(inputs: Json) -> bool:
    return isinstance(inputs, list) and isinstance(inputs[0], list)


def upstream_body(exchange: Exchange, _model: str) -> bytes:
    return tree.dump(without_model(exchange))


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    if not isinstance(body, list) or len(body) > max(INPUTS, CLASSES):
        raise answers.malformed("predictions")
    batch = body if body and isinstance(body[0], list) else [body]
    for index, predictions in enumerate(batch):
        classes = answers.objects(predictions, "predictions")
        if not 1 <= len(classes) <= CLASSES:
            raise answers.malformed("predictions")
        for one in classes:
            answers.count_unknown(dropped, one, _PREDICTION)
            yield Score(index, finite(one.get("score"), "score"), _label(one.get("label")))


def _label(value: Json) -> str:
    if not isinstance(value, str) or _LABEL.fullmatch(value) is None:
        raise answers.malformed("label")
    if sum(map(str.isdigit, value)) >= tree.TELLING_DIGITS:
        raise answers.malformed("label")
    return value


def spell(exchange: Exchange, measured: Measured) -> Json:
    """In the order of the inputs, and of the server for each."""
    ordered = sorted(measured.scores, key=lambda one: one.index)
    predictions = [
        [{"score": one.value, "label": one.label} for one in group]
        for _, group in groupby(ordered, key=lambda one: one.index)
    ]
    return predictions if _is_batch(exchange.body["inputs"]) else predictions[0]


_PREDICTION: Final = frozenset({"score", "label"})
