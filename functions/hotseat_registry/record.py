"""JSON objects as values.

Readers keep the fields that they do not know (`extra`), so that a newer publisher
never breaks an older reader or loses anything by way of it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from hotseat_registry.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object with known fields, which keeps the ones it does not know."""

    extra: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read one object; raises `IntegrityError` for what is missing."""
        names = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        known = {key: value[key] for key in value if key in names}
        rest = {key: value[key] for key in value if key not in names}
        try:
            return cls(**known, extra=rest)
        except TypeError as error:
            raise IntegrityError(f"{cls.__name__.lower()}: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads; a field that is None is left out."""
        known = {
            f.name: _plain(getattr(self, f.name))
            for f in dataclasses.fields(self)
            if f.name != "extra" and getattr(self, f.name) is not None
        }
        return {**self.extra, **known}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


R = TypeVar("R", bound="Record")


def put(record: Record, name: str, value: Any) -> None:
    """Set a field of a frozen record while it is being made."""
    object.__setattr__(record, name, value)


def records(kind: type[R], values: Any) -> tuple[R, ...]:
    """Read a list of records; those that are read already stay as they are."""
    return tuple(
        kind.from_json(item) if isinstance(item, Mapping) else item for item in values
    )
