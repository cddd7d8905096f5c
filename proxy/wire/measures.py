"""What the dialects without words in their answers share: lists of texts in, one body of numbers out.

Embeddings, scores, classes and tokens are never streamed: an answer is read when it is whole and written when
the last decision has been made.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from proxy.errors import SluicegateError
from proxy.exchange import (
    AnswerEvent,
    Delta,
    End,
    Exchange,
    Head,
    Json,
    Score,
    Tokens,
    Usage,
    Vector,
)
from proxy.wire import answers, checks
from proxy.wire.dialect import AnswerReader, ErrorBody, Writer
from proxy.wire.draft import Draft, Source, invalid
from proxy.wire.fields import Take

INPUTS: Final = 2_048
"""Texts of one request; as many as OpenAI takes."""


def take_text(role: str, source: Source) -> Take:
    def take(draft: Draft, name: str, value: Json) -> None:
        draft.text(checks.text(value, (name,)), role, source, (name,))
        draft.body[name] = value

    return take


def take_texts(role: str, source: Source) -> Take:
    """A string or a list of strings. Token ids, which some servers take too, cannot be inspected."""

    def take(draft: Draft, name: str, value: Json) -> None:
        many = value if isinstance(value, list) else [value]
        if not 1 <= len(many) <= INPUTS or not all(isinstance(one, str) for one in many):
            raise invalid((name,), f"must be a string or a list of 1 to {INPUTS} strings, not token ids")
        for index, one in enumerate(many):
            draft.text(one, role, source, (name, index) if isinstance(value, list) else (name,))
        draft.body[name] = value

    return take


def name_model(draft: Draft, model: str | None) -> None:
    """For a call that may leave its model unnamed: the one that the settings name for its dialect."""
    if "model" in draft.body:
        return
    if model is None:
        raise invalid(("model",), "is missing, and listen.default_models names none for this dialect")
    draft.body["model"] = model


class WholeReader:
    """`read` makes the events of an answer that has come as a whole, all but its end."""

    def __init__(self, read: Callable[[Json, Counter[str]], Iterable[AnswerEvent]]) -> None:
        self.dropped: Counter[str] = Counter()
        self._read = read
        self._body = answers.Body()

    def feed(self, piece: bytes) -> Sequence[AnswerEvent]:
        self._body.hold(piece)
        return ()

    def finish(self) -> Sequence[AnswerEvent]:
        return [*self._read(answers.parsed(self._body.take()), self.dropped), End()]


def reading(read: Callable[[Json, Counter[str]], Iterable[AnswerEvent]]) -> Callable[[bool], AnswerReader]:
    """For the register of wires: these answer no stream."""
    return lambda _stream: WholeReader(read)


@dataclass(slots=True)
class Measured:
    """Everything of one answer."""

    head: Head = field(default_factory=lambda: Head(0))
    vectors: list[Vector] = field(default_factory=list, repr=False)
    scores: list[Score] = field(default_factory=list)
    tokens: Tokens | None = field(default=None, repr=False)
    texts: list[str] = field(default_factory=list, repr=False)
    usage: Usage = field(default_factory=lambda: Usage(0, 0))


class WholeWriter:
    """Gathers an answer's events, and writes them at the end as the body that `spell` makes of them."""

    def __init__(
        self, exchange: Exchange, spell: Callable[[Exchange, Measured], Json], error_body: ErrorBody
    ) -> None:
        self._exchange = exchange
        self._spell = spell
        self._error_body = error_body
        self._measured = Measured()

    def write(self, event: AnswerEvent) -> bytes:
        measured = self._measured
        match event:
            case Vector():
                measured.vectors.append(event)
            case Score():
                measured.scores.append(event)
            case Tokens():
                measured.tokens = event
            case Delta(_, text):
                measured.texts.append(text)
            case Head():
                measured.head = event
            case Usage():
                measured.usage = event
            case End():
                return orjson.dumps(self._spell(self._exchange, measured))
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return self._error_body(error, request_id)


def writing(
    spell: Callable[[Exchange, Measured], Json], error_body: ErrorBody
) -> Callable[[Exchange], Writer]:
    """For the register of dialects."""
    return lambda exchange: WholeWriter(exchange, spell, error_body)


def finite(value: Json, what: str) -> float:
    """A number of an answer. JSON knows neither NaN nor infinities, and its parser here refuses them."""
    if type(value) not in (int, float):  # a bool is an int to isinstance
        raise answers.malformed(what)
    return float(value)


def each_once(indexes: Sequence[int], what: str) -> None:
    """Every measure tells what it measures by its number: two with one number are a server's mistake."""
    if len(set(indexes)) < len(indexes):
        raise answers.malformed(what)


def booked(usage: Usage) -> dict[str, Json]:
    """As the servers tell it where nothing was completed."""
    return {"prompt_tokens": usage.prompt, "total_tokens": usage.prompt + usage.completion}
