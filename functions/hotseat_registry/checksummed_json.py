"""Write and read the registry's JSON with a checksum inside."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hotseat_registry.errors import IntegrityError

_CHECKSUM_FIELD = "seal"
MAX_DEPTH = 64
"""Of objects and lists inside each other; what is written here has ten at most."""


def to_bytes(value: Any) -> bytes:
    """Return the canonical JSON of the registry."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return text.encode() + b"\n"


def write_checksummed(value: Mapping[str, Any]) -> bytes:
    """Return an object as stored: with the SHA-256 of the rest inside."""
    return to_bytes(
        {**value, _CHECKSUM_FIELD: hashlib.sha256(to_bytes(value)).hexdigest()}
    )


def read_checksummed(data: bytes, what: str) -> dict[str, Any]:
    """Read what `write_checksummed` wrote, without the checksum.

    Raises `IntegrityError` naming `what` when it is broken or missing.
    """
    value = parse_json(data, what)
    if not isinstance(value, dict):
        raise IntegrityError(f"{what} cannot be read: it is no object")
    stored = value.pop(_CHECKSUM_FIELD, None)
    try:
        actual = hashlib.sha256(to_bytes(value)).hexdigest()
    except ValueError as error:  # half a surrogate pair is no text
        raise IntegrityError(f"{what} cannot be read: {error}") from None
    if stored != actual:
        raise IntegrityError(
            f"{what} was damaged or changed: its checksum does not match"
        )
    return value


def parse_json(data: bytes, what: str) -> Any:
    """Read JSON that a store sent; raises `IntegrityError` naming `what`.

    What is nested deeper than anything that is written here is refused, because
    whoever walks it later would run out of stack.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{what} cannot be read: {error}") from None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return value
    raise IntegrityError(f"{what} is nested more than {MAX_DEPTH} deep")


def _inside(value: Any) -> list[Any]:
    """Return the objects and lists that an object or list holds."""
    items = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return []
    return [item for item in items if isinstance(item, dict | list)]
