"""How a text becomes a feature's value: as in the table that training read."""

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import JsonDataclass, set_frozen_field


@dataclass(frozen=True, slots=True)
class Reading(JsonDataclass):
    """How a field's texts are read; training and serving use the same code.

    `hotseat_serve.codec.cells` reads them. An attribute that is None has no effect.
    """

    decimal: str | None = None
    """The decimal mark of numbers; None: a point."""
    thousands: str | None = None
    """The mark between groups of digits: a comma, point, space or apostrophe."""
    unit: str | None = None
    """A currency or % before or behind a number; it is ignored."""
    true: tuple[str, ...] | None = None
    """Words for 1, in lower case, beside true."""
    false: tuple[str, ...] | None = None
    """Words for 0, in lower case, beside false."""
    date: str | None = None
    """``iso``, ``s`` or ``ms`` (since 1970), or a format of `datetime.strptime`."""
    separator: str | None = None
    """What separates the items of a list in a text."""
    whole: bool | None = None
    """Whether 3.0 is the category 3."""
    missing: tuple[str, ...] | None = None
    """Texts of a missing value, in lower case, beside the usual ones."""

    def __post_init__(self) -> None:
        """Take JSON's lists for tuples; raises `IntegrityError` for other items."""
        for name in ("true", "false", "missing"):
            words = getattr(self, name)
            if words is not None:
                if not all(isinstance(word, str) for word in words):
                    raise IntegrityError(f"reading: {name} are strings")
                set_frozen_field(self, name, tuple(words))
