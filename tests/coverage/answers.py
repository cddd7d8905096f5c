"""What becomes of every field of every upstream's answer, whole and streamed, at the end of the real way.

The bytes of an example, with a canary in one place, go through the wire's reader, the conductor and the
dialect's writer; what the client would hear is looked at.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.engines import UpstreamAnswer, UpstreamRoute
from proxy.errors import SluicegateError
from proxy.exchange import AnswerEvent, Delta, Exchange
from proxy.settings import Limits
from proxy.wire.dialect import AnswerReader, Dialect, UpstreamRequest, Wire
from proxy.wire.registers import DIALECTS, WIRES
from tests.conductor.plays import ANNA, Play
from tests.coverage.examples import ANSWERS, REQUESTS
from tests.coverage.observe import CANARY, Cell, Fate
from tests.coverage.places import Leaf, leaves, place, planted, with_canary
from tests.fakes import MAIL, ScriptedPolicies, ScriptedUpstream, allow


@dataclass
class Heard:
    """`said`: every byte that the client received. `events`: what the reader made of the answer."""

    said: bytes = b""
    error: SluicegateError | None = None
    events: list[AnswerEvent] = field(default_factory=list)


def way(wire: Wire) -> Dialect:
    """The dialect that is native to a wire, else the first that is spelled on it."""
    if wire.name in DIALECTS:
        return DIALECTS[wire.name]
    return next(one for one in DIALECTS.values() if wire.name in one.wires)


def request(wire: Wire, *, stream: bool) -> tuple[Dialect, dict[str, Any]]:
    """The request that an example answers; where streams have another path, they have another dialect."""
    dialect = way(wire)
    named = DIALECTS.get(f"{wire.name}_stream") if stream else None
    body = dict(REQUESTS[(named or dialect).name][0])
    if named is None and "stream" in ANSWERS[wire.name]:
        body["stream"] = stream
    if not stream:
        body.pop("stream_options", None)
    return named or dialect, body


def asked(wire: Wire, *, stream: bool) -> Exchange:
    dialect, body = request(wire, stream=stream)
    return dialect.parse(body, exchange_id="exchange-1", limits=Limits(), model="m")


class ByteAnswer:
    def __init__(self, pieces: Iterable[bytes], reader: AnswerReader, heard: Heard) -> None:
        self._pieces = pieces
        self._reader = reader
        self._heard = heard

    @property
    def dropped(self) -> dict[str, int]:
        return dict(self._reader.dropped)

    async def events(self) -> AsyncIterator[Sequence[AnswerEvent]]:
        for piece in self._pieces:
            events = self._reader.feed(piece)
            self._heard.events += events
            if events:
                yield events
        events = self._reader.finish()
        self._heard.events += events
        if events:
            yield events

    async def close(self) -> None:
        pass


class ByteUpstream(ScriptedUpstream):
    """Answers these bytes on this wire, whatever it is asked."""

    def __init__(self, wire: Wire, pieces: Iterable[bytes], heard: Heard, model: str) -> None:
        super().__init__()
        self._wire, self._pieces, self._heard = wire, pieces, heard
        self.served = {model: (UpstreamRoute("local", "weights-1", "", (wire.name,)),)}

    async def open(self, route: UpstreamRoute, request: UpstreamRequest) -> UpstreamAnswer:
        return ByteAnswer(self._pieces, self._wire.reader(request.stream), self._heard)


async def listen(wire: Wire, pieces: Iterable[bytes], *, stream: bool) -> Heard:
    """What a client hears of an answer that comes in these pieces."""
    heard = Heard()
    exchange = asked(wire, stream=stream)
    policies = ScriptedPolicies(admission=allow(redact_answer=(MAIL,)))
    play = Play(policies=policies, upstream=ByteUpstream(wire, pieces, heard, exchange.model))
    writer = DIALECTS[exchange.dialect].writer(exchange)
    said: list[bytes] = []
    try:
        async with play.conductor.converse(ANNA, exchange) as reply:
            async for out in reply.stream(writer):
                said.append(out)  # noqa: PERF401  what came before an error counts
    except SluicegateError as error:
        heard.error = error
        if stream and said:
            said.append(writer.error(error, exchange.id))
    heard.said = b"".join(said)
    return heard


# -- an answer as frames, each of which holds one JSON document


@dataclass(frozen=True)
class Frame:
    before: bytes
    document: Any
    after: bytes

    @property
    def raw(self) -> bytes:
        return self.before + json.dumps(self.document, ensure_ascii=False).encode() + self.after


def frames(answer: bytes) -> list[Frame]:
    """The whole body, the lines of NDJSON, or the events of a stream; what is no JSON stands around them."""
    try:
        return [Frame(b"", json.loads(answer), b"")]
    except ValueError:
        pass
    found: list[Frame] = []
    held = b""
    for line in answer.splitlines(keepends=True):
        marker = b"data:" if line.startswith(b"data:") else b""
        try:
            document = json.loads(line.removeprefix(marker))
        except ValueError:
            held += line
            continue
        found.append(Frame(held + marker + (b" " if marker else b""), document, b"\n"))
        held = b""
    return [*found, Frame(held, None, b"")] if held else found


def joined(pieces: Iterable[Frame]) -> bytes:
    return b"".join(one.before if one.document is None else one.raw for one in pieces)


def places(answer: bytes) -> Iterator[tuple[int, Leaf]]:
    for number, one in enumerate(frames(answer)):
        if one.document is not None:
            yield from ((number, leaf) for leaf in leaves(one.document))


def with_canary_in(answer: bytes, number: int, leaf: Leaf) -> bytes:
    pieces = frames(answer)
    one = pieces[number]
    pieces[number] = Frame(one.before, with_canary(one.document, leaf, CANARY), one.after)
    return joined(pieces)


async def answer_cells(wire: Wire) -> list[Cell]:
    """Raises AssertionError for a leak."""
    fates: dict[str, Fate] = {}
    for form, answer in ANSWERS[wire.name].items():
        plain = await listen(wire, [answer], stream=form == "stream")
        assert plain.error is None, f"{wire.name}, {form}: the example itself is refused: {plain.error}"
        for number, leaf in places(answer):
            name = f"{form}: {place(leaf.path)}"
            fate = await _fate(wire, form, answer, number, leaf)
            fates[name] = max(fate, fates.get(name, fate), key=_ORDER.index)
    return sorted(Cell(wire.name, name, fate) for name, fate in fates.items())


_ORDER: tuple[Fate, ...] = ("inert", "not forwarded", "refused", "governed", "unscannable")


async def _fate(wire: Wire, form: str, answer: bytes, number: int, leaf: Leaf) -> Fate:
    if not isinstance(leaf.value, str):
        return await _number(wire, form, answer, number, leaf)
    heard = await listen(wire, [with_canary_in(answer, number, leaf)], stream=form == "stream")
    assert CANARY.encode() not in heard.said, f"{wire.name}, {form}: {place(leaf.path)} reaches the client"
    if heard.error is not None:
        return "refused"
    seen = any(isinstance(event, Delta) and CANARY in event.text for event in heard.events)
    return "governed" if seen else "not forwarded"


async def _number(wire: Wire, form: str, answer: bytes, number: int, leaf: Leaf) -> Fate:
    """Numbers and switches: whether one that stands there is heard."""
    if type(leaf.value) not in (int, float):
        return "inert"
    telling = type(leaf.value)(987654321)
    pieces = frames(answer)
    one = pieces[number]
    pieces[number] = Frame(one.before, planted(one.document, leaf.path, telling), one.after)
    heard = await listen(wire, [joined(pieces)], stream=form == "stream")
    if heard.error is not None:
        return "inert"  # a closed set of numbers, such as an index
    return "inert" if b"987654321" in heard.said else "not forwarded"


ALL_WIRES = list(WIRES.values())
