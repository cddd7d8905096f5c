"""Server-sent events: bytes in, the payload of each event out, however they were cut; and the way back.

Follows the WHATWG HTML standard, section 9.2.6. Knows nothing of what a payload means.
"""

from typing import Final

from proxy.errors import UpstreamUnavailable

COMMENT: Final = b": keep-alive\n\n"
"""Keeps a connection warm while text is held back; every reader drops it."""

DONE: Final = b"data: [DONE]\n\n"

EVENT_BYTES: Final = 1024 * 1024
"""One event carries a token or a handful; a whole tool call in one piece is the most that servers send."""

_BOM: Final = b"\xef\xbb\xbf"


def event(payload: bytes) -> bytes:
    """One event. The payload is JSON as orjson writes it, so there is no line end in it."""
    return b"data: " + payload + b"\n\n"


class SseReader:
    """`feed` gives the `data` of every event that is complete, `finish` makes sure that nothing was cut off.

    Raises UpstreamUnavailable for an event that is cut, too long, or not UTF-8.
    """

    __slots__ = ("_after_cr", "_begun", "_held", "_size", "_tail_is_newline")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._tail_is_newline = False
        self._after_cr = False
        self._begun = False

    def feed(self, piece: bytes) -> list[str]:
        if piece and (self._after_cr or b"\r" in piece):
            piece = self._with_plain_newlines(piece)
        if not piece:
            return []
        closes = b"\n\n" in piece or (self._tail_is_newline and piece.startswith(b"\n"))
        self._hold(piece)
        if not closes:
            self._bound()
            return []
        *blocks, rest = b"".join(self._held).split(b"\n\n")
        self._held, self._size, self._tail_is_newline = [], 0, False
        if rest:
            self._hold(rest)
            self._bound()
        return [payload for block in blocks if (payload := self._read(block)) is not None]

    def finish(self) -> None:
        """A last event without its empty line was cut off. The standard discards it; here it is an error."""
        rest = b"".join(self._held)
        if not self._begun:
            rest = rest.removeprefix(_BOM)
        if any(line and not line.startswith(b":") for line in rest.split(b"\n")):
            raise UpstreamUnavailable("The model server's stream was cut off.")

    def _with_plain_newlines(self, piece: bytes) -> bytes:
        """CR, LF and CRLF all end a line; a CRLF may be cut in two."""
        if self._after_cr:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if piece:
            self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._size += len(piece)
        self._tail_is_newline = piece.endswith(b"\n")

    def _bound(self) -> None:
        if self._size > EVENT_BYTES + 1:  # one more: the end of its last line is not part of an event
            raise UpstreamUnavailable("The model server sent an event that is too long.")

    def _read(self, block: bytes) -> str | None:
        if not self._begun:
            self._begun = True
            block = block.removeprefix(_BOM)
        if len(block) > EVENT_BYTES:
            raise UpstreamUnavailable("The model server sent an event that is too long.")
        try:
            text = block.decode()
        except UnicodeDecodeError:
            raise UpstreamUnavailable("The model server's stream is not UTF-8.") from None
        if text.startswith("data: ") and "\n" not in text:
            return text[6:]
        return _payload(text)


def _payload(block: str) -> str | None:
    """All `data` lines of an event as one text, None if it has none; comments and other fields go."""
    lines = []
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        if name == "data":
            lines.append(value.removeprefix(" "))
    return "\n".join(lines) if lines else None
