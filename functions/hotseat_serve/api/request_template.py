"""Read requests that differ from an earlier one only in their numbers.

A game sends the same request again and again with other numbers. The bytes before and
after the list of numbers are kept once such a request was read and checked. A body that
begins and ends with the same bytes means the same but for the list, if what lies
between the two is one JSON value; so only that is parsed.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import orjson
import simdjson

from hotseat_serve.api.inference_inputs import Slot
from hotseat_serve.codec import tensors
from hotseat_serve.codec.tensors import Array, TensorError

MOST = 4
"""Templates of one version: callers write the same request in several ways."""
EVERY = 16
"""Requests of no such form until the next becomes a template in place of the oldest."""
_MAX_AROUND = 4096
"""Bytes around the numbers, at most."""


class RequestTemplate(NamedTuple):
    """A request without its numbers."""

    before: bytes
    after: bytes
    slot: Slot
    shape: Sequence[int]
    requested: Any
    """The requested outputs."""
    identity: str | None

    is_binary: bool = False
    """Whether the numbers follow as bytes; `before` is then the whole JSON."""

    def array(
        self,
        body: bytes,
        binary: memoryview,
        parse: Callable[[Any], Any],
        *,
        nulls: bool,
    ) -> Array | None:
        """Return the tensor of a request of this form; None for any other one.

        `binary` are the bytes after the JSON. None also for data that are nested or
        have an error: whoever reads the whole request names the place. `parse` reads
        JSON; raises `ValueError`.
        """
        before, after = self.before, self.after
        if self.is_binary:
            size = tensors.DTYPES[self.slot.datatype].itemsize * prod(self.shape)
            if body != before or len(binary) != size:
                return None
            return tensors.from_bytes(binary, self.slot.datatype, self.shape)
        if len(binary) or not (body.startswith(before) and body.endswith(after)):
            return None
        start, end = len(before), len(body) - len(after)
        if body.find(b"[", start + 1, end) >= 0 or body.find(b"{", start, end) >= 0:
            return None
        try:
            data = parse(memoryview(body)[start:end])
            return tensors.from_json(
                data, self.slot.datatype, self.shape, nulls=nulls, even=True
            )
        except (TensorError, ValueError):
            return None


def learn(
    body: bytes,
    document: Any,
    slot: Slot,
    shape: Sequence[int],
    requested: Any,
    identity: str | None,
    *,
    is_binary: bool,
) -> RequestTemplate | None:
    """Return the template of a request that was read, or None if it has none.

    It has one if it is one tensor whose numbers stand in the body as one flat list,
    or follow it as bytes. `body` is the JSON.
    """
    items = document["inputs"]
    if len(items) != 1 or (is_binary and slot.datatype == "BYTES"):
        return None
    before, after = body, b""
    if is_binary:
        if len(body) > _MAX_AROUND:
            return None
    else:
        start = body.find(b"[", body.find(b'"data"'))
        end = body.find(b"]", start) + 1
        before, after = body[:start], body[end:]
        if not (0 < start < end and _is_around(before, after, document, items[0])):
            return None
    return RequestTemplate(
        before, after, slot, shape, requested, identity, is_binary=is_binary
    )


def _is_around(before: bytes, after: bytes, document: Any, item: Any) -> bool:
    """Whether a document is these bytes with the data of its only input between."""
    if len(before) + len(after) > _MAX_AROUND:
        return False
    try:
        rest = orjson.loads(before + b"null" + after)
    except ValueError:
        return False
    tensor, outer = _without(item, "data"), _without(document, "inputs")
    if tensor is None or outer is None:
        return False
    return bool(rest == {**outer, "inputs": [{**tensor, "data": None}]})


def _without(item: Any, name: str) -> dict[str, Any] | None:
    """Return the other fields of an object; None if a name is twice in it."""
    fields = {key: _plain(value) for key, value in item.items() if key != name}
    return fields if len(fields) == len(item) - 1 else None


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value
