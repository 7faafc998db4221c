"""How the registry writes JSON, and how it tells that nobody changed it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hotseat_registry.errors import IntegrityError

_SEAL = "seal"
DEEPEST = 64
"""Of objects and lists inside each other; what is written here has ten at most."""


def to_bytes(value: Any) -> bytes:
    """Return the one way in which the registry writes JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return text.encode() + b"\n"


def sealed(value: Mapping[str, Any]) -> bytes:
    """Return an object as it is stored: with the SHA-256 of the rest of it inside."""
    return to_bytes({**value, _SEAL: hashlib.sha256(to_bytes(value)).hexdigest()})


def opened(data: bytes, what: str) -> dict[str, Any]:
    """Read what `sealed` wrote, without the seal.

    Raises `IntegrityError` naming `what` when it is broken or missing.
    """
    value = parsed(data, what)
    if not isinstance(value, dict):
        raise IntegrityError(f"{what} cannot be read: it is no object")
    seal = value.pop(_SEAL, None)
    try:
        found = hashlib.sha256(to_bytes(value)).hexdigest()
    except ValueError as error:  # half a surrogate pair is no text
        raise IntegrityError(f"{what} cannot be read: {error}") from None
    if seal != found:
        raise IntegrityError(f"{what} was damaged or changed: its seal is broken")
    return value


def parsed(data: bytes, what: str) -> Any:
    """Read JSON that a store sent; raises `IntegrityError` naming `what`.

    What is nested deeper than anything that is written here is refused, because
    whoever walks it later would run out of stack.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{what} cannot be read: {error}") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return value
    raise IntegrityError(f"{what} is nested more than {DEEPEST} deep")


def _inside(value: Any) -> list[Any]:
    """Return the objects and lists that an object or list holds."""
    items = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return []
    return [item for item in items if isinstance(item, dict | list)]
