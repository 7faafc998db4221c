"""The option ``explain``: how an explanation is made, and what it may cost."""

from collections.abc import Mapping
from typing import Any, Self

from hotseat_registry.dataclass import dataclass
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid, listed, quoted

METHODS = (
    "trees", "linear", "coalitions", "sampling", "spans", "moves", "rules", "occlusion",
)  # fmt: skip
EVALUATIONS = 150_000
"""Rows of the graph for one explanation by coalitions or sampling, at most, unless a
request raises it."""
MAX_EVALUATIONS = 2_000_000
MAX_ROWS = 100
"""Inputs of one request that are explained."""
_LANGUAGE_LENGTH = 35
"""Characters of a language tag (RFC 5646, 4.4.1)."""


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """``true``, or an object with these fields."""

    method: str | None = None
    """One of `METHODS`; None: the first that suits the model."""
    evaluations: int = EVALUATIONS
    """Rows of the graph for one explanation, at most."""
    language: str | None = None
    """The language of the reasons' texts; None: the version's own."""

    @classmethod
    def read(cls, value: Any, pointer: str, warnings: Warnings) -> Self | None:
        """Read the option; None for false and null. Raises `Problem`."""
        if value is None or value is False:
            return None
        if value is True:
            return cls()
        if not isinstance(value, Mapping):
            raise expected("true, false or an object", pointer, value)
        if unknown := value.keys() - set(cls.__slots__):
            warnings.unknown(unknown, cls.__slots__, pointer)
        method, language = value.get("method"), value.get("language")
        evaluations = value.get("evaluations", EVALUATIONS)
        if method is not None and not isinstance(method, str):
            raise expected("a string", f"{pointer}/method", method)
        if method is not None and method not in METHODS:
            raise invalid(
                f"no method {quoted(method)} at {pointer}/method; the methods are "
                f"{listed(list(METHODS))}",
                f"{pointer}/method",
            )
        if type(evaluations) is not int or not 1 <= evaluations <= MAX_EVALUATIONS:
            where = f"{pointer}/evaluations"
            raise invalid(
                f"expected a whole number from 1 to {MAX_EVALUATIONS} at {where}", where
            )
        if language is not None and not (
            isinstance(language, str) and len(language) <= _LANGUAGE_LENGTH
        ):
            raise expected("a language tag", f"{pointer}/language", language)
        return cls(method, evaluations, language)


def check_rows(rows: int) -> None:
    """Raise `Problem` for more inputs than one request may explain."""
    if rows > MAX_ROWS:
        raise Problem(
            "too_large",
            f"{rows} inputs to explain; the limit is {MAX_ROWS}: send several requests",
        )
