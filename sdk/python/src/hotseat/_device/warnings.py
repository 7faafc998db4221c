"""Warnings about inputs that are answered, as in the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from hotseat._device.wording import NAME_LENGTH, bad, inside, listed, quoted
from hotseat.errors import StatusError

MOST = 20
"""Warnings in one answer; one more says how many others there are."""


COMPARISONS = 4_000
"""Names that are compared for the suggestions of one answer."""


@dataclass
class Warnings:
    """The warnings of one request: each place once for each code, `MOST` in all."""

    strict: bool = False
    count: int = 0
    _kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _comparisons: int = COMPARISONS

    def add(
        self, code: str, detail: str, pointer: str, suggestion: str | None = None
    ) -> None:
        """Keep a warning; raises `BadInputError` where the caller is strict."""
        if (code, pointer) in self._kept:
            return
        if self.strict:
            raise bad(f"{detail} (options.strict)", pointer)
        self.count += 1
        if len(self._kept) < MOST:
            warning = {"code": code, "detail": detail, "pointer": pointer}
            if suggestion is not None:
                warning["suggestion"] = suggestion
            self._kept[code, pointer] = warning

    @property
    def full(self) -> bool:
        """Whether one more would only be counted."""
        return len(self._kept) >= MOST and not self.strict

    def unknown(self, names: Iterable[str], known: Sequence[str], pointer: str) -> None:
        """Warn of fields of the object at `pointer` that nothing reads."""
        for name in sorted(names):
            if self.full:
                self.count += 1
                continue
            near = self.nearest(name, known)
            self.add(
                "unknown_field",
                f"unknown field {quoted(name)} is ignored; {hint(near, known)}",
                inside(pointer, name),
                near,
            )

    def nearest(self, name: str, known: Sequence[str]) -> str | None:
        """Return what `nearest` finds, while there are comparisons left."""
        if self.full or self._comparisons <= 0:
            return None
        self._comparisons -= len(known)
        return nearest(name, known)

    def to_json(self) -> list[dict[str, str]]:
        """Return the warnings as they stand in an answer."""
        told = list(self._kept.values())
        if more := self.count - len(told):
            detail = f"{more} more warnings are left out"
            told.append({"code": "more_warnings", "detail": detail, "pointer": ""})
        return told


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like another, if one is like it."""
    lower: dict[str, str] = {}
    for one in known:
        lower.setdefault(one.lower(), one)
    found = get_close_matches(name[:NAME_LENGTH].lower(), lower, 1)
    return lower[found[0]] if found else None


def hint(near: str | None, known: Sequence[str]) -> str:
    """Return what to write instead: the nearest name, else the names there are."""
    if near is not None:
        return f"did you mean {quoted(near)}?"
    return f"the fields are {listed(known)}"


def absent(unknown: Iterable[str], known: Sequence[str], pointer: str) -> StatusError:
    """Return the error of an object of which nothing is known."""
    names = sorted(unknown)
    found = [nearest(name, known) for name in names[:3]]
    near = list(dict.fromkeys(one for one in found if one is not None))
    meant = f"did you mean {listed(near)}?" if near else hint(None, known)
    return bad(
        f"none of the given fields is known: got {listed(names)}; {meant}",
        inside(pointer, names[0]),
    )
