"""The rules of games that run beside a model, chosen by name in its signature.

They know no model: they say what is legal, who won, whether a level can be solved.
Training uses the same modules.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_serve.rules.game import Game

Check = Callable[
    [Sequence[str], Mapping[str, Any], Callable[[], bool]], Mapping[str, Any] | None
]
"""Rows of a level, what was wished, whether time is over: what can be said of the
level, or None where it is not fit to play."""

_GAMES = {"connect-four": "connect_four"}
_CHECKS = {"platformer": "platformer", "sokoban": "sokoban"}
NAMES = frozenset({*_GAMES, *_CHECKS})


@cache
def game(name: str) -> Game[Any]:
    """Return the rules of a game for two; raises `IntegrityError`."""
    found: Game[Any] = _module(name, _GAMES).GAME
    return found


@cache
def check(name: str) -> Check:
    """Return what tells playable levels; raises `IntegrityError`."""
    found: Check = _module(name, _CHECKS).check
    return found


def _module(name: str, known: Mapping[str, str]) -> Any:
    if name not in known:
        there = ", ".join(sorted(known))
        raise IntegrityError(f"no rules {name!r} of this sort; there are {there}")
    return import_module(f"hotseat_serve.rules.{known[name]}")
