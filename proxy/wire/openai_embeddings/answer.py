"""The answer to an embeddings request: read from an OpenAI-compatible server, and written for the caller.

A caller gets the form that they asked for, whichever the server chose.
"""

import binascii
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from proxy.exchange import AnswerEvent, Exchange, Json, Vector
from proxy.wire import answers
from proxy.wire.measures import INPUTS, Measured, booked, each_once

DIMENSIONS: Final = 65_536
"""Sixteen times what the largest models of today give."""

LARGEST: Final = 2.0**127
"""Of a number in a vector: the last power of two that a 32-bit float has room for."""

_FLOAT_BYTES: Final = 4


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    envelope = answers.members(body)
    answers.count_unknown(dropped, envelope, _ENVELOPE)
    yield answers.head(envelope)
    entries = answers.objects(envelope.get("data"), "data")
    each_once([answers.index(entry.get("index"), INPUTS) for entry in entries], "index")
    for entry in entries:
        answers.count_unknown(dropped, entry, _ENTRY)
        yield Vector(entry["index"], vector(entry.get("embedding")))
    if envelope.get("usage") is not None:
        yield answers.usage(envelope["usage"])


def vector(value: Json) -> tuple[float, ...] | str:
    """A list of numbers, or the base64 of 32-bit floats and of nothing else. Raises UpstreamUnavailable."""
    if isinstance(value, str):
        try:
            _check(binascii.a2b_base64(value, strict_mode=True))
        except ValueError:  # not ASCII, or not base64
            raise answers.malformed("embedding") from None
        return value
    if not isinstance(value, list) or not 0 < len(value) <= DIMENSIONS:
        raise answers.malformed("embedding")
    if not _NUMBERS.issuperset(map(type, value)) or not -LARGEST < min(value) <= max(value) < LARGEST:
        raise answers.malformed("embedding")
    return tuple(value)


def _check(packed: bytes) -> None:
    """That these are 32-bit floats, little-endian, and none of them a NaN, infinite, or past `LARGEST`.

    The last byte of such a one tells, for its exponent is all ones, or nearly: looking at that byte takes
    a hundredth of the time that looking at numbers does.
    """
    last = packed[_FLOAT_BYTES - 1 :: _FLOAT_BYTES]
    if len(packed) % _FLOAT_BYTES or not 0 < len(last) <= DIMENSIONS or 0x7F in last or 0xFF in last:
        raise answers.malformed("embedding")


def spell(exchange: Exchange, measured: Measured) -> Json:
    form = base64 if exchange.parameters.get("encoding_format") == "base64" else floats
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": one.index, "embedding": form(one.values)}
            for one in sorted(measured.vectors, key=lambda one: one.index)
        ],
        "model": exchange.model,
        "usage": booked(measured.usage),
    }


def floats(values: Sequence[float] | str) -> Sequence[float]:
    """Of a vector in either form."""
    if not isinstance(values, str):
        return values
    packed = binascii.a2b_base64(values)
    return struct.unpack(f"<{len(packed) // _FLOAT_BYTES}f", packed)


def base64(values: Sequence[float] | str) -> str:
    """Of 32-bit floats, little-endian, as the official client reads it."""
    if isinstance(values, str):
        return values
    return binascii.b2a_base64(struct.pack(f"<{len(values)}f", *values), newline=False).decode()


_NUMBERS: Final = frozenset({int, float})
_ENVELOPE: Final = frozenset({"id", "object", "created", "model", "data", "usage"})
_ENTRY: Final = frozenset({"object", "index", "embedding", "encoding_format"})
