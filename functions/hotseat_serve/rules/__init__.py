"""The rules of games that run beside a model, chosen by name in its signature.

They are independent of models: they decide which actions are legal, who won, whether a
level can be solved. Training uses the same modules.

Built-in rules are the modules of this package. A studio registers its own in the entry
point group ``hotseat.rules``: a `Game`, or a function that checks levels (`Check`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_serve.rules.game import Game

GROUP = "hotseat.rules"
Check = Callable[
    [Sequence[str], Mapping[str, Any], Callable[[], bool]], Mapping[str, Any] | None
]
"""From a level's rows, the wish, and whether time is over to the level's statistics, or
None for an unplayable level. A function with an attribute ``refusal`` names the rule
that refused one (`Refusal`)."""
Refusal = Callable[[Sequence[str], Mapping[str, Any], Callable[[], bool]], str]
"""From what `Check` receives to a stable name of the rule that refused the level."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@cache
def game(name: str) -> Game[Any]:
    """Return the rules of a game for two; raises `IntegrityError`."""
    found = find(name)
    if callable(found):
        raise IntegrityError(f"the rules {name!r} check levels: they are no game")
    game: Game[Any] = found
    return game


@cache
def check(name: str) -> Check:
    """Return the function that checks levels; raises `IntegrityError`."""
    found = find(name)
    if not callable(found):
        raise IntegrityError(f"the rules {name!r} are a game: they check no levels")
    check: Check = found
    return check


@cache
def refusal(name: str) -> Refusal | None:
    """Return the function that names the rule which refused a level, if there is one.

    Raises `IntegrityError`.
    """
    found = check(name)
    named: Refusal | None = getattr(found, "refusal", None)
    if named is None:
        named = getattr(import_module(found.__module__), "refusal", None)
    return named


@cache
def find(name: str) -> Any:
    """Return a game, or a function that checks levels; raises `IntegrityError`.

    Only a name that is not built in needs a search of the installed packages, so
    built-in rules keep the cold start short.
    """
    ours = _of_this_package(name)
    if ours is not None:
        return ours
    from importlib.metadata import entry_points  # late: a cold start goes without

    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        there = ", ".join(sorted(entry_points(group=GROUP).names)) or "none but ours"
        raise IntegrityError(
            f"no installed package has the rules {name!r}: install the one that does "
            f"(it registers them as an entry point of {GROUP}); there are {there}"
        )
    if len({entry.value for entry in found}) > 1:
        packages = " and ".join(sorted(_package(entry) for entry in found))
        raise IntegrityError(f"{packages} both have rules {name!r}: remove one")
    return found[0].load()


def _of_this_package(name: str) -> Any:
    """Return the rules of a module of this package: its GAME, or its `check`."""
    if not _NAME.fullmatch(name):
        return None
    place = f"{__name__}.{name.replace('-', '_')}"
    if find_spec(place) is None:
        return None
    module = import_module(place)
    return getattr(module, "GAME", None) or getattr(module, "check", None)


def _package(entry: Any) -> str:
    return entry.dist.name if entry.dist is not None else str(entry.value)
