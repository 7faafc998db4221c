"""Parse a TOML table into a frozen dataclass; an unknown key or type is an error.

The types of the fields are the schema: strings, numbers, booleans, lists of strings,
other dataclasses, and mappings of names to dataclasses.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hotseat_infra.deployment.schema import RENAMED_FROM
from hotseat_infra.errors import DeploymentError

T = TypeVar("T")


def parse_table(kind: type[T], table: Any, where: str) -> T:
    """Parse a table into a dataclass; every key has to be one of its fields.

    Raises `DeploymentError` with the place, the key and the expected type.
    """
    if not isinstance(table, dict):
        raise DeploymentError(f"{where}: expected a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    table = _renamed(table, fields.values(), where)
    check_keys(table, set(fields), where)
    hints = get_type_hints(kind)
    values = {}
    for name, item in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], f"{where}.{name}")
        elif (
            item.default is dataclasses.MISSING
            and item.default_factory is dataclasses.MISSING
        ):
            raise DeploymentError(f"{where}: the key {name} is missing")
    return kind(**values)


def _renamed(
    table: dict[str, Any], fields: Iterable[dataclasses.Field[Any]], where: str
) -> dict[str, Any]:
    """Return the table with the former key of a field under its new name."""
    for item in fields:
        former = item.metadata.get(RENAMED_FROM)
        if former not in table:
            continue
        if item.name in table:
            raise DeploymentError(
                f"{where}: {former} is the former name of {item.name}: remove {former}"
            )
        table = {item.name if k == former else k: v for k, v in table.items()}
    return table


def check_keys(table: Mapping[str, Any], names: set[str], where: str) -> None:
    """Raise `DeploymentError` for a key that is not one of `names`."""
    for name in table:
        if name not in names:
            known = ", ".join(sorted(names))
            raise DeploymentError(
                f"{where}: unknown key {name!r}; expected one of {known}"
            )


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if dataclasses.is_dataclass(hint):
        return parse_table(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) is Mapping:
        if not isinstance(value, dict):
            raise DeploymentError(f"{where}: expected a table")
        kind = get_args(hint)[1]
        if kind is str:
            return {n: _value(str, item, f"{where}.{n}") for n, item in value.items()}
        return {
            name: parse_table(kind, item, f"{where}.{name}")
            for name, item in value.items()
        }
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(type(x) is str for x in value):
            raise DeploymentError(f"{where}: expected a list of strings")
        return tuple(value)
    if hint is float and type(value) in {int, float}:
        return float(value)
    if type(value) is not hint:
        raise DeploymentError(f"{where}: expected {_WORDS[hint]}, got {value!r}")
    return value


_WORDS = {
    str: "a string", int: "a whole number", float: "a number", bool: "true or false",
}  # fmt: skip
