"""Tells how a column's texts spell numbers: marks, units and codes."""

import re
from dataclasses import dataclass

from hotseat_serve.codec import cells

NOTATIONS = (
    (".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"),
    (",", "'"),
)  # fmt: skip
"""Decimal mark and mark of thousands; the first that fits all values is taken."""
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CODE = re.compile(r"[+-]?0\d+", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UUID = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_HEX = re.compile(r"(0x)?(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{16,}")
_IP = re.compile(
    r"\d{1,3}(\.\d{1,3}){3}"
    r"|[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){7}|(?=.{0,38}::)[0-9a-fA-F:]{2,39}"
)
_STEAM = re.compile(r"STEAM_\d:\d:\d+|\[U:\d:\d+\]")
_URL = re.compile(r"https?://\S+")
_PHONE = re.compile(r"\+\d[\d ()/-]{6,}\d")
_LONGEST = 500
PERSONAL = {
    "e-mail addresses": _EMAIL, "UUIDs": _UUID, "hexadecimal keys": _HEX,
    "IP addresses": _IP, "Steam ids": _STEAM, "web addresses": _URL,
    "telephone numbers": _PHONE,
}  # fmt: skip
"""Patterns of values that name a person, a device or a record."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one text may be read as a number."""

    notations: frozenset[tuple[str, str]]
    """Those of `NOTATIONS` that read it; none: it is no number."""
    unit: str = ""
    code: bool = False
    """Whether a zero stands in front, as in a postcode."""


_ALL = frozenset(NOTATIONS)
_NONE = Spelling(frozenset())
_DIGITS = Spelling(_ALL)
_CODES = Spelling(_ALL, code=True)


def of(text: str) -> Spelling:
    """Return how a stripped text may be read as a number."""
    if _WHOLE.fullmatch(text):
        return _CODES if _CODE.fullmatch(text) else _DIGITS
    unit = _unit(text)
    bare = cells.without_unit(text, unit) if unit else text
    if not any(c.isdigit() for c in bare) or any(
        c.isalpha() and c not in "eE" for c in bare
    ):
        return _NONE
    found = frozenset(n for n in NOTATIONS if _reads(bare, *n))
    return Spelling(found, unit) if found else _NONE


def is_plain(text: str) -> bool:
    """Whether a text is a number without marks of thousands, as programs write it."""
    return bool(_WHOLE.fullmatch(text) or _POINT.fullmatch(text))


def _reads(text: str, decimal: str, thousands: str) -> bool:
    try:
        cells.parse(text, decimal, thousands)
    except ValueError:
        return False
    return True


def _unit(text: str) -> str:
    bare = text.lstrip("+-\u2212 ")
    for unit in (*cells.CURRENCY, "%", "\u2030"):
        if bare.startswith(unit) or text.endswith(unit):
            return unit
    return ""


def personal(text: str) -> str | None:
    """Return what kind of personal key a text is, if it is one."""
    if len(text) > _LONGEST:
        return None
    for kind, pattern in PERSONAL.items():
        if pattern.fullmatch(text):
            return kind
    return None
