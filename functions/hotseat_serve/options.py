"""What a caller may wish beyond the inputs: how to choose, and with which seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Self

from hotseat_serve.problems import Problem

MAX_SEED = (1 << 53) - 1
"""The largest whole number that every JSON reader keeps."""


@dataclass(frozen=True, slots=True)
class Options:
    """The ``options`` of a request."""

    temperature: float | None = None
    """0 takes the best; 1 follows the probabilities; None: as the signature says."""
    seed: int | None = None
    """The same seed gives the same answer; None: another each time."""
    level: str | None = None
    """A strength that the signature names."""

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read ``{"options": {...}}``; raises `Problem` with a pointer."""
        given = body.get("options") if isinstance(body, Mapping) else None
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise Problem("invalid_input", "options has to be an object", "/options")
        for name in given:
            if name not in cls.__slots__:
                known = ", ".join(cls.__slots__)
                raise _bad(name, f"{name!r} is no option; there are {known}")
        heat, seed = given.get("temperature"), given.get("seed")
        if heat is not None and not (_number(heat) and isfinite(heat) and heat >= 0):
            raise _bad("temperature", "temperature has to be a number, 0 or more")
        if seed is not None and not (type(seed) is int and 0 <= seed <= MAX_SEED):
            raise _bad("seed", f"seed has to be a whole number from 0 to {MAX_SEED}")
        level = given.get("level")
        if level is not None and not isinstance(level, str):
            raise _bad("level", "level has to be a string")
        return cls(heat, seed, level)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bad(name: str, detail: str) -> Problem:
    pointer = name.replace("~", "~0").replace("/", "~1")
    return Problem("invalid_input", detail, f"/options/{pointer}")
