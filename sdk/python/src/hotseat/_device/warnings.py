"""Warnings about possible mistakes in inputs, as in the service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from hotseat._device.wording import NAME_LENGTH, bad, inside, listed, quoted
from hotseat.errors import StatusError

MOST = 20
"""Maximum number of warnings in an answer; a last one counts the others."""


COMPARISONS = 4_000
"""Maximum number of comparisons of names for the suggestions of one answer."""


@dataclass
class Warnings:
    """The warnings of one request: each place once for each code, `MOST` in all."""

    strict: bool = False
    count: int = 0
    _entries: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _comparisons: int = COMPARISONS

    def add(
        self, code: str, detail: str, pointer: str, suggestion: str | None = None
    ) -> None:
        """Add a warning; raises `BadInputError` with the option `strict`."""
        if (code, pointer) in self._entries:
            return
        if self.strict:
            raise bad(f"{detail} (options.strict)", pointer)
        self.count += 1
        if len(self._entries) < MOST:
            warning = {"code": code, "detail": detail, "pointer": pointer}
            if suggestion is not None:
                warning["suggestion"] = suggestion
            self._entries[code, pointer] = warning

    def note(self, code: str, detail: str) -> None:
        """Add a warning of what is no fault of the caller, strict or not."""
        strict, self.strict = self.strict, False
        self.add(code, detail, "")
        self.strict = strict

    @property
    def full(self) -> bool:
        """Whether a further warning is only counted."""
        return len(self._entries) >= MOST and not self.strict

    def unknown(self, names: Iterable[str], known: Sequence[str], pointer: str) -> None:
        """Warn about unknown fields of the object at `pointer`."""
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
        """Return the result of `nearest` while comparisons are left, then None."""
        if self.full or self._comparisons <= 0:
            return None
        self._comparisons -= len(known)
        return nearest(name, known)

    def to_json(self) -> list[dict[str, str]]:
        """Return the warnings in the form of an answer."""
        listed_warnings = list(self._entries.values())
        if more := self.count - len(listed_warnings):
            detail = f"{more} more warnings are left out"
            listed_warnings.append(
                {"code": "more_warnings", "detail": detail, "pointer": ""}
            )
        return listed_warnings


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the most similar known name, if one is similar enough."""
    lower: dict[str, str] = {}
    for one in known:
        lower.setdefault(one.lower(), one)
    matches = get_close_matches(name[:NAME_LENGTH].lower(), lower, 1)
    return lower[matches[0]] if matches else None


def hint(near: str | None, known: Sequence[str]) -> str:
    """Return a suggestion: the nearest name, else all known names."""
    if near is not None:
        return f"did you mean {quoted(near)}?"
    return f"the fields are {listed(known)}"


def absent(unknown: Iterable[str], known: Sequence[str], pointer: str) -> StatusError:
    """Return the error of an object with unknown fields only."""
    names = sorted(unknown)
    suggestions = [nearest(name, known) for name in names[:3]]
    near = list(dict.fromkeys(one for one in suggestions if one is not None))
    meant = f"did you mean {listed(near)}?" if near else hint(None, known)
    return bad(
        f"none of the given fields is known: got {listed(names)}; {meant}",
        inside(pointer, names[0]),
    )
