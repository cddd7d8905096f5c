"""Errors as Anthropic's clients read them. Nothing in them comes from the request or from an upstream."""

from typing import Final

import orjson

from proxy.errors import (
    Denied,
    ModelUnknown,
    RateLimited,
    Refused,
    RequestTooLarge,
    RouteUnknown,
    SluicegateError,
    Unauthenticated,
    UpstreamTimeout,
)

_TYPES: Final[tuple[tuple[type[SluicegateError], str], ...]] = (
    (Unauthenticated, "authentication_error"),
    (Denied, "permission_error"),
    (RateLimited, "rate_limit_error"),
    (RouteUnknown, "not_found_error"),
    (ModelUnknown, "not_found_error"),
    (RequestTooLarge, "request_too_large"),
    (Refused, "invalid_request_error"),
    (UpstreamTimeout, "timeout_error"),
)
"""Of several that fit the first counts. `code` is the stable one; `type` is Anthropic's."""


def error_body(error: SluicegateError, request_id: str) -> bytes:
    """The JSON of an error; in a stream it is the payload of one event. The official client shows the code
    that stands in `details` as the error's own."""
    told = {
        "type": next((name for of, name in _TYPES if isinstance(error, of)), "api_error"),
        "message": error.reason,
        "code": error.code,
        "param": error.param,
        "rules": error.rules,
        "details": {"error_code": error.code},
    }
    return orjson.dumps({"type": "error", "error": told, "request_id": request_id})
