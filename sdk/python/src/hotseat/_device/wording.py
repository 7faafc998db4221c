"""The wording of errors and warnings, as in the service."""

from collections.abc import Mapping, Sequence
from typing import Any

from hotseat.errors import BadInputError, StatusError, TooLargeError

NAME_LENGTH = 80
"""Maximum length of a name in a message."""
_NAMES = 5


def bad(detail: str, pointer: str) -> StatusError:
    """Return the service's error for invalid input."""
    return BadInputError(detail, status=422, code="invalid_input", pointer=pointer)


def too_large(detail: str, pointer: str | None = None) -> StatusError:
    """Return the service's error for input over a limit."""
    return TooLargeError(detail, status=413, code="too_large", pointer=pointer)


def expected(what: str, pointer: str, value: Any) -> StatusError:
    """Return the error of a value with the wrong type."""
    return bad(f"expected {what}{place(pointer)}, got {json_type(value)}", pointer)


def json_type(value: Any) -> str:
    """Return the JSON type of a value, with its article."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string" if value else "an empty string"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return "an object" if value else "an empty object"


def number(value: float) -> str:
    """Return a number in digits, or the size of a very large one."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    return str(value)


def quoted(name: str) -> str:
    """Return a name in quotation marks, cut at `NAME_LENGTH` characters."""
    return repr(name if len(name) <= NAME_LENGTH else f"{name[:NAME_LENGTH]}...")


def listed(names: Sequence[str]) -> str:
    """Return the first names in quotation marks, and the number of others."""
    shown = ", ".join(map(quoted, names[:_NAMES]))
    more = len(names) - _NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def inside(pointer: str, name: str) -> str:
    """Return the JSON pointer (RFC 6901) to a field, or to its object if it is long."""
    if len(name) > NAME_LENGTH:
        return pointer
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def place(pointer: str) -> str:
    """Return a place as the end of a phrase, such as `` at /input``."""
    return f" at {pointer}" if pointer else ""


def is_object(value: Any) -> bool:
    """Whether a value is an object in JSON."""
    return isinstance(value, Mapping)


def is_number(value: Any) -> bool:
    """Whether a value is a number in JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)
