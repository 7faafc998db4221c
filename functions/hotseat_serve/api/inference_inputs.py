"""Read the tensors of an inference request and check them against the signature."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import simdjson

from hotseat_registry.signature import Input, Signature
from hotseat_serve.codec import ranges, tensors
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.tensors import Array, TensorError
from hotseat_serve.limits import brackets, check_rows
from hotseat_serve.problems import Problem
from hotseat_serve.wording import NAME_LENGTH

OBJECT = (dict, simdjson.Object)
LIST = (list, simdjson.Array)
_QUOTES = "'"
_MAX_LENGTH = 1 << 40
_MAX_DIMENSIONS = 64
"""More dimensions than any tensor of the runtime."""


class Slot(NamedTuple):
    """One input of the graph; created once for each version."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    declared: Input | None
    """The input in the signature, if it has one."""
    hard: bool
    """Whether the signature has hard bounds."""
    observed: bool
    """Whether the signature has the ranges that training observed."""

    has_rows: bool
    """Whether its first dimension is the rows of the request."""


def slots(
    signature: Signature, inputs: Mapping[str, tuple[str, tuple[int, ...]]]
) -> dict[str, Slot]:
    """Return a slot for each input of the graph."""
    declared = {item.name: item for item in signature.inputs}
    return {
        name: Slot(
            name,
            datatype,
            dims,
            item,
            _is_hard(item),
            _is_observed(item),
            # numbers in one dimension belong to one row, unless rows are limited
            dims[:1] == (-1,)
            and (len(dims) > 1 or datatype == "BYTES" or bool(signature.max_rows)),
        )
        for name, (datatype, dims) in inputs.items()
        for item in [declared.get(name)]
    }


def _is_hard(item: Input | None) -> bool:
    if item is None:
        return False
    fields = item.fields or ()
    numbers = [item.minimum, item.maximum]
    numbers += [n for field in fields for n in (field.minimum, field.maximum)]
    return any(n is not None for n in numbers) or any(
        field.categories is not None for field in fields
    )


def _is_observed(item: Input | None) -> bool:
    return item is not None and any(
        field.observed is not None or field.known is not None
        for field in item.fields or ()
    )


def read(
    document: Any,
    rest: memoryview,
    slots_by_name: Mapping[str, Slot],
    signature: Signature,
    warnings: Warnings,
    head: bytes,
) -> tuple[dict[str, Array], int]:
    """Return the tensors of a request, and its number of rows; raises `Problem`.

    `head` is the document's JSON, whose number of ``[`` shows whether data are nested.
    """
    items: Any = document.get("inputs")
    if not isinstance(items, LIST) or not len(items):
        raise invalid_input("inputs has to be a list with one or more tensors")
    tensors_by_name: dict[str, Array] = {}
    rows = 1
    # the elements of a short body are checked one by one
    even = isinstance(items, simdjson.Array) and (
        brackets(head) == _lists(document, items)
    )
    for item in items:
        slot, array, rest = _input(item, slots_by_name, rest, signature, even=even)
        if slot.name in tensors_by_name:
            raise invalid_input(f"input {slot.name!r} is given twice")
        if slot.has_rows:
            rows = max(rows, array.shape[0]) if tensors_by_name else array.shape[0]
        check(slot, array, signature, warnings)
        tensors_by_name[slot.name] = array
    for name in slots_by_name:
        if name not in tensors_by_name:
            raise invalid_input(f"input {name!r} is missing")
    if len(rest):
        raise invalid_input(f"{len(rest)} bytes of binary data belong to no input")
    return tensors_by_name, rows


def _lists(document: Any, items: Any) -> int:
    """Return the number of lists in a request whose data fit the shapes.

    Inputs, outputs and the shape of each input are lists; -1 if a shape is missing.
    """
    count = 1 + isinstance(document.get("outputs"), LIST)
    for item in items:
        shape = item.get("shape") if isinstance(item, OBJECT) else None
        if not isinstance(shape, LIST) or len(shape) > _MAX_DIMENSIONS:
            return -1
        lengths = list(shape)
        if not all(type(length) is int for length in lengths):
            return -1
        count += 1 + tensors.lists(item.get("data"), lengths)
    return count


def _input(
    item: Any,
    slots_by_name: Mapping[str, Slot],
    rest: memoryview,
    signature: Signature,
    *,
    even: bool,
) -> tuple[Slot, Array, memoryview]:
    if not isinstance(item, OBJECT):
        raise invalid_input("an input has to be an object")
    name: Any = item.get("name")
    slot = slots_by_name.get(name) if isinstance(name, str) else None
    if slot is None:
        raise invalid_input(
            f"unknown input {shortened(name)}; the model has {_names(slots_by_name)}"
        )
    datatype = item.get("datatype")
    if datatype != slot.datatype:
        raise invalid_input(
            f"input {name!r} is {slot.datatype}, not "
            f"{shortened(datatype).strip(_QUOTES)}"
        )
    shape = _shape(item.get("shape"), slot)
    if slot.has_rows:
        check_rows(signature, shape[0], "rows")
    size = parameters(item).get("binary_data_size")
    nulls = bool(signature.non_finite)
    try:
        if size is None:
            array = tensors.from_json(
                item.get("data"), datatype, shape, nulls=nulls, even=even
            )
        else:
            here, rest = _split_binary(rest, size)
            array = tensors.from_bytes(here, datatype, shape)
    except TensorError as error:
        raise invalid_input(f"input {name!r}: {error}") from None
    return slot, array, rest


def _shape(tensors_by_name: Any, slot: Slot) -> list[int]:
    shape: Any = (
        tensors_by_name.as_list()
        if isinstance(tensors_by_name, simdjson.Array)
        else tensors_by_name
    )
    dims = slot.dims
    if type(shape) is list and len(shape) == len(dims):
        for length, dim in zip(shape, dims, strict=True):
            if type(length) is not int or not 0 <= length < _MAX_LENGTH:
                break
            if dim not in {-1, length}:
                break
        else:
            return shape
    if not isinstance(shape, list) or not all(
        type(length) is int and 0 <= length < _MAX_LENGTH for length in shape
    ):
        raise invalid_input(
            f"input {slot.name!r} needs a shape, a list of whole numbers"
        )
    raise invalid_input(
        f"input {slot.name!r} has shape {shape[:16]}, the model takes {list(dims)}"
    )


def _split_binary(rest: memoryview, size: Any) -> tuple[memoryview, memoryview]:
    if type(size) is not int or not 0 <= size <= len(rest):
        raise TensorError(f"binary_data_size {shortened(size)} is not within the body")
    return rest[:size], rest[size:]


def check(slot: Slot, array: Array, signature: Signature, warnings: Warnings) -> None:
    """Check a tensor against the signature; NUL in texts becomes a space.

    Raises `Problem`.
    """
    kind = array.dtype.kind
    if kind == "f":
        if not signature.non_finite and not tensors.finite(array):
            raise invalid_input(f"input {slot.name!r} has a number that is not finite")
    elif kind == "O":
        _check_texts(slot, array)
    if slot.declared is None:
        return
    if slot.hard and (outside_bounds := ranges.refused(slot.declared, array, 1)):
        ((row, column),) = outside_bounds
        value = np.atleast_1d(array)[row].reshape(-1)[column]
        raise invalid_input(
            f"input {slot.name!r} has {shortened(value)} in row {row}, column "
            f"{column}, which its signature does not allow"
        )
    if slot.observed:
        for row, column in ranges.outside(slot.declared, array, 20):
            warnings.add(
                "out_of_range",
                f"input {slot.name!r}, row {row}, column {column}: training did not "
                "see such a value",
                f"/inputs/{slot.name}/{row}/{column}",
            )


def _check_texts(slot: Slot, array: Array) -> None:
    """Check texts against the signature's limit; NUL becomes a space."""
    declared = slot.declared
    limit = declared.max_bytes if declared else None
    text = declared is not None and declared.form == "text"
    flat = array.reshape(-1)
    for at, value in enumerate(flat):
        if text and not value.strip():
            raise invalid_input(f"input {slot.name!r} has an empty text at {at}")
        if limit is not None and len(value) * 4 > limit:
            size = len(value.encode("utf-8", "surrogatepass"))
            if size > limit:
                raise Problem(
                    "too_large",
                    f"input {slot.name!r} has a text of {size} bytes; the limit is "
                    f"{limit}",
                )
        if text and "\0" in value:
            flat[at] = value.replace("\0", " ")  # NUL pads strings inside the graph
    if any(not _is_unicode(value) for value in flat):
        raise invalid_input(f"input {slot.name!r} has a text that is no valid Unicode")


def _is_unicode(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        return False
    return True


def parameters(item: Any) -> dict[str, Any]:
    """Return the ``parameters`` of an object; empty if they are not an object."""
    outside_bounds = item.get("parameters")
    if isinstance(outside_bounds, simdjson.Object):
        return dict(outside_bounds.as_dict())
    return outside_bounds if isinstance(outside_bounds, dict) else {}


def invalid_input(detail: str) -> Problem:
    """Return the problem of a request that does not fit the model."""
    return Problem("invalid_input", detail)


def shortened(value: Any) -> str:
    """Return a caller's value for an error message, shortened to a name's length."""
    if isinstance(value, OBJECT):
        return "an object"
    if isinstance(value, LIST):
        return f"a list of {len(value)}"
    if isinstance(value, np.generic):
        value = value.item()
    text = repr(value[: NAME_LENGTH + 1] if isinstance(value, str) else value)
    return text if len(text) <= NAME_LENGTH else f"{text[:NAME_LENGTH]}..."


def _names(slots_by_name: Mapping[str, Slot] | Sequence[str]) -> str:
    return ", ".join(slots_by_name)
