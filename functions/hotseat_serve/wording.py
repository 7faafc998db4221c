"""Words of errors and warnings: the place, the expected and the actual value.

Messages never repeat a caller's data in full: names are shortened, values are described
by their JSON type, and long unknown names are left out of pointers.
"""

from collections.abc import Mapping
from typing import Any

from hotseat_serve.problems import Problem

NAME_LENGTH = 80
"""Characters of a caller's name that an answer repeats."""
_NAMES = 5
"""Names in one sentence; the others are counted."""


def json_type(value: Any) -> str:  # noqa: PLR0911 (one return a type)
    """Return the JSON type of a value with its article: a number, a list of 3."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string" if value else "an empty string"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, Mapping):
        return "an object" if value else "an empty object"
    return "something that JSON does not have"


def number(value: float) -> str:
    """Return a number in digits, or the size of a long one."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    return str(value)


def quoted(name: str) -> str:
    """Return a name in quotation marks, secrets masked, cut at `NAME_LENGTH`."""
    # late: only refusals quote
    from hotseat_serve.privacy.recognisers import mask

    name = mask(name[: 2 * NAME_LENGTH])
    return repr(name if len(name) <= NAME_LENGTH else f"{name[:NAME_LENGTH]}...")


def listed(names: list[str]) -> str:
    """Return the first names in quotation marks, and how many more there are."""
    shown = ", ".join(map(quoted, names[:_NAMES]))
    more = len(names) - _NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def inside(pointer: str, name: str) -> str:
    """Return the JSON pointer (RFC 6901) to a field of an object.

    A name longer than `NAME_LENGTH` is left out: the pointer is that of the object.
    """
    if len(name) > NAME_LENGTH:
        return pointer
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def place(pointer: str) -> str:
    """Return `` at POINTER``, or nothing for the body itself."""
    return f" at {pointer}" if pointer else ""


def expected(what: str, pointer: str, given: Any) -> Problem:
    """Return the problem of a value of the wrong type."""
    return invalid(f"expected {what}{place(pointer)}, got {json_type(given)}", pointer)


def invalid(detail: str, pointer: str) -> Problem:
    """Return the problem of an input that does not fit the signature."""
    return Problem("invalid_input", detail, pointer)
