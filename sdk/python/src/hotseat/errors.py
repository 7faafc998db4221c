"""All errors of the SDK.

HotseatError
├─ ConfigError            the client's options or a call's arguments are invalid
├─ TransportError         no answer came, or one of another server
│  ├─ DeadlineError          (the deadline passed)
│  ├─ CircuitOpenError       (the circuit breaker is open)
│  ├─ TokenError             (api_key or auth failed)
│  ├─ UntrustedError         (no trusted key signed the version)
│  ├─ NotReadyError          (a ticket's answer has not arrived)
│  └─ CancelledError         (the ticket or the client was closed)
└─ StatusError            the service refused or failed
   ├─ BadInputError          400, 405, 415, 422
   ├─ AuthError              401, 403
   ├─ NotFoundError          404
   ├─ TooLargeError          413
   ├─ RateLimitedError       429
   └─ UnavailableError       5xx
"""


class HotseatError(Exception):
    """Base class of all errors of the SDK.

    `request_id` is the service's name for the request, for its log; empty if none came.
    """

    request_id = ""


class ConfigError(HotseatError):
    """The client's options or a call's arguments are invalid."""


class TransportError(HotseatError):
    """No answer came: there was no connection, or it broke."""


class DeadlineError(TransportError):
    """The deadline passed before an answer came."""


class CircuitOpenError(TransportError):
    """The service failed often: the circuit breaker is open for a moment."""


class TokenError(TransportError):
    """The function passed as api_key or auth failed or took too long."""


class UntrustedError(TransportError):
    """No trusted key signed the downloaded version."""


class NotReadyError(TransportError):
    """The answer of a ticket has not arrived."""


class CancelledError(TransportError):
    """The ticket was cancelled, or its client was closed."""


class StatusError(HotseatError):
    """The service answered with an error.

    `code` is the name of the problem, `pointer` the JSON pointer to the invalid part of
    the input, `retry_after` the seconds to wait, if the response has them. `is_foreign`
    means that another server answered, such as a hotel's login page or a gateway.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int = 0,
        code: str = "",
        retryable: bool = False,
        request_id: str = "",
        pointer: str | None = None,
        retry_after: float | None = None,
        is_foreign: bool = False,
    ) -> None:
        super().__init__(detail)  # no other argument: keeps the error picklable
        self.status = status
        self.code = code
        self.detail = detail
        self.retryable = retryable
        self.request_id = request_id
        self.pointer = pointer
        self.retry_after = retry_after
        self.is_foreign = is_foreign

    def __str__(self) -> str:
        """Return status, code, place, reason and request."""
        code = f" {self.code}" if self.code else ""
        where = f" at {self.pointer}" if self.pointer else ""
        request = f" (request {self.request_id})" if self.request_id else ""
        status = str(self.status) if self.status else "not sent"
        return f"{status}{code}{where}: {self.detail}{request}"


class BadInputError(StatusError):
    """The request does not fit the model's signature."""


class AuthError(StatusError):
    """The key is missing, wrong or lacks permission."""


class NotFoundError(StatusError):
    """No such model, version or route."""


class TooLargeError(StatusError):
    """The input is larger than the limit."""


class RateLimitedError(StatusError):
    """Too many requests."""


class UnavailableError(StatusError):
    """The service failed or is unavailable."""


_BY_STATUS = {
    400: BadInputError,
    401: AuthError,
    403: AuthError,
    404: NotFoundError,
    405: BadInputError,
    413: TooLargeError,
    415: BadInputError,
    422: BadInputError,
    429: RateLimitedError,
}


def class_of(status: int) -> type[StatusError]:
    """Return the error class of a status."""
    if status >= 500:
        return UnavailableError
    return _BY_STATUS.get(status, StatusError)


def is_away(error: HotseatError) -> bool:
    """Whether the service is unavailable, rather than refusing the request.

    An answer of another server, such as a login page, says that it is.
    """
    if isinstance(error, StatusError):
        return error.status >= 500 or error.status == 429 or error.is_foreign
    return isinstance(error, TransportError)
