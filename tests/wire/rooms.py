"""One way for the tests of several rooms: requests as the door reads them, answers in pieces."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Exchange
from proxy.settings import Limits
from proxy.wire import strict_json
from proxy.wire.registers import DIALECTS, WIRES

LIMITS = Limits()


def read(dialect: str, body: Any, *, model: str | None = "m", limits: Limits = LIMITS) -> Exchange:
    tree = strict_json.loads(orjson.dumps(body), depth=limits.json_depth)
    return DIALECTS[dialect].parse(tree, exchange_id="x-1", limits=limits, model=model)


def spelled(exchange: Exchange, wire: str = "") -> Any:
    """For the upstream, which knows the model as `weights`; by default on the dialect's own wire."""
    return json.loads(DIALECTS[exchange.dialect].wires[wire or exchange.dialect](exchange, "weights"))


def events(wire: str, pieces: Iterable[bytes], *, stream: bool = False) -> list[AnswerEvent] | None:
    """None: it was no answer."""
    reader = WIRES[wire].reader(stream)
    try:
        told = [event for piece in pieces for event in reader.feed(piece)]
        return [*told, *reader.finish()]
    except UpstreamUnavailable:
        return None


def written(exchange: Exchange, told: list[AnswerEvent] | None, door: str = "") -> bytes:
    """`door`: the dialect whose path was called, if it is another."""
    assert told is not None
    writer = DIALECTS[door or exchange.dialect].writer(exchange)
    return b"".join(writer.write(event) for event in told)


def cuts(whole: bytes) -> Iterator[list[bytes]]:
    """In two, everywhere; and byte by byte."""
    yield from ([whole[:at], whole[at:]] for at in range(len(whole) + 1))
    yield [whole[at : at + 1] for at in range(len(whole))]
