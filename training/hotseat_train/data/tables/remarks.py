"""Remarks on a column: faults, notes and remedies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hotseat_train.data.tables.description import ColumnType
from hotseat_train.data.tables.profile import Profile


@dataclass(frozen=True, slots=True)
class Fault:
    """A column that cannot be read, with the way out."""

    column: str
    text: str


def marked(profile: Profile, base: ColumnType) -> ColumnType:
    """Count words such as n/a as missing, and note those that are read so."""
    if not profile.markers:
        return base
    shown = ", ".join(f"{w!r} ({n})" for w, n in profile.markers.most_common(4))
    return replace(
        base,
        missing=profile.missing + sum(profile.markers.values()),
        notes=(*base.notes, f"read as missing: {shown}"),
    )


def cure(name: str, kind: str) -> str:
    """Return the flag that gives a column its type."""
    return f"--column {name}={kind}"


def listed(values: Sequence[str]) -> str:
    """Return the first values, quoted and cut."""
    return ", ".join(repr(value[:20]) for value in values[:3])
