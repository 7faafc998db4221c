"""The shape of a request's inputs for a sampled log line, by the signature alone.

A number is the tenth of the range that training saw, a category one that the signature
lists, a text its secrets' kinds and otherwise x and 0; names that the signature does
not have are counted. Nothing that a caller wrote stands in it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hotseat_registry.signature import Field, Input, Signature
from hotseat_serve.privacy.patterns import KINDS
from hotseat_serve.privacy.recognisers import mask

_LENGTH = 400
"""Characters of one text's shape, at most."""
_ROWS = 20
"""Inputs that are described; the others are counted."""
_LABEL = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
_OTHER = "x"


def shape(signature: Signature, inputs: Sequence[Any]) -> list[Any]:
    """Return the shape of each input, of `_ROWS` at most; never raises."""
    rows = [_row(signature, given) for given in inputs[:_ROWS]]
    more = len(inputs) - _ROWS
    return [*rows, f"and {more} more"] if more > 0 else rows


def text_shape(text: str) -> str:
    """Return the form of a text: letters are x, digits 0, secrets their kind."""
    masked, parts, at = mask(text)[:_LENGTH], [], 0
    for label in _LABEL.finditer(masked):
        parts += [_form(masked[at : label.start()]), label.group()]
        at = label.end()
    return "".join([*parts, _form(masked[at:])])


def bucket(field: Field, value: float) -> str:
    """Return where a number lies: a tenth of the observed range, or its magnitude."""
    if math.isnan(value):
        return "nan"
    if field.observed is None or math.isinf(value):
        return _magnitude(value)
    low, high = field.observed
    if not low <= value <= high:
        return "below" if value < low else "above"
    tenth = 0 if low == high else min(9, int(10 * (value - low) / (high - low)))
    return f"tenth {tenth + 1}"


def _row(signature: Signature, given: Any) -> Any:
    if not isinstance(given, Mapping):
        (item, *others) = signature.inputs
        return _value(item, given) if not others else _kind(given)
    named = {item.key: item for item in signature.inputs if item.form != "features"}
    fields = {
        field.name: field for item in signature.inputs for field in item.fields or ()
    }
    found: dict[str, Any] = {}
    unknown = 0
    for name, value in given.items():
        if name in fields:
            found[name] = _field(fields[name], value)
        elif name in named:
            found[name] = _value(named[name], value)
        elif name != "player_id":
            unknown += 1
    if unknown:
        other = _OTHER
        while other in found:  # a field may have this name
            other += _OTHER
        found[other] = unknown
    return found


def _field(field: Field, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return _kind(value)
    if field.type == "number" and isinstance(value, int | float):
        return bucket(field, float(value))
    if field.type == "category" and isinstance(value, str):
        known = value in (field.categories or ()) or value in (field.known or ())
        return value if known else _OTHER
    if field.type == "text" and isinstance(value, str):
        return text_shape(value)
    return _kind(value)


def _value(item: Input, value: Any) -> Any:
    if item.form in {"text", "tokens"} and isinstance(value, str):
        return text_shape(value)
    return _kind(value)


def _kind(value: Any) -> str:
    """Return a value's type, with the lengths of nested lists: list 6x7."""
    if isinstance(value, list):
        lengths: list[int] = []
        while isinstance(value, list) and len(lengths) < 8:
            lengths.append(len(value))
            value = value[0] if value else None
        return f"list {'x'.join(map(str, lengths))}"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    return "number" if isinstance(value, int | float) else "object"


def _magnitude(value: float) -> str:
    if value == 0 or math.isinf(value):
        return "zero" if value == 0 else "infinite"
    sign = "-" if value < 0 else ""
    return f"{sign}1e{math.floor(math.log10(abs(value)))}"


def _form(text: str) -> str:
    return re.sub(r"[^\W\d_]", "x", re.sub(r"[\d_]", "0", text))
