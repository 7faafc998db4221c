"""A table of a TOML file as a frozen dataclass: a wrong word is an error naming it.

The fields' types say what may stand there: strings, numbers, booleans, lists of
strings, other dataclasses, and mappings of names to dataclasses.
"""

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hotseat_infra.errors import DeploymentError

T = TypeVar("T")


def parse_table(kind: type[T], given: Any, where: str) -> T:
    """Make a value of what a table says; every key has to be one of its fields.

    Raises `DeploymentError` naming `where`, the key, and what may stand there.
    """
    if not isinstance(given, dict):
        raise DeploymentError(f"{where} has to be a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    check_keys(given, set(fields), where)
    hints = get_type_hints(kind)
    values = {}
    for name, item in fields.items():
        if name in given:
            values[name] = _value(hints[name], given[name], f"{where}.{name}")
        elif (
            item.default is dataclasses.MISSING
            and item.default_factory is dataclasses.MISSING
        ):
            raise DeploymentError(f"{where}: {name} is missing")
    return kind(**values)


def check_keys(given: Mapping[str, Any], names: set[str], where: str) -> None:
    """Raise `DeploymentError` for a key that is none of `names`."""
    for name in given:
        if name not in names:
            raise DeploymentError(
                f"{where}: {name!r} is not known; there are: {', '.join(sorted(names))}"
            )


def _value(hint: Any, given: Any, where: str) -> Any:
    if isinstance(hint, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if dataclasses.is_dataclass(hint):
        return parse_table(hint, given, where)  # type: ignore[arg-type]
    if get_origin(hint) is Mapping:
        if not isinstance(given, dict):
            raise DeploymentError(f"{where} has to be a table")
        kind = get_args(hint)[1]
        return {
            name: parse_table(kind, item, f"{where}.{name}")
            for name, item in given.items()
        }
    if hint == tuple[str, ...]:
        if not isinstance(given, list) or not all(type(x) is str for x in given):
            raise DeploymentError(f"{where} has to be a list of strings")
        return tuple(given)
    if hint is float and type(given) in {int, float}:
        return float(given)
    if type(given) is not hint:
        raise DeploymentError(f"{where} has to be {_WORDS[hint]}, not {given!r}")
    return given


_WORDS = {
    str: "a string", int: "a whole number", float: "a number", bool: "true or false",
}  # fmt: skip
