"""Streams of JSON lines, as Ollama has them: bytes in, the JSON of each line out; and the way back.

Knows nothing of what a line means.
"""

from typing import Final

import orjson

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Json

LINE_BYTES: Final = 1024 * 1024
"""One line carries a token or a handful; a whole tool call in one piece is the most that servers send."""

_BREAKS: Final = (
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
    ("\u0085".encode(), rb"\u0085"),
)


def line(value: Json) -> bytes:
    return unbroken(orjson.dumps(value)) + b"\n"


def unbroken(payload: bytes) -> bytes:
    """The same JSON without the characters at which some clients (httpx `iter_lines`) break a line besides
    the line feed. orjson escapes those below U+0020; these three it writes as they are."""
    if payload.isascii():
        return payload
    for character, escape in _BREAKS:
        payload = payload.replace(character, escape)
    return payload


class NdjsonReader:
    """`feed` gives every line that is complete, `finish` makes sure that nothing was cut off.

    Raises UpstreamUnavailable for a line that is cut or too long.
    """

    __slots__ = ("_held", "_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        if b"\n" not in piece:
            self._hold(piece)
            return []
        first, *others = piece.split(b"\n")
        self._hold(first)
        lines = [b"".join(self._held), *others[:-1]]
        self._held, self._size = [], 0
        self._hold(others[-1])
        if any(len(one) > LINE_BYTES for one in lines):
            raise _too_long()
        return [one for one in lines if one.strip()]

    def finish(self) -> None:
        if b"".join(self._held).strip():
            raise UpstreamUnavailable("The model server's stream was cut off.")

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._size += len(piece)
        if self._size > LINE_BYTES:
            raise _too_long()


def _too_long() -> UpstreamUnavailable:
    return UpstreamUnavailable("The model server sent a line that is too long.")
