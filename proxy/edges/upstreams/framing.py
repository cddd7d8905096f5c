"""Where an answer begins and ends on a connection: bytes in, head and body pieces out. No I/O.

llhttp reads the bytes, in its strict mode; what it takes and two readers could still take in two ways is
refused here. What the body means is not known here.
"""

from dataclasses import dataclass
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.errors import UpstreamUnavailable

MOST_BARREN: Final = 64 * 1024
"""Bytes in a row that bring nothing of a body: heads, interim answers, chunk extensions, trailers. Servers
send a few hundred; whoever sends more keeps us busy for nothing, or fills the parser's memory."""

MOST_INTERIM: Final = 8
"""Interim answers (1xx) before the answer. Servers send at most one, of any kind."""

_FRAMING: Final = (b"content-length", b"transfer-encoding")
_READ: Final = frozenset({b"content-type", b"content-encoding", *_FRAMING})
_VERSIONS: Final = ("1.1", "1.0")
_BODYLESS: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Head:
    """Of an answer: everything in it that is ever looked at. The types are lower case, without parameters."""

    status: int
    content_type: str
    content_coding: str


class Framing:
    """One answer after another: `begin`, `feed` until it is `complete`, `begin` again if `keep` is true.

    `pieces` are those of the body that nobody has taken yet; the taker empties the list.
    """

    __slots__ = (
        "_barren", "_fields", "_interim", "_interims", "_parser", "_until_close",
        "chunked", "complete", "head", "keep", "on_body", "pieces",
    )  # fmt: skip

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append  # called by the parser, with no frame of ours between
        self.begin()
        self._parser = HttpResponseParser(self)

    def begin(self) -> None:
        self.head: Head | None = None
        self.complete = False
        self.keep = False
        self.chunked = False
        self.pieces.clear()
        self._fields: dict[bytes, bytes] = {}
        self._barren = 0
        self._interim = False
        self._interims = 0
        self._until_close = False

    def feed(self, received: bytes) -> None:
        """Raises UpstreamUnavailable for what is not plainly an HTTP/1 answer.

        What comes behind a complete answer takes nothing from it, but the connection is not to be kept.
        """
        before = len(self.pieces)
        try:
            self._parser.feed_data(received)
        except (HttpParserError, HttpParserUpgrade):
            if not self.complete:
                raise UpstreamUnavailable("The model server's answer is not plain HTTP.") from None
            self.keep = False
        if len(self.pieces) != before:
            self._barren = 0
        elif not self.complete:
            self._barren += len(received)
            if self._barren > MOST_BARREN:
                raise UpstreamUnavailable("The model server sends too much that is no answer.")

    def eof(self, *, clean: bool = True) -> None:
        """The server has closed. Raises UpstreamUnavailable when that cuts the answer, as a reset does.

        A body without a length ends so too ("close-delimited", RFC 9112, section 6.3), and nothing here can
        tell whether it was cut: its reader has to see an end of its own.
        """
        self.keep = False
        if self.complete:
            return
        if not self._until_close or not clean:
            raise UpstreamUnavailable("The model server ended the connection early.")
        self.complete = True

    # The parser's calls. What they raise ends `feed_data` with an HttpParserError.

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is not None:
            return  # a trailer; "MAY be … discarded" (RFC 9110, section 6.5.1)
        name = name.lower()
        if name in _READ:
            if name in self._fields:
                raise ValueError("a field that can be there once is there twice")
            self._fields[name] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._begin_interim(status)
            return
        version, fields = self._parser.get_http_version(), self._fields
        if version not in _VERSIONS:
            raise ValueError("another version")
        coding = fields.get(b"transfer-encoding")
        if coding is not None and (coding.lower() != b"chunked" or version == "1.0"):
            raise ValueError("a transfer coding that two readers could take in two ways")
        self._until_close = status not in _BODYLESS and not any(name in fields for name in _FRAMING)
        self.keep = self._parser.should_keep_alive()
        self.chunked = coding is not None
        self.head = Head(
            status,
            _plain(fields.get(b"content-type", b"")).partition(";")[0].strip(),
            _plain(fields.get(b"content-encoding", b"identity")),
        )

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            self._fields.clear()
        else:
            self.complete = True

    def _begin_interim(self, status: int) -> None:
        """ "A client MUST be able to parse one or more 1xx responses received prior to a final response"
        (RFC 9110, section 15.2). We asked for no other protocol, so 101 is none."""
        self._interims += 1
        if status < 100 or status == 101 or self._interims > MOST_INTERIM:
            raise ValueError("an interim answer that leads nowhere")
        self._interim = True


def _plain(value: bytes) -> str:
    return value.decode("latin-1").strip().lower()
