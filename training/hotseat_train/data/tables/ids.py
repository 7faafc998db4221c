"""Tells ids from features: a column of ids cannot generalise, and is a person's own."""

import re
from collections.abc import Sequence
from dataclasses import replace

from hotseat_train.data.tables.description import ColumnType
from hotseat_train.data.tables.profile import Profile

MOSTLY = 0.8
"""Share of values with a pattern that makes a column one of such values."""
_FEW = 20
"""Distinct values up to this number are no ids, whatever the column is called."""
_GIVEN = ("--column", "the target")
"""Beginnings of the reasons that a caller gave."""
_ALIKE = 0.9
"""Share of an id's distinct values that makes another column one like it."""
_DENSE = 20
"""Distinct integers look like ids if their range is below so many times their count."""
_EXACT = 2.0**53
"""Larger whole numbers are ids: nothing measured has so many digits."""
_IDS = re.compile(
    r"(^|[_\W])(id|uuid|guid|key|index|hash|token|steam|serial)s?$|[a-z]I[dD]$"
)
_PERSONS = re.compile(
    r"(^|[_\W])(player|user|account|member|customer|device|session|client|steam|gamer"
    r"|person|email|e-mail|mail|phone|ip|nick|nickname|username|gamertag|handle)"
    r"([_\W]?(id|uuid|guid|key|name|hash|no|number|tag|address))?$",
    re.IGNORECASE,
)


def number(profile: Profile, found: ColumnType) -> ColumnType:
    """Return the column as an id if its whole numbers look like ids."""
    if not profile.whole:
        return found
    count, unique = profile.distinct.count, profile.distinct.unique
    why = None
    if max(abs(profile.minimum), abs(profile.maximum)) >= _EXACT:
        why = "its whole numbers have more digits than anything measured has"
    elif _PERSONS.search(profile.name) and count > _FEW:
        why = "its name is that of an id"
    elif unique and count > 1:
        # account numbers, say: all of one length
        long = profile.minimum >= 1e8 and len(f"{profile.minimum:.0f}") == len(
            f"{profile.maximum:.0f}"
        )
        dense = profile.maximum - profile.minimum < _DENSE * count
        if _IDS.search(profile.name) or dense or long:
            why = "every row has a different integer"
    if why is None:
        return found
    return dropped(found, why, "number")


def dropped(found: ColumnType, why: str, kind: str) -> ColumnType:
    """Return the column as an id; `kind` is the type that includes it."""
    return replace(
        found, type="id", why=why,
        dropped=f"{why}, like an id, which cannot generalise to other players; "
        f"--column {found.name}={kind} includes it nevertheless",
    )  # fmt: skip


def personal(profile: Profile, base: ColumnType) -> ColumnType | None:
    """Return the column as an id if it holds e-mail addresses, UUIDs and the like."""
    kind, rows = next(iter(profile.personal.most_common(1)), ("", 0))
    if not rows or rows < MOSTLY * sum(profile.numbers.values()):
        return None
    return dropped(base, f"it holds {kind}", "category")


def beside(column: ColumnType, named: Sequence[ColumnType]) -> ColumnType:
    """Return a category as an id if it has as many values as an id that was named.

    The players' names beside their ids, say. A type that was asked for stays.
    """
    if column.type != "category" or not column.used or column.why.startswith(_GIVEN):
        return column
    for other in named:
        if column.distinct > _FEW and column.distinct >= _ALIKE * other.distinct:
            why = f"it has as many values as the id {other.name!r}"
            return dropped(column, why, "category")
    return column


def is_personal_name(name: str) -> bool:
    """Whether a column's name is that of a person's or device's id."""
    return bool(_PERSONS.search(name))
