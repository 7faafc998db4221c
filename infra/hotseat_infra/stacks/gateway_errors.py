"""What API Gateway refuses by itself, worded as the service words its own errors.

The document is one for every route: a problem (RFC 9457) that has `error` as well,
which is where clients of the Open Inference Protocol look.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of API Gateway's own answers."""

    status: int
    code: str
    title: str
    retry_after_s: int | None = None
    """Seconds to wait before another try; None: another try gets the same."""

    @property
    def body(self) -> str:
        """The document; API Gateway fills the request's id in."""
        document = {
            "type": f"urn:hotseat:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.title,
            "code": self.code,
            "retryable": self.retry_after_s is not None,
            "error": self.title,
        }
        return json.dumps(document)[:-1] + ', "request_id": "$context.requestId"}'

    @property
    def headers(self) -> Mapping[str, str]:
        """As API Gateway wants them: each value in quotes."""
        again = self.retry_after_s
        wait = {} if again is None else {"Retry-After": f"'{again}'"}
        return {"Content-Type": f"'{MEDIA_TYPE}'", **wait}


_FORBIDDEN = Refusal(403, "forbidden", "The key may not ask this")
_FAILED = Refusal(500, "internal", "The service failed")
_BAD = Refusal(400, "invalid_input", "The request is not well formed")

# docs.aws.amazon.com, "Gateway response types for API Gateway": every one there is
REFUSALS = {
    "ACCESS_DENIED": _FORBIDDEN,
    "API_CONFIGURATION_ERROR": _FAILED,
    "AUTHORIZER_CONFIGURATION_ERROR": _FAILED,
    "AUTHORIZER_FAILURE": _FAILED,
    "BAD_REQUEST_BODY": _BAD,
    "BAD_REQUEST_PARAMETERS": _BAD,
    "DEFAULT_4XX": _BAD,
    "DEFAULT_5XX": _FAILED,
    "EXPIRED_TOKEN": _FORBIDDEN,
    "INTEGRATION_FAILURE": Refusal(503, "unavailable", "The model is away", 1),
    "INTEGRATION_TIMEOUT": Refusal(504, "deadline_exceeded", "It took too long", 1),
    "INVALID_API_KEY": Refusal(403, "forbidden", "A valid x-api-key is needed"),
    "INVALID_SIGNATURE": _FORBIDDEN,
    "MISSING_AUTHENTICATION_TOKEN": Refusal(404, "not_found", "No such route"),
    "QUOTA_EXCEEDED": Refusal(429, "quota_exceeded", "The day's quota is used up"),
    "REQUEST_TOO_LARGE": Refusal(413, "too_large", "The body is too large"),
    "RESOURCE_NOT_FOUND": Refusal(404, "not_found", "No such route"),
    "THROTTLED": Refusal(429, "throttled", "Too many requests", 1),
    "UNAUTHORIZED": Refusal(401, "forbidden", "The request is not signed"),
    "UNSUPPORTED_MEDIA_TYPE": Refusal(
        415, "unsupported_media_type", "The body has to be JSON"
    ),
    "WAF_FILTERED": Refusal(403, "forbidden", "The request was filtered"),
}
