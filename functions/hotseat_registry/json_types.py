"""The JSON values that a field may have, by the type that its dataclass declares.

Only what JSON has: numbers, texts, lists, objects. true and false are no numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin


class Kind(NamedTuple):
    """One declared type."""

    words: str
    """What it is in an error: ``a whole number``."""
    takes: Callable[[Any], bool]


_PLAIN: Mapping[Any, Kind] = {
    Any: Kind("anything", lambda _value: True),
    str: Kind("a text", lambda value: isinstance(value, str)),
    int: Kind("a whole number", lambda value: type(value) is int),
    bool: Kind("true or false", lambda value: isinstance(value, bool)),
    float: Kind("a number", lambda value: type(value) in {int, float}),
    NoneType: Kind("null", lambda value: value is None),
}


def kind(declared: Any, record: type) -> Kind:
    """Return what a declared type takes of JSON; subclasses of `record` are objects.

    Raises `TypeError` for a type that JSON does not have.
    """
    if declared in _PLAIN:
        return _PLAIN[declared]
    origin, parts = get_origin(declared), get_args(declared)
    if origin in {Union, UnionType}:
        return _either([kind(part, record) for part in parts])
    if origin is tuple:
        return _list([kind(part, record) for part in parts if part is not Ellipsis],
                     any_length=Ellipsis in parts)  # fmt: skip
    if origin is Sequence:
        return _list([kind(parts[0], record)], any_length=True, also=Sequence)
    if origin is Mapping:
        return _object(kind(parts[1], record))
    if isinstance(declared, type) and issubclass(declared, record):
        return Kind(
            f"an object ({declared.__name__.lower()})",
            lambda value: isinstance(value, Mapping | record),
        )
    raise TypeError(f"JSON has no {declared}")


def _either(kinds: list[Kind]) -> Kind:
    words = [one.words for one in kinds]
    takes = [one.takes for one in kinds]
    return Kind(" or ".join(words), lambda value: any(one(value) for one in takes))


def _list(kinds: list[Kind], *, any_length: bool, also: type[Any] = tuple) -> Kind:
    if any_length:
        one = kinds[0].takes
        return Kind(
            f"a list, each of it {kinds[0].words}",
            lambda value: (
                isinstance(value, list | tuple | also)
                and not isinstance(value, str)
                and all(map(one, value))
            ),
        )
    takes = [item.takes for item in kinds]
    return Kind(
        f"a list of {len(kinds)}",
        lambda value: (
            isinstance(value, list | tuple)
            and len(value) == len(takes)
            and all(one(item) for one, item in zip(takes, value, strict=True))
        ),
    )


def _object(item: Kind) -> Kind:
    return Kind(
        f"an object, each value of it {item.words}",
        lambda value: (
            isinstance(value, Mapping)
            and all(isinstance(key, str) for key in value)
            and all(map(item.takes, value.values()))
        ),
    )
