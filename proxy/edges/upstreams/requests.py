"""The bytes of a request's head: a path and headers from our own tables, nothing of a caller's."""

import re
from collections.abc import Mapping
from typing import Final

from proxy.edges.upstreams.target import Target

AGENT: Final = "sluicegate"

_PATH: Final = re.compile(r"/[A-Za-z0-9/._-]*")
_FIELD: Final = re.compile(r"[A-Za-z0-9-]+: [\x20-\x7e]*")


def post_head(target: Target, path: str, headers: Mapping[str, str]) -> bytes:
    """All but the length of the body and the empty line, which `with_length` adds. Raises ValueError."""
    return _head("POST", target, path, headers) + b"Content-Length: "


def with_length(head: bytes, length: int) -> bytes:
    return b"%b%d\r\n\r\n" % (head, length)


def get(target: Target, path: str, headers: Mapping[str, str]) -> bytes:
    """A whole request. Raises ValueError."""
    return _head("GET", target, path, headers) + b"\r\n"


def _head(method: str, target: Target, path: str, headers: Mapping[str, str]) -> bytes:
    """Whatever could end a line is a mistake in our tables, and none of it is sent."""
    fields = [f"{name}: {value}" for name, value in {"Host": target.authority, **headers}.items()]
    if not _PATH.fullmatch(target.prefix + path) or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValueError("a header or a path that is not plain")
    lines = [f"{method} {target.prefix}{path} HTTP/1.1", *fields, ""]
    return "\r\n".join(lines).encode("ascii")
