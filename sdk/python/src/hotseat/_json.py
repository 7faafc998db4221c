"""Inputs as JSON: what games have in hand is sent as it means, or refused by name.

NumPy arrays and scalars become lists and numbers, dataclasses objects, enums their
values, dates and times ISO 8601, decimals numbers, bytes (an image) base64. Sets have
no order and are refused.
NaN and infinity have no JSON, so `ConfigError` names their place. Text with half of a
surrogate pair is what a player typed and no UTF-8: `BadInputError`, which a default
replaces.
"""

import dataclasses
import json
import math
import sys
from binascii import b2a_base64
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

from hotseat.errors import BadInputError, ConfigError

_WIDEST = 1 << 64


def to_json(value: Any) -> bytes:
    """Return a value as JSON; raises `ConfigError`, `BadInputError`."""
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, default=_converted
        )
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, RecursionError) or "ircular" in str(error):
            raise ConfigError(
                "the input is not JSON: nested too deep, or in itself"
            ) from None
        raise ConfigError(
            f"the input is not JSON: {_unfit(value, '') or error}"
        ) from None
    except ConfigError as error:
        raise ConfigError(
            f"the input is not JSON: {_unfit(value, '') or error}"
        ) from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadInputError(
            "the text has half of a surrogate pair, which is no character: cut texts "
            "between characters",
            code="text_not_unicode",
        ) from None


def _converted(value: Any) -> Any:
    """Return what json.dumps can write of a value that it does not know."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: getattr(value, field.name) for field in fields}
    if isinstance(value, set | frozenset):
        raise ConfigError(_refusal(value, ""))
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value)
    for module, names, convert in _OF_MODULES:
        loaded = sys.modules.get(module)
        if loaded and isinstance(value, tuple(getattr(loaded, one) for one in names)):
            return convert(value)
    listed = getattr(value, "tolist", None)  # numpy, array.array, pandas, torch
    if callable(listed):
        return listed()
    raise ConfigError(_refusal(value, ""))


def _number(value: "Decimal") -> int | float:
    whole = value.is_finite() and value == value.to_integral_value()
    return int(value) if whole and abs(value) < _WIDEST else float(value)


_CONVERSIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    (
        (bytes, bytearray, memoryview),
        lambda value: b2a_base64(value, newline=False).decode(),
    ),
    (Mapping, dict),
    ((range, deque), list),
)

# A program has no value of a module that it has not imported; without them this one's
# import takes a sixth less.
_OF_MODULES: tuple[tuple[str, tuple[str, ...], Callable[[Any], Any]], ...] = (
    ("datetime", ("datetime", "date", "time"), lambda value: value.isoformat()),
    ("datetime", ("timedelta",), lambda value: value.total_seconds()),
    ("decimal", ("Decimal",), _number),
    ("uuid", ("UUID",), str),
)


def _unfit(  # noqa: PLR0911 (one return a reason)
    value: Any, place: str, depth: int = 0
) -> str | None:
    """Return the reason of the first part that has no JSON, with its JSON pointer."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} at {place or '/'} (send a number or leave it out)"
    if value is None or isinstance(value, str | int | float) or depth > 100:
        return None
    parts: Any
    if isinstance(value, Mapping):
        for key in value:
            if not (key is None or isinstance(key, str | int | float)):
                return f"a key at {place or '/'} is a {type(key).__name__}, not a text"
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    else:
        try:
            return _unfit(_converted(value), place, depth + 1)
        except (ConfigError, ValueError, OverflowError):
            return _refusal(value, place)
    for name, part in parts:
        why = _unfit(part, f"{place}/{name}", depth + 1)
        if why:
            return why
    return None


def _refusal(value: Any, place: str) -> str:
    kind = type(value).__name__
    ways = {
        "set": "sort it into a list",
        "frozenset": "sort it into a list",
    }
    way = ways.get(kind, "use text, numbers, lists, dicts or dataclasses")
    return f"a value of type {kind} at {place or '/'} ({way})"
