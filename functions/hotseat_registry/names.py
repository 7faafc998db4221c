"""How versions are named: ``sentiment@3`` is fixed, ``sentiment#live`` moves.

The command line, logs, documents and errors use the same two marks.
"""

import re
from functools import lru_cache

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import BadNameError

LIVE = "live"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever follows a dot."""


def check_name(name: str, what: str = "model") -> str:
    """Return `name` if a model or alias may be called so.

    It becomes a path in folders, buckets and addresses; digits alone are a version, and
    name no alias. Raises `BadNameError`
    otherwise.
    """
    article = "an" if what == "alias" else "a"
    if not _NAME.fullmatch(name):
        raise BadNameError(
            f"{name[:80]!r} cannot name {article} {what}: use 1 to 64 of A-Z, a-z, "
            "0-9, '.', '_' and '-', beginning and ending with a letter or digit"
        )
    if what == "alias" and name.isdigit():
        raise BadNameError(f"{name!r} cannot name an alias: it is a version's number")
    if _RESERVED.fullmatch(name):
        raise BadNameError(
            f"{name!r} cannot name {article} {what}: Windows reserves it"
        )
    return name


def is_name(name: str) -> bool:
    """Whether a model or alias may be called so."""
    return bool(_NAME.fullmatch(name)) and not _RESERVED.fullmatch(name)


@dataclass(frozen=True, slots=True)
class Reference:
    """One way to name a version: a number, or an alias that stands for one."""

    model: str
    version: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        """Render as ``model@3`` or ``model#live``."""
        if self.version is not None:
            return f"{self.model}@{self.version}"
        return f"{self.model}#{self.alias}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read ``model@3``, ``model#alias`` or ``model`` (which means ``#live``).

        Raises `BadNameError` for anything else.
        """
        model, at, number = text.partition("@")
        if at:
            return cls(check_name(model), version=parse_version(number))
        model, _, alias = text.partition("#")
        return cls(check_name(model), alias=check_name(alias or LIVE, "alias"))

    @staticmethod
    @lru_cache(256)  # requests name the same few models again and again
    def of(model: str, version: str | int | None = None) -> "Reference":
        """Name a version of `model` by a number or an alias, the default being live."""
        text = str(LIVE if version is None else version)
        if text.isascii() and text.isdigit():
            return Reference(check_name(model), version=parse_version(text))
        return Reference(check_name(model), alias=check_name(text, "alias"))


def parse_version(text: str) -> int:
    """Read a version number, 1 or more; raises `BadNameError`."""
    if not _NUMBER.fullmatch(text):
        raise BadNameError(f"{text!r} is no version: write a whole number from 1")
    return int(text)
