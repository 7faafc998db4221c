"""Answer an inference request of the Open Inference Protocol."""

import contextlib
import threading
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import orjson
import simdjson

from hotseat_serve.api import inference_inputs
from hotseat_serve.api.inference_inputs import (
    LIST,
    OBJECT,
    invalid_input,
    parameters,
    shortened,
)
from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.api.request_template import EVERY, MOST, learn
from hotseat_serve.codec import tensors
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.limits import check_answer, check_body
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel

BINARY = "application/octet-stream"
_LENGTH = "inference-header-content-length"
_SMALL = 4096
_MAX_ID_LENGTH = 1_000
"""Characters of a request's id, at most; the answer repeats it."""
_FEW_ELEMENTS = 1_000
"""Elements of an output up to which its size is not estimated before writing."""
_MIN_NUMBER_BYTES = 2
"""Bytes of a number in JSON with its comma, at least."""
_MAX_KEPT_BODY = 1 << 20
"""Bytes of a body up to which a thread keeps its parser. It takes about 13 times the
largest body that it has read."""


class RequestedOutput(NamedTuple):
    """One requested output."""

    name: str
    binary: bool = False
    classes: int = 0


def infer(
    loaded: LoadedModel, request: Request, context: RequestContext, limit: int = 0
) -> Answer:
    """Answer an inference request, with at most `limit` bytes (0: any).

    Raises `Problem` (invalid_input, invalid_json, too_large).
    """
    signature = loaded.manifest.signature
    head, rest = _split(request)
    nulls = bool(signature.non_finite)
    for template in loaded.templates:
        array = template.array(head, rest, _parsed, nulls=nulls)
        if array is not None:
            slot, requested, identity = (
                template.slot,
                template.requested,
                template.identity,
            )
            inference_inputs.check(slot, array, signature, context.warnings)
            tensors_by_name: Mapping[str, Array] = {slot.name: array}
            context.rows = array.shape[0] if slot.has_rows else 1
            break
    else:
        tensors_by_name, requested, identity = _read(loaded, head, rest, context)
    context.check_deadline()
    context.mark("read")
    names = [item.name for item in requested]
    if loaded.masks:
        # late: few stages mask
        from hotseat_serve.privacy.masking import mask_tensors

        tensors_by_name = mask_tensors(signature, tensors_by_name)
    outputs = loaded.run(tensors_by_name, context, names)
    context.mark("run")
    more = {}
    if context.explain is not None:
        # late: few requests ask for it
        from hotseat_serve.api.inference_explain import explanations

        more["explanations"] = explanations(
            loaded, tensors_by_name, context.explain, context
        )
    return _answer(loaded, identity, requested, outputs, context.warnings, limit, more)


def _read(
    loaded: LoadedModel, head: bytes, rest: memoryview, context: RequestContext
) -> tuple[Mapping[str, Array], Sequence[RequestedOutput], str | None]:
    """Return the tensors of a request, its outputs and its id; raises `Problem`."""
    if loaded.steps:
        loaded.session.run({})  # refuses: a pipeline takes no tensors
    check_body(head)
    try:
        document = _parsed(head)
    except ValueError as error:
        raise Problem("invalid_json", f"the request is not JSON: {error}") from None
    if not isinstance(document, OBJECT):
        raise invalid_input("the request has to be a JSON object")
    signature = loaded.manifest.signature
    if loaded.slots is None:
        loaded.slots = inference_inputs.slots(signature, loaded.session.inputs)
    arrays, context.rows = inference_inputs.read(
        document, rest, loaded.slots, signature, context.warnings, head
    )
    requested = _requested_outputs(document, loaded)
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        raise invalid_input("id has to be a string")
    if identity is not None and len(identity) > _MAX_ID_LENGTH:
        raise invalid_input(f"id has more than {_MAX_ID_LENGTH} characters")
    given = parameters(document)
    if "explain" in given:
        # late: few requests ask for it
        from hotseat_serve.api import inference_explain

        context.explain = inference_explain.read(given, context.warnings)
        return arrays, requested, identity
    loaded.unlike += 1
    templates = loaded.templates
    if len(templates) < MOST or loaded.unlike % EVERY == 0:
        name, array = next(iter(arrays.items()))
        slot = loaded.slots[name]
        template = learn(
            head, document, slot, array.shape, requested, identity,
            is_binary=len(rest) > 0,
        )  # fmt: skip
        if template is not None:
            loaded.templates = (template, *templates)[:MOST]
    return arrays, requested, identity


_thread = threading.local()


def _parsed(head: bytes | memoryview) -> Any:
    """Parse JSON; raises `ValueError`.

    orjson is fastest for small requests. simdjson reads the numbers of large ones
    without a Python object for each; orjson reads what simdjson cannot (numbers of
    more than 64 bits).
    """
    if len(head) >= _SMALL:
        with contextlib.suppress(ValueError):
            return _parsed_lazily(head)
    return orjson.loads(head)


def _parsed_lazily(head: bytes | memoryview) -> Any:
    """Parse with the thread's parser, whose memory is reused."""
    if len(head) > _MAX_KEPT_BODY:
        return simdjson.Parser().parse(head)
    parser = getattr(_thread, "parser", None)
    if parser is not None:
        # RuntimeError: its last document is still in use
        with contextlib.suppress(RuntimeError):
            return parser.parse(head)
    _thread.parser = simdjson.Parser()
    return _thread.parser.parse(head)


def _split(request: Request) -> tuple[bytes, memoryview]:
    """Return the JSON part and the binary part of a body."""
    length = request.headers.get(_LENGTH)
    if length is None:
        return request.body, memoryview(b"")
    whole = length.isascii() and length.isdigit() and len(length) < 12
    if not whole or int(length) > len(request.body):
        raise invalid_input(
            f"Inference-Header-Content-Length {shortened(length)} is not within the "
            "body"
        )
    size = int(length)
    return request.body[:size], memoryview(request.body)[size:]


def _requested_outputs(document: Any, loaded: LoadedModel) -> list[RequestedOutput]:
    names = list(loaded.session.output_types)
    all_binary = _switch(parameters(document), "binary_data_output", default=False)
    items: Any = document.get("outputs")
    if items is None or (isinstance(items, LIST) and not len(items)):
        return [RequestedOutput(name, all_binary) for name in names]
    if not isinstance(items, LIST):
        raise invalid_input("outputs has to be a list")
    requested: list[RequestedOutput] = []
    for item in items:
        name = item.get("name") if isinstance(item, OBJECT) else None
        if name not in names:
            raise invalid_input(
                f"unknown output {shortened(name)}; the model has {', '.join(names)}"
            )
        if any(other.name == name for other in requested):
            raise invalid_input(f"output {name!r} is named twice")
        own = parameters(item)
        classes = own.get("classification", 0)
        if type(classes) is not int or classes < 0:
            raise invalid_input(
                f"output {name!r}: classification has to be a whole number"
            )
        binary = _switch(own, "binary_data", default=all_binary)
        requested.append(RequestedOutput(name, binary, classes))
    return requested


def _switch(tensors_by_name: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return a parameter of true or false; raises `Problem` for another value."""
    value = tensors_by_name.get(name, default)
    if not isinstance(value, bool):
        raise invalid_input(f"{name} has to be true or false, not {shortened(value)}")
    return value


def _answer(
    loaded: LoadedModel,
    identity: str | None,
    requested: Sequence[RequestedOutput],
    outputs: Mapping[str, Array],
    warnings: Warnings,
    limit: int,
    more: Mapping[str, str],
) -> Answer:
    nulls = bool(loaded.manifest.signature.non_finite)
    described, binary, size = [], [], 0
    for item in requested:
        array = outputs[item.name]
        if array.size > _FEW_ELEMENTS:
            size += _size(array, item)
            check_answer(size, limit)
        if item.classes:
            if array.dtype.kind == "O":
                raise invalid_input(
                    f"output {item.name!r} is BYTES, which have no highest"
                )
            array = _classes(array, item.classes, loaded.manifest.signature.labels)
        tensor: dict[str, Any] = {
            "name": item.name,
            "datatype": tensors.datatype_of(array),
            "shape": list(array.shape),
        }
        if item.binary:
            binary.append(tensors.to_bytes(array))
            tensor["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            tensor["data"] = _json(array, item.name, nulls=nulls)
        described.append(tensor)
    answer: dict[str, Any] = {
        "model_name": loaded.manifest.model,
        "model_version": str(loaded.manifest.version),
        "parameters": {
            "variant": loaded.variant,
            **more,
            **_warning_parameter(warnings),
        },
        "outputs": described,
    }
    if identity is not None:
        answer["id"] = identity
    head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if not binary:
        return Answer(200, head)
    headers = {"content-type": BINARY, _LENGTH: str(len(head))}
    return Answer(200, b"".join((head, *binary)), headers)


def _size(array: Array, requested: RequestedOutput) -> int:
    """Return the least number of bytes of an output in the answer.

    The whole answer is counted at the end; this check stops an answer far over the
    limit before it is written.
    """
    if requested.classes:
        rows = int(array.shape[0]) if array.ndim > 1 else 1
        each = min(requested.classes, int(array.size) // max(rows, 1))
        return len('"0.000000:0",') * rows * each
    if array.dtype.kind == "O":
        return int(sum(len(item) + _MIN_NUMBER_BYTES for item in array.flat))
    if requested.binary:
        return int(array.nbytes)
    return int(array.size) * _MIN_NUMBER_BYTES


def _json(array: Array, name: str, *, nulls: bool) -> Any:
    """Return an array or list that orjson writes flat, with null for NaN."""
    if array.dtype.kind == "O":
        return [str(item) for item in array.flat]
    if array.dtype.kind == "f":
        if not nulls and not tensors.finite(array):
            raise invalid_input(
                f"output {name!r} has a number to these inputs that JSON cannot write; "
                "ask for it with binary_data"
            )
        if array.dtype.itemsize == 2:
            array = array.astype(np.float32)
    return np.ascontiguousarray(array).reshape(-1)


def _classes(array: Array, count: int, labels: Sequence[str]) -> Array:
    """Return the `count` highest of each row as ``score:index:label``.

    NaN is the lowest; of equal numbers the first comes first.
    """
    shape = array.shape if array.ndim > 1 else (1, array.size)
    rows = array.reshape(shape[0], prod(shape[1:]))
    # the lowest whole number, and unsigned ones, have no negative
    order = -rows if array.dtype.kind == "f" else np.invert(rows)
    best = np.argsort(order, axis=1, kind="stable")[:, :count]
    formatted = np.empty(best.shape, object)
    for row, columns in enumerate(best):
        for place, column in enumerate(columns):
            label = f":{labels[column]}" if column < len(labels) else ""
            formatted[row, place] = f"{rows[row, column]:f}:{column}{label}"
    return formatted if array.ndim > 1 else formatted[0]


def _warning_parameter(warnings: Warnings) -> dict[str, str]:
    """Return warnings as a parameter, a string in the protocol."""
    if not warnings.count:
        return {}
    return {"warnings": "; ".join(item["detail"] for item in warnings.to_json())}
