"""Warnings about a request that is answered all the same.

A misspelt field, or a number that training never saw, must neither break a game nor
stay unnoticed: the answer carries a warning. With ``options.strict`` the caller gets an
error instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hotseat_serve.problems import Problem
from hotseat_serve.wording import NAME_LENGTH, inside, listed, quoted

MOST = 20
"""Warnings in one answer; one more says how many others there are."""


COMPARISONS = 4_000
"""Names that are compared for the suggestions of one answer: some 100 ms at most."""


class InputWarning(NamedTuple):
    """One possible mistake in a request."""

    code: str
    """unknown_field, ignored_field, all_defaults, out_of_range, unknown_category,
    not_finite, time_over, more_warnings; others may follow."""
    detail: str
    pointer: str
    """JSON pointer to it in the request."""
    suggestion: str | None = None
    """The name that was probably meant."""

    def to_json(self) -> dict[str, str]:
        """Return the warning in the form of an answer."""
        said = {"code": self.code, "detail": self.detail, "pointer": self.pointer}
        if self.suggestion is not None:
            said["suggestion"] = self.suggestion
        return said


@dataclass(slots=True)
class Warnings:
    """The warnings of one request: each place once for each code, `MOST` in all."""

    strict: bool = False
    """Whether the first one is an error instead."""
    closed: bool = False
    """Whether more are dropped, as of inputs that the caller did not send."""
    count: int = 0
    """With those that are left out for their number."""
    _kept: dict[tuple[str, str], InputWarning] = field(default_factory=dict)
    _comparisons: int = COMPARISONS

    def add(
        self, code: str, detail: str, pointer: str, suggestion: str | None = None
    ) -> None:
        """Keep a warning; raises `Problem` (invalid_input) where the caller is strict.

        `pointer` leads into the request and is no longer than the signature makes it.
        """
        if self.closed or (code, pointer) in self._kept:
            return
        if self.strict:
            raise Problem("invalid_input", f"{detail} (options.strict)", pointer)
        self.count += 1
        if len(self._kept) < MOST:
            warning = InputWarning(code, detail, pointer, suggestion)
            self._kept[code, pointer] = warning

    @property
    def full(self) -> bool:
        """Whether one more would only be counted: its words need not be found."""
        return len(self._kept) >= MOST and not self.strict

    def unknown(self, names: Iterable[str], known: Sequence[str], pointer: str) -> None:
        """Warn of fields of the object at `pointer` that nothing reads."""
        for name in sorted(names):
            if self.closed:
                return
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
        """Return the warnings as they stand in an answer; empty where all is well."""
        said = [warning.to_json() for warning in self._kept.values()]
        if more := self.count - len(said):
            detail = f"{more} more warnings are left out"
            said.append(InputWarning("more_warnings", detail, "").to_json())
        return said


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like another, if one is like it.

    Upper and lower case are alike. Ratcliff and Obershelp's measure, at least 0.6, as
    `difflib.get_close_matches` has it; the SDKs' devices do the same.
    """
    from difflib import get_close_matches  # late: most requests have no such name

    lower: dict[str, str] = {}
    for one in known:
        lower.setdefault(one.lower(), one)
    found = get_close_matches(name[:NAME_LENGTH].lower(), lower, 1)
    return lower[found[0]] if found else None


def hint(near: str | None, known: Sequence[str]) -> str:
    """Return what to write instead: the nearest name, else the names there are."""
    if near is not None:
        return f"did you mean {quoted(near)}?"
    return f"the fields are {listed(list(known))}"


def absent(unknown: Iterable[str], known: Sequence[str], pointer: str) -> Problem:
    """Return the problem of an object of which nothing is known."""
    names = sorted(unknown)
    suggestions: list[Any] = [nearest(name, known) for name in names[:3]]
    near = list(dict.fromkeys(one for one in suggestions if one is not None))
    meant = f"did you mean {listed(near)}?" if near else hint(None, known)
    return Problem(
        "invalid_input",
        f"none of the given fields is known: got {listed(names)}; {meant}",
        inside(pointer, names[0]),
    )
