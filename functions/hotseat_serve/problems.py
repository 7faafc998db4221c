"""The table of errors that callers receive, as RFC 9457 problem details.

`sdk/spec/errors.json` holds the same table for the SDKs.
"""

from math import ceil
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import (
    AliasNotFoundError,
    BadNameError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    RegistryError,
    VersionNotFoundError,
)

MEDIA_TYPE = "application/problem+json"
_DETAIL = 2_000
"""Characters of a detail, at most."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table."""

    status: int
    retryable: bool
    title: str


KINDS = {
    "invalid_json": Kind(400, False, "The body is not JSON"),
    "invalid_input": Kind(422, False, "The input does not fit the model's signature"),
    "unauthorized": Kind(401, False, "A valid token is needed"),
    "forbidden": Kind(403, False, "The request has no access to this"),
    "not_found": Kind(404, False, "No such route"),
    "model_not_found": Kind(404, False, "No such model"),
    "version_not_found": Kind(404, False, "No such version"),
    "method_not_allowed": Kind(405, False, "The route has no such method"),
    "too_large": Kind(413, False, "The input or the answer is larger than the limit"),
    "unsupported_media_type": Kind(415, False, "The body is of a type not taken here"),
    "not_generated": Kind(409, False, "No generated item passed the check"),
    "throttled": Kind(429, True, "Too many requests"),
    "internal": Kind(500, False, "The service failed"),
    "unavailable": Kind(503, True, "The model cannot be loaded now"),
    "deadline_exceeded": Kind(504, True, "The time allowed was over"),
}


class Problem(Exception):  # noqa: N818 (the name RFC 9457 gives it)
    """An error as an answer. `pointer` is the JSON pointer to the fault."""

    def __init__(
        self,
        code: str,
        detail: str,
        pointer: str | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        # half of a surrogate pair, which an event's JSON may hold, cannot be written
        detail = detail[:_DETAIL].encode("utf-8", "backslashreplace").decode()
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, beside its content type."""
        if self.code == "unauthorized":
            return {"www-authenticate": "Bearer"}
        if self.retry_after is None:
            return {}
        return {"retry-after": str(ceil(self.retry_after))}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.code].status

    def to_json(self, request_id: str) -> dict[str, Any]:
        """Return the problem document."""
        kind = KINDS[self.code]
        pointer = {} if self.pointer is None else {"pointer": self.pointer}
        return {
            "type": f"urn:hotseat:problem:{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": kind.retryable,
            "request_id": request_id,
            **pointer,
        }


def from_registry(error: RegistryError, version: str | None = None) -> Problem:
    """Convert a registry error to a problem, without details of the store.

    A numbered `version` that cannot be opened counts as not found, so no caller can
    make the service fail by requesting it.
    """
    if isinstance(error, VersionNotFoundError | AliasNotFoundError):
        return Problem("version_not_found", "the model has no such version or alias")
    if isinstance(error, NotFoundError):
        return Problem("model_not_found", "no such model is published")
    if isinstance(error, BadNameError):
        return Problem("model_not_found", str(error))
    named = version is not None and version.isdigit()
    if named and isinstance(error, IntegrityError | RefusedError):
        return Problem("version_not_found", "the version cannot be served")
    return Problem("unavailable", "the model cannot be loaded now; try again")
