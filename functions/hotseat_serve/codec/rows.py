"""The inputs of one request for the codec: objects, names, pointers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from hotseat_registry.signature import Input, Signature
from hotseat_serve.codec.input_warnings import Warnings, absent
from hotseat_serve.wording import expected, inside, invalid, listed, place

TOP = ("input", "inputs", "options", "player_id")
"""Reserved names at the top of a body."""
_BESIDE = {"options", "player_id"}
"""Reserved names beside an input whose fields are at the top of the body."""


class Rows(NamedTuple):
    """The inputs of one request, with the JSON pointer to each."""

    signature: Signature
    inputs: Sequence[Any]
    pointers: Sequence[str]
    warnings: Warnings | None = None
    """The collected warnings; None: they are dropped."""

    def values(self, item: Input) -> list[tuple[Any, str]]:
        """Return an input's value in each row, and the pointer to it.

        The one input of a signature needs no name. Raises `Problem`.
        """
        return [
            self._value(item, given, pointer)
            for given, pointer in zip(self.inputs, self.pointers, strict=True)
        ]

    def _value(self, item: Input, given: Any, pointer: str) -> tuple[Any, str]:
        name = item.key
        if is_object(given):
            if name not in given:
                if item.default is not None:
                    return None, inside(pointer, name)
                got = sorted(given.keys() - (_BESIDE if pointer == "" else set()))
                raise invalid(
                    f"expected {name!r}{place(pointer)}, "
                    f"got {listed(got) if got else 'no field'}",
                    inside(pointer, name),
                )
            return given[name], inside(pointer, name)
        if len({other.key for other in self.signature.inputs}) > 1:
            raise expected("an object", pointer, given)
        return given, pointer

    def check_names(self) -> None:
        """Warn of the fields that nothing reads.

        Raises `Problem` (invalid_input) for named features without a known name.
        """
        names: dict[str, None] = {}
        named = False
        for given, pointer in zip(self.inputs, self.pointers, strict=True):
            if not is_object(given):
                continue
            if not names:
                names = _names(self.signature)
                named = any(item.form == "features" for item in self.signature.inputs)
            # the pointer to the body itself is empty: what else a body has is not the
            # input's
            own = given.keys() - _BESIDE if pointer == "" else given.keys()
            unknown = own - names.keys()
            if named and len(unknown) == len(own):
                if unknown:
                    raise absent(unknown, list(names), pointer)
                self._all_defaults(pointer)
            if unknown and self.warnings is not None:
                known = [*names, *(TOP if pointer == "" else ())]
                self.warnings.unknown(unknown, known, pointer)

    def _all_defaults(self, pointer: str) -> None:
        """Warn of an object without a field, except for a generator."""
        if self.warnings is not None and self.signature.generation is None:
            self.warnings.add(
                "all_defaults", "no field is given: each has its default", pointer
            )


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is an object in JSON."""
    kind = type(value)  # an abstract class's check takes longer than the rest
    return kind is dict or (kind not in _PLAIN and isinstance(value, Mapping))


_PLAIN = {str, int, float, bool, list, type(None)}
_NAMES: dict[int, tuple[Signature, dict[str, None]]] = {}
_KEPT = 64
"""Signatures whose names are cached."""


def _names(signature: Signature) -> dict[str, None]:
    """Return the allowed names of an input of this signature, in their order."""
    cached = _NAMES.get(id(signature))
    if cached is not None and cached[0] is signature:
        return cached[1]
    names: dict[str, None] = {}
    for item in signature.inputs:
        if item.form == "features":
            names.update((field.name, None) for field in item.fields or ())
        else:
            names[item.key] = None
    if signature.output("policy") is not None:
        names["legal"] = None
    if len(_NAMES) >= _KEPT:
        _NAMES.clear()
    _NAMES[id(signature)] = signature, names
    return names
