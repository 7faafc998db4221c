"""What a call can raise, as one tree; nothing else leaves the SDK.

HotseatError
├─ ConfigError            the client was made or called in a way that cannot work
├─ TransportError         no answer came, or none of the service's
│  ├─ DeadlineError          (the time allowed was over)
│  ├─ CircuitOpenError       (the service failed often and is left alone)
│  ├─ TokenError             (api_key or auth gave nothing to send)
│  ├─ UntrustedError         (a version came that no trusted key signed)
│  ├─ NotReadyError          (a ticket's answer is not there yet)
│  └─ CancelledError         (the ticket or the client was closed)
└─ StatusError            an answer came, and it was no
   ├─ BadInputError          400, 405, 415, 422
   ├─ AuthError              401, 403
   ├─ NotFoundError          404
   ├─ TooLargeError          413
   ├─ RateLimitedError       429
   └─ UnavailableError       5xx
"""


class HotseatError(Exception):
    """Anything that the SDK raises."""


class ConfigError(HotseatError):
    """The client was made or called in a way that cannot work."""


class TransportError(HotseatError):
    """No answer came: no connection, or it broke."""


class DeadlineError(TransportError):
    """The time allowed was over before an answer came."""


class CircuitOpenError(TransportError):
    """The service failed often; it is left alone for a moment."""


class TokenError(TransportError):
    """The function that was given as api_key or auth failed or took too long."""


class UntrustedError(TransportError):
    """A version came that no trusted key vouches for."""


class NotReadyError(TransportError):
    """The answer of a ticket is not there yet."""


class CancelledError(TransportError):
    """The ticket was cancelled, or its client closed."""


class StatusError(HotseatError):
    """The service answered no.

    `code` names the problem, `pointer` is the JSON pointer to the fault in the
    input, `retry_after` is how many seconds to wait, where the service said so.
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
    ) -> None:
        super().__init__(detail)  # alone: then the error can be pickled
        self.status = status
        self.code = code
        self.detail = detail
        self.retryable = retryable
        self.request_id = request_id
        self.pointer = pointer
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Say status, code, place, reason and request."""
        code = f" {self.code}" if self.code else ""
        where = f" at {self.pointer}" if self.pointer else ""
        asked = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status}{code}{where}: {self.detail}{asked}"


class BadInputError(StatusError):
    """The request does not fit the model's signature."""


class AuthError(StatusError):
    """The key is missing, wrong or not allowed this."""


class NotFoundError(StatusError):
    """No such model, version or route."""


class TooLargeError(StatusError):
    """The input is larger than the limit."""


class RateLimitedError(StatusError):
    """Too many requests."""


class UnavailableError(StatusError):
    """The service failed or is not there now."""


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
    """Return the class that a status is raised as."""
    if status >= 500:
        return UnavailableError
    return _BY_STATUS.get(status, StatusError)
