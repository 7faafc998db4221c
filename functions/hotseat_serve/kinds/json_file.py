"""Reads a JSON file of a version."""

import json
from typing import Any

from hotseat_registry.errors import IntegrityError


def read_object(data: bytes, name: str, version: int) -> dict[str, Any]:
    """Return the object of a file whose ``format`` is `version`.

    Raises `IntegrityError` with the file's name.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{name} is no JSON: {error}") from None
    if not isinstance(value, dict) or value.get("format") != version:
        raise IntegrityError(f"{name}: expected an object with format {version}")
    return value
