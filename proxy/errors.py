"""The small tree of errors: what may go wrong on the way of an exchange, and what the caller is told.

    SluicegateError
    ├── Refused                   the caller, or what the caller sent, may not pass (4xx)
    │   ├── RequestInvalid        400  request_invalid
    │   │   ├── RequestTooLarge   413  request_too_large
    │   │   ├── MediaTypeUnknown  415  media_type_unsupported
    │   │   └── NotTranslatable   400  not_translatable
    │   ├── Unauthenticated       401  unauthenticated
    │   ├── RouteUnknown          404  route_unknown
    │   ├── MethodNotAllowed      405  method_not_allowed
    │   ├── ModelUnknown          404  model_unknown
    │   ├── RequestTimeout        408  request_timeout
    │   ├── RateLimited           429  rate_limited
    │   ├── ContentUnscannable    422  content_unscannable
    │   └── Denied                403  policy_denied
    │       └── SoftRuleDenied    403  soft_rule_denied
    ├── Unavailable               something that a decision or an answer needs is gone (5xx)
    │   ├── EngineUnavailable     503  engine_unavailable     policy engine, recogniser or judge
    │   ├── RecordUnavailable     503  record_unavailable     nothing may pass that cannot be recorded
    │   ├── Stopping              503  stopping               the proxy is going down, and this took too long
    │   ├── UpstreamUnavailable   502  upstream_unavailable
    │   ├── UpstreamUnreached     502  upstream_unavailable   and no work was begun there
    │   └── UpstreamTimeout       504  upstream_timeout
    ├── UpstreamRefused           4xx/5xx of the upstream's own, re-made without its words
    │   └── UpstreamBusy          429 or 503 of its own: it said that it has not begun
    └── ConfigInvalid             the program cannot start like this: every problem at once

Every message here is written by us or by a rule's owner. None of them ever quotes content.
"""

from collections.abc import Sequence
from typing import ClassVar


class SluicegateError(Exception):
    """`reason` is safe to show to the caller; `rules` names the rules that decided, if rules did."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, reason: str, *, rules: Sequence[str] = (), param: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.rules = tuple(rules)
        self.param = param


def told(error: SluicegateError) -> str:
    """Reason, code and rules in one line, for clients that show nothing else."""
    return f"{error.reason} ({': '.join(filter(None, (error.code, ', '.join(error.rules))))})"


class Refused(SluicegateError):
    status = 400
    code = "request_invalid"


class RequestInvalid(Refused):
    """`param` is the path of the offending field, such as `messages/2/content`; never its value."""


class RequestTooLarge(RequestInvalid):
    status = 413
    code = "request_too_large"


class MediaTypeUnknown(RequestInvalid):
    status = 415
    code = "media_type_unsupported"


class NotTranslatable(RequestInvalid):
    """The model's server does not speak the caller's dialect, and its own has no word for what was asked."""

    code = "not_translatable"


class Unauthenticated(Refused):
    status = 401
    code = "unauthenticated"


class RouteUnknown(Refused):
    status = 404
    code = "route_unknown"


class MethodNotAllowed(Refused):
    status = 405
    code = "method_not_allowed"


class ModelUnknown(Refused):
    status = 404
    code = "model_unknown"


class RequestTimeout(Refused):
    status = 408
    code = "request_timeout"


class RateLimited(Refused):
    status = 429
    code = "rate_limited"


class ContentUnscannable(Refused):
    status = 422
    code = "content_unscannable"


class Denied(Refused):
    status = 403
    code = "policy_denied"


class SoftRuleDenied(Denied):
    code = "soft_rule_denied"


class Unavailable(SluicegateError):
    status = 503
    code = "engine_unavailable"


class EngineUnavailable(Unavailable):
    """A policy engine, a recogniser or a judge gave no usable answer in time."""


class RecordUnavailable(Unavailable):
    code = "record_unavailable"


class Stopping(Unavailable):
    """The proxy is stopping, and the exchange did not end within `listen.drain_s`."""

    code = "stopping"

    def __init__(self) -> None:
        super().__init__("The proxy is stopping; ask again, and another one will answer.")


class UpstreamUnavailable(Unavailable):
    status = 502
    code = "upstream_unavailable"


class UpstreamUnreached(UpstreamUnavailable):
    """Nothing was begun: another server of the same model may be asked, and nothing is done twice."""


class UpstreamTimeout(UpstreamUnavailable):
    status = 504
    code = "upstream_timeout"


class UpstreamRefused(SluicegateError):
    """The upstream answered an error of its own. Its status class is kept, its words are not."""

    code = "upstream_refused"

    def __init__(self, upstream_status: int) -> None:
        super().__init__(f"The model server answered with status {upstream_status}.")
        self.upstream_status = upstream_status


class UpstreamBusy(UpstreamRefused):
    """It has no room now, or is out of service: another server of the same model may be asked."""


class ConfigInvalid(SluicegateError):
    """`problems` holds one line each: `sluicegate.yaml:12: limits.body_bytes: must be a whole number`."""

    code = "config_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
