"""Errors as OpenAI's clients read them. Nothing in them comes from the request or from an upstream."""

from typing import Final

import orjson

from proxy.errors import (
    Denied,
    RateLimited,
    Refused,
    RouteUnknown,
    SluicegateError,
    Unauthenticated,
    Unavailable,
)

_TYPES: Final[tuple[tuple[type[SluicegateError], str], ...]] = (
    (Unauthenticated, "authentication_error"),
    (Denied, "permission_error"),
    (RateLimited, "rate_limit_error"),
    (RouteUnknown, "not_found_error"),
    (Refused, "invalid_request_error"),
    (Unavailable, "service_unavailable_error"),
)
"""Of several that fit the first counts. `code` is the stable one; `type` is what people know from OpenAI."""


def error_body(error: SluicegateError, request_id: str) -> bytes:
    """The JSON of an error; in a stream it is the payload of one event."""
    kind = next((name for of, name in _TYPES if isinstance(error, of)), "server_error")
    told = {
        "message": error.reason,
        "type": kind,
        "param": error.param,
        "code": error.code,
        "rules": error.rules,
        "request_id": request_id,
    }
    return orjson.dumps({"error": told})
