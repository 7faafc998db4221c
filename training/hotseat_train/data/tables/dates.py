"""Finds the format in which a column spells dates."""

import re
from collections.abc import Iterable

from hotseat_serve.codec.cells import days

_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y",
    "%m-%d-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%a %d %b %Y", "%a, %d %b %Y",
    "%Y年%m月%d日", "%Y%m%d",
)  # fmt: skip
_TIMES = (
    "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S%z",
    "%H:%M:%S %z", "%H:%M:%S %Z", "%H:%M %z",
)  # fmt: skip
_OTHERS = (
    "%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%Y年%m月", "%Y%m%d%H%M%S",
    "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Z %Y",
)  # fmt: skip
FORMATS = (
    "iso", *_DAYS, *(f"{day} {time}" for day in _DAYS for time in _TIMES),
    *(f"{day}T{time}" for day in _DAYS[:1] for time in _TIMES), *_OTHERS,
)  # fmt: skip
SWAPPED = {"%d/%m": "%m/%d", "%d-%m-": "%m-%d-"}
"""The beginnings of formats that read the same text as another day."""
_LIKE = re.compile(
    r".*\d.*[-/.年T: ].*\d.*|(19|20|21)\d{6}(\d{6})?|[A-Za-z]{3,9}\.? (19|20)\d\d"
)
_DECIMAL = re.compile(r"[+-]?\d*[.,]?\d+")
_FIRST_YEAR, _LAST_YEAR = -25_567, 47_846
"""Days since 1970 of 1900-01-01 and 2101-01-01."""


def is_like(text: str) -> bool:
    """Whether a text may be a date."""
    if len(text) > 40 or not _LIKE.fullmatch(text):
        return False
    return not _DECIMAL.fullmatch(text) or len(text) in {8, 14}


def fitting(text: str, formats: Iterable[str]) -> list[str]:
    """Return the formats that a text has, of dates from 1900 to 2100."""
    return [form for form in formats if _fits(text, form)]


def _fits(text: str, form: str) -> bool:
    if form == "iso" and text[4:5] != "-":
        return False
    try:
        found = days(text, form)
    except ValueError:
        return False
    return _FIRST_YEAR <= found < _LAST_YEAR and (
        form == "iso" or _strictly(text, form)
    )


def _strictly(text: str, form: str) -> bool:
    """Whether a text has the format itself, where `days` also takes ISO 8601."""
    if form == "%Y%m%d":
        return len(text) == 8
    from datetime import datetime

    try:
        datetime.strptime(text, form)  # noqa: DTZ007 (only whether it fits)
    except ValueError:
        return False
    return True


def swapped(form: str) -> str | None:
    """Return the format that has day and month in the other order, if there is one."""
    for one, other in SWAPPED.items():
        for first, second in ((one, other), (other, one)):
            if form.startswith(first):
                return second + form[len(first) :]
    return None
