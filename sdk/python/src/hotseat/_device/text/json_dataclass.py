"""Frozen dataclasses that are read from a version's description."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from hotseat._device.text.problems import IntegrityError

R = TypeVar("R", bound="JsonDataclass")


@dataclasses.dataclass(frozen=True)
class JsonDataclass:
    """A JSON object with known fields; it leaves out others, of a later service."""

    @classmethod
    def from_json(  # noqa: PYI019 (Self is 3.11)
        cls: type[R], value: Mapping[str, Any]
    ) -> R:
        """Read one object; raises `IntegrityError`."""
        try:
            known = {field.name for field in dataclasses.fields(cls)}
            return cls(**{name: value[name] for name in value if name in known})
        except (TypeError, AttributeError, ValueError, KeyError) as error:
            raise IntegrityError(f"{cls.__name__.lower()}: {error}") from None


def set_frozen_field(record: JsonDataclass, name: str, value: Any) -> None:
    """Set a field of a frozen dataclass in its ``__post_init__``."""
    object.__setattr__(record, name, value)


def from_json_list(kind: type[R], values: Any) -> tuple[R, ...]:
    """Read a list of objects."""
    return tuple(
        item if isinstance(item, kind) else kind.from_json(item) for item in values
    )
