"""How entries lie in a segment of the spool: framed, and chained by digests. Bytes in, entries out; no I/O.

    segment = MAGIC (8) · digest of the entry before this segment (16) · entry*  · zeros or end of file
    entry   = length of payload (4, big endian) · digest (16) · payload
    digest  = first 16 bytes of SHA-256(digest of the entry before · payload)

So a flipped bit, a missing entry and a reordered one all show as a digest that does not fit. A length of
zero ends a segment: space is allocated before it is needed, and reads as zeros until then.
A payload is lines of JSON: a head, then the documents that the head counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import orjson

MAGIC = b"SGSPOOL1"
DIGEST_BYTES = 16  # 128 bit: no accident and, once digests are signed, no second payload fits
START = bytes(DIGEST_BYTES)
HEADER_BYTES = len(MAGIC) + DIGEST_BYTES
FRAME_BYTES = 4 + DIGEST_BYTES


class Damaged(Exception):
    """Bytes that are not what was written. `offset`: where in the segment the bad entry begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"damaged at byte {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Entry:
    """`end`: the offset behind it; `digest`: what the next entry is chained to."""

    payload: bytes = field(repr=False)
    end: int
    digest: bytes = field(repr=False)

    @property
    def head(self) -> Mapping[str, Any]:
        """`kind`, `id`, and for a close `decisions` (how many) and `record` (whether there is one)."""
        head: Mapping[str, Any] = orjson.loads(self.payload.split(b"\n", 1)[0])
        return head


def header(previous: bytes) -> bytes:
    return MAGIC + previous


def frame(previous: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """The entry's bytes and its digest."""
    digest = _digest(previous, payload)
    return len(payload).to_bytes(4) + digest + payload, digest


def previous_of(start: bytes) -> bytes:
    """The digest that a segment's first entry is chained to. Raises Damaged."""
    if len(start) < HEADER_BYTES or not start.startswith(MAGIC):
        raise Damaged(0)
    return start[len(MAGIC) : HEADER_BYTES]


def entries(buffer: bytes, previous: bytes, offset: int) -> Iterator[Entry]:
    """Whole entries of a piece of a segment that begins at `offset` with an entry chained to `previous`.

    Ends before an entry that the buffer cuts off; raises Damaged at one that is not what was written.
    """
    at = 0
    while at + FRAME_BYTES <= len(buffer):
        length = int.from_bytes(buffer[at : at + 4])
        if length == 0:
            return
        begin = at + FRAME_BYTES
        payload = buffer[begin : begin + length]
        if len(payload) < length:
            return
        digest = _digest(previous, payload)
        if digest != buffer[at + 4 : begin]:
            raise Damaged(offset + at)
        at = begin + length
        previous = digest
        yield Entry(payload, offset + at, digest)


def open_payload(exchange_id: str, opened: Mapping[str, Any]) -> bytes:
    return b'{"kind":"open","id":%b}\n%b' % (orjson.dumps(exchange_id), orjson.dumps(opened))


def close_payload(
    exchange_id: str, decisions: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None
) -> bytes:
    head = b'{"kind":"close","id":%b,"decisions":%d,"record":%b}' % (
        orjson.dumps(exchange_id),
        len(decisions),
        b"false" if record is None else b"true",
    )
    written = [*decisions] if record is None else [*decisions, record]
    return b"\n".join((head, *map(orjson.dumps, written)))  # JSON as orjson writes it holds no line feed


def documents(payload: bytes, wanted: Literal["decisions", "record"]) -> Sequence[bytes]:
    """The JSON documents of one sort in a payload; none in an open entry."""
    lines = payload.split(b"\n")
    head = orjson.loads(lines[0])
    if head["kind"] != "close":
        return ()
    after = 1 + head["decisions"]
    return lines[1:after] if wanted == "decisions" else lines[after : after + head["record"]]


def _digest(previous: bytes, payload: bytes) -> bytes:
    return sha256(previous + payload).digest()[:DIGEST_BYTES]
