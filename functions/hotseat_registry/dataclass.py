"""Dataclasses whose definition takes a fifth of the standard library's time.

`dataclasses.dataclass` writes and compiles up to six methods for each class, which was
half of what a function's start did beside loading its runtime. Here a class shares its
methods with all others but for ``__init__``, which is compiled when the class is first
used: many a class of a start never is. Fields and slots are the standard library's, and
so are `dataclasses.replace`, `fields` and `asdict` of what is defined here. Type
checkers see `dataclasses.dataclass` itself.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass", "field"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, eq: bool = True
    ) -> Callable[[type[Any]], type[Any]]:
        """Define a dataclass as `dataclasses.dataclass` does with these arguments.

        A frozen one has slots. Fields of the type `InitVar` are not supported.
        """
        if frozen and not slots:
            raise TypeError("a frozen dataclass takes slots=True here")

        def define(cls: type[Any]) -> type[Any]:
            plain = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)
            return _with_methods(plain(cls), frozen=frozen, eq=eq)

        return define


def _with_methods(cls: type[Any], *, frozen: bool, eq: bool) -> type[Any]:
    """Add the methods that the class does not define itself."""
    fields = dataclasses.fields(cls)
    methods: dict[str, Any] = {
        "__init__": _init_at_first_use(cls, frozen=frozen),
        "__repr__": _repr,
    }
    if eq:
        values = _values(each.name for each in fields if each.compare)

        def equals(self: Any, other: Any) -> Any:
            if other.__class__ is not self.__class__:
                return NotImplemented
            return values(self) == values(other)

        def hashed(self: Any) -> int:
            return hash(values(self))

        methods |= {"__eq__": equals, "__hash__": hashed if frozen else None}
    if frozen:
        methods |= {
            "__setattr__": _refuse, "__delattr__": _refuse,
            "__getstate__": _state, "__setstate__": _set_state,
        }  # fmt: skip
    for name, method in methods.items():
        if name not in cls.__dict__:
            setattr(cls, name, method)
    return cls


def _init_at_first_use(cls: type[Any], *, frozen: bool) -> Callable[..., None]:
    """Return an ``__init__`` that replaces itself by a compiled one."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807 (it is one)
        compiled = _compiled_init(cls, frozen=frozen)
        cls.__init__ = compiled  # several threads set the same
        compiled(self, *given, **named)

    return __init__


def _compiled_init(cls: type[Any], *, frozen: bool) -> Callable[..., None]:
    """Return the ``__init__`` that `dataclasses.dataclass` would write."""
    known: dict[str, Any] = {"_missing": dataclasses.MISSING}
    in_order: list[str] = ["self"]
    by_name: list[str] = []
    body = []
    for each in dataclasses.fields(cls):
        name = value = each.name
        default = ""
        if each.default_factory is not dataclasses.MISSING:
            known[f"_new_{name}"] = each.default_factory
            default = "=_missing"
            value = f"_new_{name}()"
            if each.init:
                value += f" if {name} is _missing else {name}"
        elif each.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = each.default
            default = f"=_default_{name}"
            if not each.init:
                value = f"_default_{name}"
        elif not each.init:
            continue  # whoever declares the field sets it
        if each.init:
            (by_name if each.kw_only else in_order).append(name + default)
        if frozen:
            known[f"_set_{name}"] = getattr(cls, name).__set__  # of its slot
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    taken = ", ".join([*in_order, *(["*", *by_name] if by_name else ())])
    lines = "\n ".join(body or ["pass"])
    exec(f"def __init__({taken}):\n {lines}", known)  # noqa: S102 (of the fields' names)
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"  # in errors of missing arguments
    return made


def _values(names: Iterable[str]) -> Callable[[Any], Any]:
    """Return what reads attributes as one value that can be compared."""
    chosen = list(names)
    return attrgetter(*chosen) if chosen else lambda _self: ()


def _repr(self: Any) -> str:
    shown = (
        f"{each.name}={getattr(self, each.name)!r}"
        for each in dataclasses.fields(self)
        if each.repr
    )
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *_value: Any) -> NoReturn:
    raise dataclasses.FrozenInstanceError(
        f"cannot change field {name!r} of {type(self).__qualname__}"
    )


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
