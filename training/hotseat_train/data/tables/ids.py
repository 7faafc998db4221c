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
_MANY, _SHARE = 1_000, 0.1
"""More values than these, or more than this share of the rows, are no codes."""
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
    why = _reason(profile) if profile.whole else None
    return found if why is None else dropped(found, why, "number")


def _reason(profile: Profile) -> str | None:
    """Return why whole numbers are ids; None: they may be amounts."""
    count, low, high = profile.distinct.count, profile.minimum, profile.maximum
    named = _IDS.search(profile.name)
    if max(abs(low), abs(high)) >= _EXACT:
        return "its whole numbers have more digits than anything measured has"
    if _PERSONS.search(profile.name) and count > _FEW:
        return "its name is that of an id"
    if profile.distinct.unique and count > 1:
        # account numbers, say, are all of one length
        long = low >= 1e8 and len(f"{low:.0f}") == len(f"{high:.0f}")
        if named or long or high - low < _DENSE * count:
            return "every row has a different integer"
    if named and count > min(_MANY, max(_FEW, _SHARE * profile.present)):
        return f"its name is that of an id, and it has {count:,} values"
    return None


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
