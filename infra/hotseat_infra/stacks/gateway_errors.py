"""API Gateway's own errors, in the form of the service's errors.

Every route has the same document: a problem (RFC 9457) with the field `error`, which
clients of the Open Inference Protocol read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class GatewayError:
    """A gateway response: an error that API Gateway answers itself."""

    status: int
    code: str
    title: str
    retry_after_s: int | None = None
    """Seconds to wait before a retry; None: a retry fails as well."""
    scheme: str = ""
    """Of the credentials that are missing, for WWW-Authenticate."""

    @property
    def body(self) -> str:
        """The document; API Gateway inserts the request's id."""
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
        """The headers in API Gateway's form: each value in quotes."""
        seconds = self.retry_after_s
        retry = {} if seconds is None else {"Retry-After": f"'{seconds}'"}
        asks = {"WWW-Authenticate": f"'{self.scheme}'"} if self.scheme else {}
        return {"Content-Type": f"'{MEDIA_TYPE}'", **retry, **asks}


_FORBIDDEN = GatewayError(403, "forbidden", "The key has no access to this")
_FAILED = GatewayError(500, "internal", "The service failed")
_BUSY = GatewayError(503, "unavailable", "The model is unavailable", 1)
_BAD = GatewayError(400, "invalid_input", "The request is not well formed")

# docs.aws.amazon.com, "Gateway response types for API Gateway": all of them
GATEWAY_ERRORS = {
    "ACCESS_DENIED": _FORBIDDEN,
    # a function that Lambda throttles comes back as one of these
    "API_CONFIGURATION_ERROR": _BUSY,
    "AUTHORIZER_CONFIGURATION_ERROR": _FAILED,
    "AUTHORIZER_FAILURE": _BUSY,
    "BAD_REQUEST_BODY": _BAD,
    "BAD_REQUEST_PARAMETERS": _BAD,
    "DEFAULT_4XX": _BAD,
    "DEFAULT_5XX": _BUSY,
    "EXPIRED_TOKEN": _FORBIDDEN,
    "INTEGRATION_FAILURE": _BUSY,
    "INTEGRATION_TIMEOUT": GatewayError(
        504, "deadline_exceeded", "The answer took too long", 1
    ),
    "INVALID_API_KEY": GatewayError(
        403, "forbidden", "A valid x-api-key, or a token of a known game, is needed"
    ),
    "INVALID_SIGNATURE": _FORBIDDEN,
    "MISSING_AUTHENTICATION_TOKEN": GatewayError(404, "not_found", "No such route"),
    "QUOTA_EXCEEDED": GatewayError(429, "quota_exceeded", "The day's quota is used up"),
    "REQUEST_TOO_LARGE": GatewayError(413, "too_large", "The body is too large"),
    "RESOURCE_NOT_FOUND": GatewayError(404, "not_found", "No such route"),
    "THROTTLED": GatewayError(429, "throttled", "Too many requests", 1),
    "UNAUTHORIZED": GatewayError(
        401, "unauthorized", "A valid token is needed", scheme="Bearer"
    ),
    "UNSUPPORTED_MEDIA_TYPE": GatewayError(
        415, "unsupported_media_type", "The body is not JSON"
    ),
    "WAF_FILTERED": GatewayError(403, "forbidden", "The request was filtered"),
}
