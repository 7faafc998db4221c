"""How the registry writes JSON, and how it tells that nobody changed it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hotseat_registry.errors import IntegrityError

_SEAL = "seal"


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
    try:
        value = json.loads(data)
        seal = value.pop(_SEAL, None)
    except (ValueError, AttributeError, TypeError) as error:
        raise IntegrityError(f"{what} cannot be read: {error}") from None
    if seal != hashlib.sha256(to_bytes(value)).hexdigest():
        raise IntegrityError(f"{what} was damaged or changed: its seal is broken")
    return dict(value)
