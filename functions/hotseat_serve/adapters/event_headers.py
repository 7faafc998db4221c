"""Read the headers of Lambda's HTTP events, single or multi-value."""

from typing import Any


def headers_in(event: dict[str, Any]) -> dict[str, str]:
    """Return the headers with lower-case names; repeated values are joined."""
    given: Any = event.get("headers")
    lists: Any = event.get("multiValueHeaders")
    try:
        headers = {k.lower(): v for k, v in given.items() if v.__class__ is str}
        if len(headers) == len(given) and (
            not lists or max(map(len, lists.values())) == 1
        ):
            return headers
    except (AttributeError, TypeError):
        pass
    return _merged(given, lists)


def _merged(given: Any, lists: Any) -> dict[str, str]:
    """Join repeated headers and other spellings of a name (RFC 9110, 5.3)."""
    merged: dict[str, list[str]] = {}
    for name, values in _items(lists):
        listed = values if isinstance(values, list) else [values]
        merged.setdefault(name, []).extend(_texts(listed))
    single: dict[str, list[str]] = {}
    for name, value in _items(given):
        if name not in merged:
            listed = value if isinstance(value, list) else [value]
            single.setdefault(name, []).extend(_texts(listed))
    return {
        name: ("; " if name == "cookie" else ", ").join(values)
        for name, values in {**merged, **single}.items()
        if values
    }


def _items(given: Any) -> list[tuple[str, Any]]:
    if not isinstance(given, dict):
        return []
    return [(str(name).lower(), value) for name, value in given.items()]


def _texts(values: list[Any]) -> list[str]:
    """Return the valid header values: strings, and numbers as strings."""
    return [str(value) for value in values if isinstance(value, str | int | float)]
