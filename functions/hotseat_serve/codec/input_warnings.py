"""Warnings about a request that is answered nevertheless.

A misspelt field, or a number outside the training data, must neither break a game nor
stay unnoticed: the answer carries a warning. With ``options.strict`` the caller gets an
error instead.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.problems import Problem
from hotseat_serve.wording import NAME_LENGTH, inside, listed, quoted

MOST = 20
"""Warnings in one answer; one more counts the others."""


COMPARISONS = 4_000
"""Names compared for the suggestions of one answer: about 100 ms at most."""


class InputWarning(NamedTuple):
    """One possible mistake in a request."""

    code: str
    """unknown_field, ignored_field, all_defaults, out_of_range, unknown_category,
    not_finite, time_over, more_warnings; others may follow."""
    detail: str
    pointer: str
    """JSON pointer to the mistake in the request."""
    suggestion: str | None = None
    """The probable intended name."""

    def to_json(self) -> dict[str, str]:
        """Return the warning in the format of an answer."""
        document = {"code": self.code, "detail": self.detail, "pointer": self.pointer}
        if self.suggestion is not None:
            document["suggestion"] = self.suggestion
        return document


@dataclass(slots=True)
class Warnings:
    """The warnings of one request: one for each code and place, `MOST` in all."""

    strict: bool = False
    """Whether the first warning is an error instead."""
    closed: bool = False
    """Whether further warnings are dropped, as for inputs the caller did not send."""
    count: int = 0
    """All warnings, also those over `MOST`."""
    _kept: dict[tuple[str, str], InputWarning] = field(default_factory=dict)
    _comparisons: int = COMPARISONS

    def add(
        self, code: str, detail: str, pointer: str, suggestion: str | None = None
    ) -> None:
        """Add a warning; raises `Problem` (invalid_input) if the caller is strict.

        `pointer` is a place in the request; the signature limits its length.
        """
        if self.closed or (code, pointer) in self._kept:
            return
        if self.strict:
            raise Problem("invalid_input", f"{detail} (options.strict)", pointer)
        self.count += 1
        if len(self._kept) < MOST:
            # late: few requests have any
            from hotseat_serve.privacy.recognisers import mask

            warning = InputWarning(
                code, mask(detail, numbers=False), mask(pointer), suggestion
            )
            self._kept[code, pointer] = warning

    def note(self, code: str, detail: str) -> None:
        """Add a warning of what is no fault of the caller, strict or not."""
        strict, self.strict = self.strict, False
        self.add(code, detail, "")
        self.strict = strict

    @property
    def full(self) -> bool:
        """Whether a further warning would only be counted, without a text."""
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
        """Return the result of `nearest` while comparisons are left, else None."""
        if self.full or self._comparisons <= 0:
            return None
        self._comparisons -= len(known)
        return nearest(name, known)

    def to_json(self) -> list[dict[str, str]]:
        """Return the warnings in the format of an answer; empty without a mistake."""
        documents = [warning.to_json() for warning in self._kept.values()]
        if more := self.count - len(documents):
            detail = f"{more} more warnings are left out"
            documents.append(InputWarning("more_warnings", detail, "").to_json())
        return documents


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to another, or None if none is similar.

    Case does not matter. The measure is Ratcliff and Obershelp's, at least 0.6, as in
    `difflib.get_close_matches`; the SDKs use the same.
    """
    from difflib import get_close_matches  # late: most requests have no such name

    lower: dict[str, str] = {}
    for one in known:
        lower.setdefault(one.lower(), one)
    matches = get_close_matches(name[:NAME_LENGTH].lower(), lower, 1)
    return lower[matches[0]] if matches else None


def hint(near: str | None, known: Sequence[str]) -> str:
    """Return a suggestion in words: the nearest name, else all known names."""
    if near is not None:
        return f"did you mean {quoted(near)}?"
    return f"the fields are {listed(list(known))}"


def absent(unknown: Iterable[str], known: Sequence[str], pointer: str) -> Problem:
    """Return the problem of an object without a known field."""
    names = sorted(unknown)
    suggestions: list[Any] = [nearest(name, known) for name in names[:3]]
    near = list(dict.fromkeys(one for one in suggestions if one is not None))
    meant = f"did you mean {listed(near)}?" if near else hint(None, known)
    return Problem(
        "invalid_input",
        f"none of the given fields is known: got {listed(names)}; {meant}",
        inside(pointer, names[0]),
    )
