"""Decides how a column spells its numbers."""

from collections import Counter
from dataclasses import replace

from hotseat_train.data.tables import ids
from hotseat_train.data.tables.description import ColumnType
from hotseat_train.data.tables.profile import Profile
from hotseat_train.data.tables.remarks import Fault, cure, marked


def number(profile: Profile, base: ColumnType, *, comma: bool) -> ColumnType | None:
    """Return the column as numbers, or as the ids that its numbers are.

    None: not all values are numbers of one unit.
    """
    total = sum(profile.numbers.values())
    notation, rows = most(profile, comma=comma)
    if rows < total or not total:
        return None
    units = {spelled.unit for spelled in profile.numbers} - {""}
    if len(units) > 1:
        return None
    decimal, thousands = notation
    unit = next(iter(units), None)
    reading = replace(
        profile.reading,
        decimal=None if decimal == "." else decimal,
        thousands=thousands or None,
        unit=unit,
    )
    base = marked(profile, base)
    found = replace(
        base, type="number", reading=reading, why=_spelled(decimal, thousands, unit),
        notes=(*base.notes, *_doubts(profile, notation, unit)),
        minimum=_finite(profile.minimum), maximum=_finite(profile.maximum),
    )  # fmt: skip
    return ids.number(profile, found)


def mixed(profile: Profile) -> Fault:
    """Return the fault of a column of numbers with other values among them."""
    total = sum(profile.numbers.values())
    _, rows = most(profile, comma=False)
    units = {spelled.unit for spelled in profile.numbers} - {""}
    if rows == total and len(units) > 1:
        return Fault(
            profile.name, f"has numbers in several units ({', '.join(sorted(units))}): "
            f"convert them to one, or {cure(profile.name, 'category')}"
        )  # fmt: skip
    values = ", ".join(
        f"row {row + 2} holds {text[:20]!r}" for text, row in profile.strays.items()
    )
    first = next(iter(profile.strays), "")
    return Fault(
        profile.name,
        f"is of mixed types: {rows} of {total} values are numbers, and {values}. "
        f"Correct the values; or read a word as missing: --missing {first[:20]!r}; or "
        f"give the type: {cure(profile.name, 'category')}",
    )


def most(profile: Profile, *, comma: bool) -> tuple[tuple[str, str], int]:
    """Return the notation that reads the most rows, and how many these are."""
    rows: Counter[tuple[str, str]] = Counter()
    for spelled, count in profile.numbers.items():
        for notation in spelled.notations:
            rows[notation] += count
    if not rows:
        return (".", ""), 0
    best = max(rows.values())
    tied = [notation for notation, count in rows.items() if count == best]
    return min(tied, key=lambda n: (_rank(n, comma=comma), n)), best


def _rank(notation: tuple[str, str], *, comma: bool) -> int:
    """Return how probable a notation is among those that read all values; 0: most."""
    decimal, thousands = notation
    if notation == (".", ""):
        return 0
    if notation == (",", ""):
        return 1 if comma else 3
    # 1,234 may be either: a mark of thousands, unless the file has decimal commas
    return 2 + (decimal == ",") + 2 * (thousands not in {",", "."})


def _doubts(profile: Profile, notation: tuple[str, str], unit: str | None) -> list[str]:
    """Return notes on what was guessed."""
    notes = []
    common = frozenset.intersection(*(s.notations for s in profile.numbers))
    if notation != (".", "") and {(",", ""), (".", ",")} <= common:
        read = "decimal commas" if notation[0] == "," else "commas between thousands"
        notes.append(f"read with {read}; its values would fit the other reading, too")
    if unit == "%":
        notes.append("read as it is written: 12 % is 12")
    return notes


def _spelled(decimal: str, thousands: str, unit: str | None) -> str:
    parts = ["numbers"]
    if decimal == ",":
        parts.append("decimal commas")
    if thousands:
        parts.append(f"{thousands!r} between thousands")
    if unit:
        parts.append(f"the unit {unit}")
    return ", ".join(parts)


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
