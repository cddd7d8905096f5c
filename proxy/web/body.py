"""Reading a request's body: bounded in size, in time and in what a compressed one may become.

Knows nothing of what the bytes mean. aiohttp must not decompress by itself (`auto_decompress=False`): its
decoder takes a truncated gzip for a whole one and inflates a bomb in one breath.
"""

import asyncio
import zlib
from collections.abc import Iterator
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.web_protocol import RequestPayloadError

from proxy.errors import RequestInvalid, RequestTimeout, RequestTooLarge
from proxy.settings import Limits
from proxy.wire import http_rules

_STEP: Final = 64 * 1024  # bytes inflated in one go: about 0.1 ms, so other exchanges hardly notice
_GZIP: Final = 16 + zlib.MAX_WBITS  # RFC 1952 and nothing else
_TRAILING: Final = "The request's gzip body has bytes after its end."


async def read_body(request: web.BaseRequest, limits: Limits) -> bytes:
    """The whole body, decoded.

    Raises RequestTooLarge, RequestTimeout (too slow), MediaTypeUnknown (a coding we do not know) or
    RequestInvalid (broken framing, broken or truncated gzip). After any of them the connection has to go.
    """
    coding = http_rules.content_coding(request.headers)
    if (http_rules.content_length(request.headers) or 0) > limits.body_bytes:
        raise _too_large(limits)
    if http_rules.awaits_continue(request.version, request.headers):
        _say_continue(request)
    raw = await _receive(request.content, limits)
    return raw if coding == "identity" else await _inflate(raw, limits)


async def _receive(content: StreamReader, limits: Limits) -> bytes:
    """Slower than `body_bytes_per_s`, once `body_grace_s` has passed, is too slow. So is a body that is not
    there after `body_s`: at the slowest rate alone, a large one could hold its place for an hour."""
    started = asyncio.get_running_loop().time()
    pieces = []
    size = 0
    while True:
        try:
            if content.is_eof():  # mostly the body came with the head: no timer needed
                piece = content.read_nowait()
            else:
                patience = min(limits.body_grace_s + size / limits.body_bytes_per_s, limits.body_s)
                async with asyncio.timeout_at(started + patience):
                    piece = await content.readany()
        except TimeoutError:
            raise RequestTimeout("The request's body came too slowly.") from None
        except RequestPayloadError:
            raise RequestInvalid("The request's body is not well framed.") from None
        size += len(piece)
        if size > limits.body_bytes:
            raise _too_large(limits)
        pieces.append(piece)
        if content.at_eof():
            return b"".join(pieces)


async def _inflate(raw: bytes, limits: Limits) -> bytes:
    pieces = []
    for piece in inflated(raw, limits):
        pieces.append(piece)
        await asyncio.sleep(0)
    return b"".join(pieces)


def inflated(raw: bytes, limits: Limits) -> Iterator[bytes]:
    """The steps of inflating exactly one gzip member; whatever follows it is not part of a request.

    The ratio counts from one step on: what is that small is no bomb.
    Raises RequestTooLarge or RequestInvalid.
    """
    most = min(limits.body_bytes, max(_STEP, limits.inflated_ratio * len(raw)))
    size = 0
    for piece in _steps(raw):
        size += len(piece)
        if size > most:
            raise _too_large(limits)
        yield piece


def _steps(raw: bytes) -> Iterator[bytes]:
    """At most a step of bytes goes in and at most a step comes out each time."""
    inflater = zlib.decompressobj(_GZIP)
    for start in range(0, len(raw), _STEP):
        if inflater.eof:  # what follows need not even be looked at
            raise RequestInvalid(_TRAILING)
        rest = raw[start : start + _STEP]
        while rest:  # the checksum comes last, so as long as there is output there is input left
            yield _decompress(inflater, rest)
            rest = inflater.unconsumed_tail
    if inflater.unused_data:
        raise RequestInvalid(_TRAILING)
    if not inflater.eof:
        raise RequestInvalid("The request's gzip body ends too early.")


def _decompress(inflater: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return inflater.decompress(piece, _STEP)
    except zlib.error:
        raise RequestInvalid("The request's body is not valid gzip.") from None


def _too_large(limits: Limits) -> RequestTooLarge:
    return RequestTooLarge(f"The request's body may have at most {limits.body_bytes} bytes once decoded.")


def _say_continue(request: web.BaseRequest) -> None:
    """Straight to the transport: an interim answer is not the answer, which aiohttp would take it for."""
    transport = request.transport
    if transport is not None and not request.content.is_eof():
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
