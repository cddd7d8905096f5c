"""What a dialect is, for callers, and what a wire is, for upstreams: the two registers are made of these.

A dialect reads a caller's request into an exchange and writes the answer's events back as its clients know
them. A wire is one route that an upstream may speak, and the reader of its answers. Each dialect says how an
exchange that was read by it is spelled on which wires: on its own, and translated.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from proxy.errors import NotTranslatable, SluicegateError
from proxy.exchange import AnswerEvent, Exchange, Json, Path
from proxy.settings import Limits
from proxy.wire import sse
from proxy.wire.draft import where

EVENT_STREAM: Final = "text/event-stream"
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"


class Writer(Protocol):
    """Frames events for the caller. A stream's bytes come as they can; a whole answer's with `End`."""

    def write(self, event: AnswerEvent) -> bytes: ...

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        """The end of a stream that has begun and may not go on, as the dialect's clients take an error."""


class AnswerReader(Protocol):
    """Bytes in, events out; `finish` when the upstream has closed the answer. Raises UpstreamUnavailable.

    `dropped` counts, by name, fields that are not known here and that had something in them.
    """

    dropped: Counter[str]

    def feed(self, piece: bytes, /) -> Sequence[AnswerEvent]: ...

    def finish(self) -> Sequence[AnswerEvent]: ...


class Parse(Protocol):
    def __call__(self, body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
        """Read a strictly parsed body. `model`: for a call that names none.

        Raises RequestInvalid with the name of the field.
        """


ErrorBody = Callable[[SluicegateError, str], bytes]
"""An error and the request's id, as a body in the dialect's own shape."""

Spell = Callable[[Exchange, str], bytes]
"""An inspected exchange, and the model's name at the upstream, as the body of a request on a wire.

Raises NotTranslatable with the field that the wire has no word for.
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`paths`: the raw targets that it answers, by POST. `wires`: how it is spelled on each, best first."""

    name: str
    paths: tuple[str, ...]
    parse: Parse
    wires: Mapping[str, Spell]
    writer: Callable[[Exchange], Writer]
    error_body: ErrorBody
    stream_type: str = EVENT_STREAM
    comment: bytes = sse.COMMENT  # keeps a stream warm while text is held back; empty: there is no such word


@dataclass(frozen=True, slots=True)
class Wire:
    """`path` stands behind the upstream's own prefix; `stream_path` where a stream has another one."""

    name: str
    path: str
    reader: Callable[[bool], AnswerReader]
    stream_path: str = ""
    stream_type: str = EVENT_STREAM
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What an upstream is asked, on which wire."""

    wire: str
    body: bytes = field(repr=False)
    stream: bool


def spell(dialect: Dialect, exchange: Exchange, model: str, speaks: Sequence[str]) -> UpstreamRequest:
    """On the first of the dialect's wires that the upstream speaks. Raises NotTranslatable."""
    for wire, spelled in dialect.wires.items():
        if wire in speaks:
            return UpstreamRequest(wire, spelled(exchange, model), exchange.stream)
    raise NotTranslatable(
        f"The server of this model speaks none of: {', '.join(dialect.wires)}.", param="model"
    )


def untranslatable(path: Path, why: str = "") -> NotTranslatable:
    """For what was accepted at this place and has no word on the wire that the model's server speaks."""
    place = where(path)
    return NotTranslatable(why or f"The server of this model has no word for {place}.", param=place)
