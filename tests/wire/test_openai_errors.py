import json

import pytest
from openai.pagination import SyncPage
from openai.types import Model

from proxy import errors
from proxy.wire.listings import openai_models
from proxy.wire.openai_errors import error_body


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.RequestInvalid("x"), "invalid_request_error"),
        (errors.RequestTooLarge("x"), "invalid_request_error"),
        (errors.ContentUnscannable("x"), "invalid_request_error"),
        (errors.ModelUnknown("x"), "invalid_request_error"),
        (errors.Unauthenticated("x"), "authentication_error"),
        (errors.RouteUnknown("x"), "not_found_error"),
        (errors.RateLimited("x"), "rate_limit_error"),
        (errors.Denied("x"), "permission_error"),
        (errors.SoftRuleDenied("x"), "permission_error"),
        (errors.EngineUnavailable("x"), "service_unavailable_error"),
        (errors.UpstreamUnavailable("x"), "service_unavailable_error"),
        (errors.UpstreamTimeout("x"), "service_unavailable_error"),
        (errors.UpstreamRefused(418), "server_error"),
    ],
)
def test_an_error_has_the_shape_that_clients_know(error: errors.SluicegateError, kind: str) -> None:
    body = json.loads(error_body(error, "req-1"))
    assert body == {
        "error": {
            "message": error.reason,
            "type": kind,
            "param": None,
            "code": error.code,
            "rules": [],
            "request_id": "req-1",
        }
    }


def test_an_error_names_its_field_and_its_rules() -> None:
    body = json.loads(error_body(errors.Denied("x", rules=["a.b", "c.d"], param="messages/0"), "r"))
    assert (body["error"]["rules"], body["error"]["param"]) == (["a.b", "c.d"], "messages/0")


def test_models_are_listed_as_the_sdk_knows_them() -> None:
    page = SyncPage[Model].model_validate_json(openai_models(["a", "b/c"], 7))
    assert [(one.id, one.created, one.object, one.owned_by) for one in page.data] == [
        ("a", 7, "model", "sluicegate"),
        ("b/c", 7, "model", "sluicegate"),
    ]
    assert json.loads(openai_models([], 7)) == {"object": "list", "data": []}
