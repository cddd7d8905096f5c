import json

import pytest

from proxy.errors import (
    Denied,
    EngineUnavailable,
    MethodNotAllowed,
    ModelUnknown,
    RateLimited,
    RequestInvalid,
    RequestTooLarge,
    RouteUnknown,
    SluicegateError,
    SoftRuleDenied,
    Unauthenticated,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.wire.anthropic.errors import error_body


def test_an_error_has_anthropics_shape_with_our_code_rules_and_request() -> None:
    error = Denied("Not for you.", rules=["model.grant"], param="model")
    assert json.loads(error_body(error, "req-1")) == {
        "type": "error",
        "error": {
            "type": "permission_error",
            "message": "Not for you.",
            "code": "policy_denied",
            "param": "model",
            "rules": ["model.grant"],
            "details": {"error_code": "policy_denied"},
        },
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unauthenticated("x"), "authentication_error"),
        (SoftRuleDenied("x"), "permission_error"),
        (RateLimited("x"), "rate_limit_error"),
        (RouteUnknown("x"), "not_found_error"),
        (ModelUnknown("x"), "not_found_error"),
        (RequestTooLarge("x"), "request_too_large"),
        (RequestInvalid("x"), "invalid_request_error"),
        (MethodNotAllowed("x"), "invalid_request_error"),
        (UpstreamTimeout("x"), "timeout_error"),
        (UpstreamUnavailable("x"), "api_error"),
        (EngineUnavailable("x"), "api_error"),
        (UpstreamRefused(500), "api_error"),
        (SluicegateError("x"), "api_error"),
    ],
)
def test_types_are_the_words_that_people_know(error: SluicegateError, kind: str) -> None:
    told = json.loads(error_body(error, "r"))["error"]
    assert (told["type"], told["code"]) == (kind, error.code)
