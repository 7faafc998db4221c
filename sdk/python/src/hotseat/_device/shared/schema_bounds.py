# A copy of functions/hotseat_serve/text/schema_bounds.py, by `make shared`.
"""Bounds a JSON schema, so that every answer to it ends.

A small model may never close a string or a list on its own. Where a schema leaves a
length open, it gets one; what it limits itself stays. An answer to the bounded schema
fulfils the given one.
"""

from collections.abc import Mapping
from typing import Any

MAX_CHARACTERS = 120
MAX_ITEMS = 6
MAX_NUMBER = 1_000_000_000
MAX_DEPTH = 32
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_ONES = ("items", "additionalProperties", "if", "then", "else", "not")


def bounded(schema: Any, depth: int = 0) -> Any:
    """Return a schema with lengths; raises `RecursionError` for a very deep one.

    Strings without a pattern, an enumeration or a format have at most `MAX_CHARACTERS`,
    lists `MAX_ITEMS`, numbers an absolute value of `MAX_NUMBER`; objects have no
    further properties than the named ones.
    """
    if depth > MAX_DEPTH:
        raise RecursionError(f"it is nested more than {MAX_DEPTH} levels deep")
    if not isinstance(schema, Mapping):
        return schema
    found = {
        name: _inner(name, value, depth) for name, value in schema.items()
    }  # fmt: skip
    kinds = schema.get("type")
    types = {kinds} if isinstance(kinds, str) else set(kinds or ())
    if {"enum", "const", "$ref"} & schema.keys():
        return found
    if "string" in types and not {"pattern", "format"} & schema.keys():
        least = schema.get("minLength", 0)
        if type(least) is int:
            found.setdefault("maxLength", max(MAX_CHARACTERS, least))
    if "array" in types:
        least = max(
            (n for n in (schema.get("minItems"), len(schema.get("prefixItems", ())))
             if type(n) is int), default=0,
        )  # fmt: skip
        found.setdefault("maxItems", max(MAX_ITEMS, least))
    if types & {"number", "integer"}:
        _bound_number(found)
    if "object" in types and "properties" in schema:
        found.setdefault("additionalProperties", False)
    return found


def _bound_number(found: dict[str, Any]) -> None:
    least = found.get("minimum", found.get("exclusiveMinimum"))
    most = found.get("maximum", found.get("exclusiveMaximum"))
    if least is None:
        found["minimum"] = -MAX_NUMBER if most is None else min(-MAX_NUMBER, most)
    if most is None:
        found["maximum"] = MAX_NUMBER if least is None else max(MAX_NUMBER, least)


def _inner(name: str, value: Any, depth: int) -> Any:
    if name in _LISTS and isinstance(value, list):
        return [bounded(one, depth + 1) for one in value]
    if name in _MAPS and isinstance(value, Mapping):
        return {key: bounded(one, depth + 1) for key, one in value.items()}
    if name in _ONES:
        return bounded(value, depth + 1)
    return value
