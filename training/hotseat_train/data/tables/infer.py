"""Decides what a column is, from its profile."""

import re
from collections import Counter
from dataclasses import replace

from hotseat_serve.codec import cells
from hotseat_train.data.tables import dates, ids, notation
from hotseat_train.data.tables.description import REQUESTED, ColumnType
from hotseat_train.data.tables.profile import Profile
from hotseat_train.data.tables.remarks import Fault, cure, listed, marked

_MOSTLY = 0.8
"""Minimum share of numbers in a column that makes its other values faults."""
_MIN_VALUES = 10
"""Minimum number of values of a feature."""
_TIMES = re.compile(
    r"time|date|stamp|epoch|joined|created|updated|last|first|login|seen|(_|^)(at|ts|on)$",
    re.IGNORECASE,
)
_EPOCH = {"s": 1, "ms": 1_000}
_SINCE, _UNTIL = 631_152_000, 4_102_444_800
"""Seconds since 1970 of 1990 and 2100."""
_BOOLEAN = (
    ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"),
    ("oui", "non"),
    ("sí", "no"), ("sim", "não"), ("да", "нет"), ("是", "否"), ("wahr", "falsch"),
    ("vrai", "faux"), ("true", "false"),
)  # fmt: skip
"""Words for true and false, in one language each."""
_TEXT_WORDS, _TEXT_VALUES = 2.5, 20
"""Words of a mean free text, and distinct texts of a column of them."""
_LISTED = 0.3
"""Share of values with a separator that makes a column one of lists."""
_ITEM_WORDS, _ITEMS = 3, 1_000
"""Words of an item, and different items, of a column that is no free text."""
_SHOWN = 20


def infer(
    profile: Profile,
    kind: str | None = None,
    form: str | None = None,
    *,
    target: bool = False,
    comma: bool = False,
) -> ColumnType | Fault:
    """Return what a column is; `kind` and `form` are the caller's type and date format.

    A `target` is kept whatever its values are. `comma`: the file's other marks make a
    decimal comma probable.
    """
    base = ColumnType(
        profile.name, "", "", rows=profile.rows, missing=profile.missing,
        distinct=profile.distinct.count, examples=tuple(map(_cut, profile.examples)),
        reading=profile.reading,
    )  # fmt: skip
    if kind == "out":
        found = _inferred(profile, base, comma=comma)
        named = replace(base, type="id") if isinstance(found, Fault) else found
        return replace(named, dropped=REQUESTED)
    if not profile.texts:
        return _empty(profile, base)
    found = (
        _as(profile, base, kind, form, comma=comma)
        if kind is not None
        else _inferred(profile, base, comma=comma)
    )
    if not target:
        return found
    if isinstance(found, Fault):
        found = _category(profile, base, "")
    return replace(found, dropped=None, why="the target")


def _empty(profile: Profile, base: ColumnType) -> ColumnType:
    missing = profile.missing + sum(profile.markers.values())
    return replace(
        base, type="empty", missing=missing, why="no cell has a value",
        dropped="it has no value at all",
    )  # fmt: skip


def _as(  # noqa: PLR0911 (one return a type)
    profile: Profile, base: ColumnType, kind: str, form: str | None, *, comma: bool
) -> ColumnType | Fault:
    """Return the column as the caller says."""
    why = f"--column {profile.name}={kind}"
    if kind == "category":
        return _category(profile, base, why)
    if kind == "id":
        return replace(base, type="id", why=why, dropped=REQUESTED)
    if kind == "text":
        return replace(base, type="text", why=why)
    if kind == "list":
        return _list(profile, base, why) or replace(base, type="list", why=why)
    if kind == "boolean":
        return _boolean(profile, base, digits=True) or Fault(
            profile.name, "has values that are neither true nor false: "
            f"{listed(list(profile.texts))}; {cure(profile.name, 'category')}"
        )  # fmt: skip
    if kind == "date":
        return _date_as(profile, base, why, form)
    found = notation.number(profile, base, comma=comma)
    if found is None:
        return notation.mixed(profile)
    return replace(found, type="number", dropped=None, why=why)


def _inferred(profile: Profile, base: ColumnType, *, comma: bool) -> ColumnType | Fault:
    """Return what the values are, without a word of the caller."""
    if profile.kind == "list":
        return _enough(replace(base, type="list", why="lists in the file"))
    found = (
        _boolean(profile, base) or _date(profile, base) or ids.personal(profile, base)
    )
    if found is None:
        codes = any(spelled.code for spelled in profile.numbers)
        found = (
            _words(profile, base)
            if codes
            else notation.number(profile, base, comma=comma)
        )
    if found is None:
        numbers = notation.most(profile, comma=comma)[1]
        if numbers >= _MOSTLY * sum(profile.numbers.values()):
            return notation.mixed(profile)
        found = (
            _list(profile, base, "") or _text(profile, base) or _words(profile, base)
        )
    return _enough(_one_value(profile, found))


def _enough(found: ColumnType) -> ColumnType:
    """Drop a column with very few values."""
    count = found.rows - found.missing
    if found.dropped is None and count < _MIN_VALUES:
        return replace(found, dropped=f"only {count} rows have a value")
    return found


def _one_value(profile: Profile, found: ColumnType) -> ColumnType:
    """Drop a column with one value."""
    words = len(profile.texts)
    if found.type == "category":  # its words such as NA are values
        words += len(profile.markers)
    if words > 1 or found.type == "id":
        return found
    value = next(iter(profile.texts))
    why = f"all its values are {value[:20]!r}"
    return replace(found, type="constant", why="one value", dropped=why)


def _boolean(
    profile: Profile, base: ColumnType, *, digits: bool = False
) -> ColumnType | None:
    """Return a column of truth values; of 0 and 1 alone only with `digits`."""
    words = {text.lower() for text in profile.texts}
    bare = words - {"true", "false", "0", "1"}
    pair = next((pair for pair in _BOOLEAN if bare <= set(pair)), None)
    if profile.overflow or pair is None or (words <= {"0", "1"} and not digits):
        return None
    true, false = pair if bare else ("true", "false")
    reading = replace(
        profile.reading,
        true=None if true == "true" else (true,),
        false=None if false == "false" else (false,),
    )
    why = f"its values are {' and '.join(sorted(words))}"
    return replace(marked(profile, base), type="boolean", why=why, reading=reading,
                   minimum=0.0, maximum=1.0)  # fmt: skip


def _date(profile: Profile, base: ColumnType) -> ColumnType | None:
    base = marked(profile, base)
    if profile.kind == "date":
        return replace(base, type="date", why="dates in the file",
                       reading=replace(profile.reading, date="iso"))  # fmt: skip
    if profile.formats:
        form = profile.formats[0]
        reading = replace(profile.reading, date=form)
        other = dates.swapped(form)
        if other in profile.formats:
            base = replace(base, notes=(*base.notes, (
                f"read as dates in the form {form}; every value also fits {other}: "
                f"--column {profile.name}=date:{other} takes that"
            )))  # fmt: skip
        named = "ISO 8601" if form == "iso" else form
        return replace(base, type="date", why=f"dates in the form {named}",
                       reading=reading)  # fmt: skip
    if profile.whole and _TIMES.search(profile.name):
        for unit, scale in _EPOCH.items():
            if _SINCE * scale <= profile.minimum <= profile.maximum < _UNTIL * scale:
                words = {"s": "seconds", "ms": "milliseconds"}[unit]
                return replace(base, type="date", why=f"{words} since 1970",
                               reading=replace(profile.reading, date=unit))  # fmt: skip
    return None


def _date_as(
    profile: Profile, base: ColumnType, why: str, form: str | None
) -> ColumnType | Fault:
    """Return a date in the caller's format, or in the one that is found."""
    if form is not None:
        for text in profile.texts:
            try:
                cells.date(text, replace(profile.reading, date=form))
            except ValueError:
                return Fault(
                    profile.name,
                    f"has {text[:30]!r}, which is no date in the form {form}",
                )
        reading = replace(profile.reading, date=form)
        return replace(marked(profile, base), type="date", why=why, reading=reading)
    return _date(profile, base) or Fault(
        profile.name,
        "has no date format that fits all its values, such as "
        f"{listed(list(profile.texts))}: give it, as --column "
        f"{profile.name}=date:%d.%m.%Y",
    )


def _list(profile: Profile, base: ColumnType, why: str) -> ColumnType | None:
    """Return a column of lists: few different items, in many combinations."""
    if profile.overflow and not why:
        return None
    total = sum(profile.texts.values())
    spelled = sum(n for t, n in profile.texts.items() if t[:1] == "[" and t[-1:] == "]")
    if spelled == total:
        return replace(base, type="list", why=why or "lists in square brackets")
    separator, rows = next(iter(profile.separated.most_common(1)), ("", 0))
    if not rows or (rows < _LISTED * total and not why):
        return None
    items = Counter[str]()
    for text, count in profile.texts.items():
        for item in text.split(separator):
            items[item.strip()] += count
    short = all(len(item.split()) <= _ITEM_WORDS for item in items)
    few = len(items) < min(_ITEMS, len(profile.texts) / 1.5)
    if not why and not (short and few):
        return None
    return replace(
        base, type="list", why=why or f"lists of {len(items)} items with {separator!r}",
        reading=replace(profile.reading, separator=separator),
    )  # fmt: skip


def _text(profile: Profile, base: ColumnType) -> ColumnType | None:
    total = sum(profile.numbers.values())
    mean = profile.words / total
    count = profile.distinct.count
    if mean < _TEXT_WORDS or count < max(_TEXT_VALUES, 0.1 * total):
        return None
    return replace(base, type="text", why=f"texts of {mean:.0f} words on average")


def _category(profile: Profile, base: ColumnType, why: str) -> ColumnType:
    whole = profile.whole and all(s.notations for s in profile.numbers)
    reading = replace(profile.reading, whole=True if whole else None)
    return replace(base, type="category", why=why, reading=reading)


def _words(profile: Profile, base: ColumnType, why: str = "") -> ColumnType:
    """Return a category, or an id where nearly every row has its own word."""
    count = profile.distinct.count + len(profile.markers)
    total = sum(profile.numbers.values()) + sum(profile.markers.values())
    base = replace(base, distinct=count)
    found = _category(profile, base, why or f"{count} different words")
    if profile.markers:
        shown = ", ".join(f"{w!r} ({n})" for w, n in profile.markers.most_common(4))
        note = (
            f"read as a category: {shown}; if missing is meant: --missing "
            f"{next(iter(profile.markers))!r}"
        )
        found = replace(found, notes=(*found.notes, note))
    if profile.distinct.unique and count > 1:
        return ids.dropped(found, "every row has a different value", "category")
    if count > total / 2 or (ids.is_personal_name(profile.name) and count > _SHOWN):
        why = f"{total} rows hold {count} different values"
        return ids.dropped(found, why, "category")
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN * 2 else f"{text[: _SHOWN * 2]}..."
