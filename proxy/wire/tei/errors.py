"""Errors as TEI's clients read them: a sentence and its type; our code, rules and request id beside."""

import orjson

from proxy.errors import RateLimited, SluicegateError, Unavailable


def error_body(error: SluicegateError, request_id: str) -> bytes:
    return orjson.dumps(
        {
            "error": error.reason,
            "error_type": _kind(error),
            "param": error.param,
            "code": error.code,
            "rules": error.rules,
            "request_id": request_id,
        }
    )


def _kind(error: SluicegateError) -> str:
    if isinstance(error, RateLimited):
        return "overloaded"
    return "backend" if isinstance(error, Unavailable) else "validation"
