"""What the head of a request must look like, and which headers may leave, before anyone reads a body.

Pure functions over the request line and the headers. They refuse whatever two HTTP readers could read in two
ways (RFC 9112, sections 6 and 11.2), so that no hop before or behind us sees another request than we do.
Routing, reading and answering are `proxy/web`.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, Protocol

from proxy.errors import MediaTypeUnknown, RequestInvalid, SluicegateError, UpstreamRefused

REQUEST_ID: Final = "x-sluicegate-request-id"

ANSWER_HEADERS: Final = frozenset(
    {
        "allow",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "transfer-encoding",
        "www-authenticate",
        "x-accel-buffering",  # nginx in front of us would otherwise hold a stream back
        REQUEST_ID,
        "x-sluicegate-decision",
        "x-sluicegate-rules",
    }
)
"""The only headers that reach a caller. Nothing of an upstream's answer passes by default."""

CREDENTIALS: Final = ("Authorization", "x-api-key")
"""The headers in which callers send keys and tokens. No browser sends them to another origin unasked."""

_VERSIONS: Final = ((1, 1), (1, 0))

# RFC 3986 uri-host without percent-encoding and sub-delims, with the `_` that container networks use.
_AUTHORITY: Final = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
_JSON_TYPE: Final = re.compile(
    r'application/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE | re.ASCII
)
_MOST_DIGITS: Final = 15  # of a length: beyond any limit of ours, and below any parser's overflow

_KEPT_STATUSES: Final = frozenset({400, 413, 422, 429, 503})


class Headers(Protocol):
    """Header fields, looked up without regard to case."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]: ...


def check_head(version: tuple[int, int], target: str, headers: Headers) -> None:
    """Raise RequestInvalid for a head that is not plainly an HTTP/1.x request to this server.

    After it the connection must be closed: where the next request starts is not certain any more.
    """
    if version not in _VERSIONS:
        raise RequestInvalid("This is not HTTP/1.1, nor HTTP/1.0.")
    if not target.startswith("/"):
        raise RequestInvalid("The request target must be a path.")
    _check_host(version, headers)
    _check_framing(version, headers)


def content_length(headers: Headers) -> int | None:
    """The declared length of the body in bytes; None when none is declared."""
    lengths = headers.getall("Content-Length", ())
    if not lengths:
        return None
    length = lengths[0]
    if len(lengths) > 1 or len(length) > _MOST_DIGITS or not (length.isascii() and length.isdigit()):
        raise RequestInvalid("Content-Length must be one decimal number.")
    return int(length)


def content_coding(headers: Headers) -> Literal["identity", "gzip"]:
    """How the body is coded. Raises MediaTypeUnknown for anything that we do not decode ourselves."""
    codings = headers.getall("Content-Encoding", ())
    if not codings:
        return "identity"
    coding = codings[0].lower() if len(codings) == 1 else ""
    if coding == "gzip":
        return "gzip"
    if coding == "identity":
        return "identity"
    raise MediaTypeUnknown("Content-Encoding must be gzip or absent.")


def check_json(headers: Headers) -> None:
    """Raise MediaTypeUnknown unless the body claims to be JSON in UTF-8.

    A browser sends any other type, or none, across origins without asking first; this one needs its owner's
    leave. A credential in a header needs it, too, so that a call with one may leave the type out, as some
    clients of Ollama do.
    """
    types = headers.getall("Content-Type", ())
    if not types and any(headers.getall(name, ()) for name in CREDENTIALS):
        return
    if len(types) != 1 or not (types[0] == "application/json" or _JSON_TYPE.fullmatch(types[0])):
        raise MediaTypeUnknown("Content-Type must be application/json.")


def awaits_continue(version: tuple[int, int], headers: Headers) -> bool:
    """Whether the caller holds its body back until `100 Continue`.

    "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation."
    (RFC 9110, section 10.1.1)
    """
    expectations = headers.getall("Expect", ())
    if not expectations or version == (1, 0):
        return False
    if len(expectations) == 1 and expectations[0].lower() == "100-continue":
        return True
    raise RequestInvalid("Expect must be 100-continue or absent.")


def answer_status(error: SluicegateError) -> int:
    """The status for the caller. Of an upstream's own, those are kept that tell the caller what to do.

    The others (it refuses our key, does not know our path, has crashed) are a bad gateway to the caller:
    an upstream's 401 would make callers doubt their own keys.
    """
    if not isinstance(error, UpstreamRefused):
        return error.status
    return error.upstream_status if error.upstream_status in _KEPT_STATUSES else 502


def upstream_headers(agent: str, key: str | None) -> dict[str, str]:
    """The headers of every call to an upstream, but for `accept` and framing. None comes from the caller."""
    headers = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": agent}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return headers


def _check_host(version: tuple[int, int], headers: Headers) -> None:
    """Exactly one, and an authority without user, path or query in it (CVE-2026-48710 is that class)."""
    hosts = headers.getall("Host", ())
    if not hosts and version == (1, 0):
        return
    if len(hosts) != 1 or not _is_authority(hosts[0]):
        raise RequestInvalid("Host must be one plain host name or address, with or without a port.")


@lru_cache(maxsize=64)  # callers say the same few names again and again
def _is_authority(host: str) -> bool:
    return _AUTHORITY.fullmatch(host) is not None


def _check_framing(version: tuple[int, int], headers: Headers) -> None:
    """One way to tell where the body ends, or the request is refused (request smuggling, RFC 9112, 11.2)."""
    codings = headers.getall("Transfer-Encoding", ())
    if not codings:
        content_length(headers)
        return
    if version == (1, 0):
        raise RequestInvalid("HTTP/1.0 knows no Transfer-Encoding.")
    if len(codings) != 1 or codings[0] != "chunked":
        raise RequestInvalid("Transfer-Encoding must be exactly chunked.")
    if headers.getall("Content-Length", ()):
        raise RequestInvalid("Transfer-Encoding and Content-Length exclude each other.")
