"""The service's problems and their words, for the modules shared with it."""

from typing import Any

from hotseat._device.wording import inside, json_type, listed, place, quoted
from hotseat.errors import TransportError

__all__ = [
    "IntegrityError", "Problem", "expected", "inside", "invalid", "json_type",
    "listed", "quoted",
]  # fmt: skip

_STATUS = {
    "invalid_input": 422, "too_large": 413, "unavailable": 503,
    "deadline_exceeded": 504,
}  # fmt: skip


class IntegrityError(TransportError):
    """A version's files are not what they should be."""


class Problem(Exception):  # noqa: N818 (the service's name)
    """What the service would answer; `code` as in sdk/spec/errors.json."""

    def __init__(
        self,
        code: str,
        detail: str,
        pointer: str | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.pointer = code, detail, pointer
        self.retry_after = retry_after

    def to_json(self) -> dict[str, Any]:
        """Return the data of an event ``error``."""
        fields = {"code": self.code, "detail": self.detail,
                  "status": _STATUS.get(self.code, 500)}  # fmt: skip
        return fields if self.pointer is None else {**fields, "pointer": self.pointer}


def expected(what: str, pointer: str, given: Any) -> Problem:
    """Return the problem of a value of the wrong type."""
    return invalid(f"expected {what}{place(pointer)}, got {json_type(given)}", pointer)


def invalid(detail: str, pointer: str) -> Problem:
    """Return the problem of an input that does not fit."""
    return Problem("invalid_input", detail, pointer)
