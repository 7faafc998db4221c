"""Frozen dataclasses that are read from JSON objects.

Readers keep unknown fields (`extra`), so that a newer publisher neither breaks an older
reader nor loses data through it. An object is refused if a known field has another type
than declared (`json_types`).
"""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self, TypeVar

from hotseat_registry import json_types
from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class JsonDataclass:
    """A JSON object with known fields, which keeps the ones it does not know."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read one object.

        Raises `IntegrityError` for what is missing or has another type than declared.
        """
        if not isinstance(value, Mapping):
            raise IntegrityError(f"{_name(cls)}: expected an object, not {_cut(value)}")
        kinds = _kinds(cls)
        known = {key: value[key] for key in value if key in kinds}
        rest = {key: value[key] for key in value if key not in kinds}
        try:
            instance = cls(**known, extra=rest)
        except (TypeError, AttributeError, ValueError, KeyError) as error:
            _check(cls, known)
            raise IntegrityError(f"{_name(cls)}: {error}") from None
        _check(cls, known)
        return instance

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads; a field that is None is left out."""
        known = {
            f.name: _plain(getattr(self, f.name))
            for f in dataclasses.fields(self)
            if f.name != "extra" and getattr(self, f.name) is not None
        }
        return {**self.extra, **known}


def _name(cls: type[JsonDataclass]) -> str:
    return cls.__name__.lower()


_KINDS: dict[type[JsonDataclass], Mapping[str, json_types.Kind]] = {}


def _kinds(cls: type[JsonDataclass]) -> Mapping[str, json_types.Kind]:
    """Return what each field of a record takes, worked out once a class."""
    if cls not in _KINDS:
        _KINDS[cls] = {
            f.name: json_types.kind(f.type, JsonDataclass)
            for f in dataclasses.fields(cls)
            if f.name != "extra"
        }
    return _KINDS[cls]


def _check(cls: type[JsonDataclass], known: Mapping[str, Any]) -> None:
    kinds = _kinds(cls)
    for name, value in known.items():
        if not kinds[name].takes(value):
            raise IntegrityError(
                f"{_name(cls)}: {name} is {kinds[name].words}, not {_cut(value)}"
            )


def _cut(value: Any) -> str:
    """Return a value as it is shown in an error: its beginning."""
    return repr(value)[:80] if not isinstance(value, Mapping | list) else "what it has"


def _plain(value: Any) -> Any:
    if isinstance(value, JsonDataclass):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


R = TypeVar("R", bound="JsonDataclass")


def set_frozen_field(record: JsonDataclass, name: str, value: Any) -> None:
    """Set a field of a frozen dataclass in its ``__post_init__``."""
    object.__setattr__(record, name, value)


def from_json_list(kind: type[R], values: Any) -> tuple[R, ...]:
    """Read a list of objects; instances of `kind` stay as they are."""
    return tuple(
        item if isinstance(item, kind) else kind.from_json(item) for item in values
    )


def parse_time(text: Any) -> datetime:
    """Read a time as manifests, entries and notes have it: ISO 8601 with its zone.

    Raises `IntegrityError`; times without a zone cannot be compared with others.
    """
    try:
        time = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        time = None
    if time is None or time.tzinfo is None:
        raise IntegrityError(f"expected a time such as 2026-11-23T12:00Z, not {text!r}")
    return time
