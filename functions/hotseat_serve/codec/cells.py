"""Reads one cell of a table: a number, category, date, text or list.

The module is pure. Training reads tables with it, and the codec reads requests with it:
a row means the same in both.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any
from unicodedata import normalize

from hotseat_registry.reading import Reading

MISSING = frozenset(
    {
        "", "na", "n/a", "#n/a", "#na", "<na>", "nan", "null", "(null)", "#null!",
        "none", "nil", "nat", "-", "--", "?", ".", "\\n", "#div/0!", "#value!", "#ref!",
        "inf", "+inf", "-inf", "infinity", "-infinity",
    }
)  # fmt: skip
"""Texts of a missing number or date, in lower case.

Infinity is among them: it is what is left of a ratio to nothing. A category is missing
only where its cell is empty, because NA is a region and None may be an answer.
"""
TRUE, FALSE = frozenset({"true"}), frozenset({"false"})
CURRENCY = (
    "€", "$", "£", "¥", "₩", "₹", "₽", "₺", "R$", "zł", "kr", "EUR", "USD", "GBP",
    "JPY", "CNY", "KRW", "CHF", "元", "円",
)  # fmt: skip
SPACES = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"
SECONDS_PER_DAY = 86_400
BETWEEN = "\x1f"
"""Separates words and items in the graph's strings: the unit separator of ASCII."""
MAX_WORDS = 1_000
"""Words of a text beyond this number are not read."""
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WHOLE = r"(-?\d+)\.0+"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PACKED = {"%Y%m%d", "%Y%m%d%H%M%S"}
"""Date formats of digits alone; a table or a request may have them as numbers."""
_LEAST_PACKED = 10_000_000
"""Smaller numbers are days since 1970."""
_SCALE = {"s": 1, "ms": 1_000}


def is_missing(text: str, reading: Reading) -> bool:
    """Whether a stripped text stands for a missing number, date or truth value."""
    lower = text.lower()
    return lower in MISSING or lower in (reading.missing or ())


def number(text: str, reading: Reading) -> float | None:
    """Return the number in a text, None if it is missing; raises `ValueError`."""
    text = text.strip()
    if is_missing(text, reading):
        return None
    lower = text.lower()
    if lower in TRUE or lower in (reading.true or ()):
        return 1.0
    if lower in FALSE or lower in (reading.false or ()):
        return 0.0
    if reading.unit:
        text = without_unit(text, reading.unit)
    return parse(text, reading.decimal or ".", reading.thousands or "")


def without_unit(text: str, unit: str) -> str:
    """Return a number's text without its unit; its sign may stand before the unit."""
    sign = ""
    if text[:1] in {"-", "+", "\u2212"}:
        sign, text = text[0], text[1:].lstrip()
    if text.startswith(unit):
        text = text[len(unit) :].lstrip()
    elif text.endswith(unit):
        text = text[: -len(unit)].rstrip()
    return sign + text


def parse(text: str, decimal: str, thousands: str) -> float:
    """Return the number that a text spells with these marks; raises `ValueError`."""
    text = text.replace("\u2212", "-")
    if not _spelling(decimal, thousands).fullmatch(text):
        raise ValueError(text)
    for mark in _marks(thousands):
        text = text.replace(mark, "")
    return float(text if decimal == "." else text.replace(decimal, "."))


def _marks(thousands: str) -> str:
    for alike in (SPACES, APOSTROPHES):
        if thousands and thousands in alike:
            return alike
    return thousands


@lru_cache(64)
def _spelling(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of a number; groups of digits are of three (Indian: two)."""
    point = re.escape(decimal)
    digits = r"\d+"
    if thousands:
        mark = f"[{re.escape(_marks(thousands))}]"
        digits = rf"(?:\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}|\d+)"
    return re.compile(
        rf"[+-]?(?:{digits}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?", re.ASCII
    )


def category(value: Any, reading: Reading) -> str | None:
    """Return a category's text, None if it is missing.

    A number or truth value of JSON is the text that a table has for it. Raises
    `TypeError` for a list or an object.
    """
    if isinstance(value, str):
        text = value.strip()
        if reading.whole and (match := re.fullmatch(_WHOLE, text, re.ASCII)):
            text = match[1]
        return None if not text or text.lower() in (reading.missing or ()) else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    raise TypeError(value)


def date(value: Any, reading: Reading) -> float | None:
    """Return a date in days since 1970-01-01 (UTC), None if it is missing.

    A text has the field's format or is ISO 8601; without a zone it is UTC. A number is
    in the field's unit: seconds, milliseconds, or else days. Raises `ValueError`, and
    `TypeError` for what is neither.
    """
    form = reading.date or "iso"
    if type(value) is int and form in PACKED and value >= _LEAST_PACKED:
        value = str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        per_day = SECONDS_PER_DAY * _SCALE[form] if form in _SCALE else 1
        return value / per_day
    if not isinstance(value, str):
        raise TypeError(value)
    text = value.strip()
    if is_missing(text, reading):
        return None
    if form in _SCALE:
        try:
            return parse(text, ".", "") / (SECONDS_PER_DAY * _SCALE[form])
        except ValueError:
            form = "iso"
    return days(text, form)


def days(text: str, form: str) -> float:
    """Return the days since 1970 of a text in one format, or in ISO 8601.

    Raises `ValueError`.
    """
    moment = None
    if form != "iso":
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 (UTC follows)
        except ValueError:
            moment = None
    if moment is None:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds() / SECONDS_PER_DAY


def words(text: str) -> str:
    """Return the words of a text in lower case, separated by `BETWEEN`.

    Chinese and Japanese have no spaces: each character is a word.
    """
    found = _word().findall(normalize("NFKC", text).casefold())
    return BETWEEN.join(found[:MAX_WORDS])


@cache
def _word() -> re.Pattern[str]:
    """Return the pattern of a word; compiled late, as a cold start needs none."""
    return re.compile(f"[{_IDEOGRAPHS}]|[^\\W_{_IDEOGRAPHS}]+")


def items(value: Any, reading: Reading) -> str:
    """Return the items of a list, or of a text that spells one, as one string.

    They are separated by `BETWEEN`. Raises `TypeError` for other values.
    """
    if isinstance(value, str):
        value = _split(value.strip(), reading)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(value)
    texts = (category(item, reading) for item in value if item is not None)
    return BETWEEN.join(text for text in texts if text)


def _split(text: str, reading: Reading) -> Sequence[Any]:
    if text.startswith("["):
        try:
            spelled = json.loads(text)
        except ValueError:
            spelled = text.strip("[]").split(",")
        if isinstance(spelled, list):
            return [i.strip(" '\"") if isinstance(i, str) else i for i in spelled]
    return text.split(reading.separator or BETWEEN)
