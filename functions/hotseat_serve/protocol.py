"""The Open Inference Protocol, version 2, over REST.

Specification: github.com/kserve/open-inference-protocol, and Triton's extensions for
binary tensor data, classification, statistics, model configuration and repository
index. Every error is ``{"error": "..."}``.
"""

import contextlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import simdjson

from hotseat_registry import Reference
from hotseat_registry.errors import RegistryError
from hotseat_serve import tensors
from hotseat_serve.load import Loaded
from hotseat_serve.models import Models
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.request import Answer, Request
from hotseat_serve.tensors import Array, TensorError
from hotseat_serve.turn import Turn

BINARY = "application/octet-stream"
_LENGTH = "inference-header-content-length"
_SMALL = 4096
_OBJECT = (dict, simdjson.Object)
_LIST = (list, simdjson.Array)
EXTENSIONS = [
    "binary_tensor_data", "classification", "model_configuration", "model_repository",
    "statistics",
]  # fmt: skip


def server() -> dict[str, Any]:
    """Return the server's metadata."""
    return {"name": "hotseat", "version": "2", "extensions": EXTENSIONS}


def get(models: Models, model: str, version: str | None) -> Loaded:
    """Return the version that is asked; raises `Problem`."""
    try:
        return models.get(Reference.of(model, version))
    except RegistryError as error:
        raise from_registry(error) from error


def metadata(models: Models, loaded: Loaded) -> dict[str, Any]:
    """Return a model's metadata: tensors as the graph has them."""
    name = loaded.manifest.model
    session = loaded.session
    return {
        "name": name,
        "versions": [str(n) for n in models.registry.versions(name)],
        "platform": "onnxruntime_onnx",
        "inputs": [_tensor(*item) for item in session.inputs.items()],
        "outputs": [_tensor(*item) for item in session.output_types.items()],
    }


def _tensor(name: str, kind: tuple[str, tuple[int, ...]]) -> dict[str, Any]:
    return {"name": name, "datatype": kind[0], "shape": list(kind[1])}


def config(loaded: Loaded) -> dict[str, Any]:
    """Return Triton's model configuration, as far as it means anything here."""

    def tensor(name: str, kind: tuple[str, tuple[int, ...]]) -> dict[str, Any]:
        datatype = "TYPE_STRING" if kind[0] == "BYTES" else f"TYPE_{kind[0]}"
        return {"name": name, "data_type": datatype, "dims": list(kind[1])}

    return {
        "name": loaded.manifest.model,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 0,
        "input": [tensor(*item) for item in loaded.session.inputs.items()],
        "output": [tensor(*item) for item in loaded.session.output_types.items()],
    }


def index(models: Models) -> list[dict[str, Any]]:
    """Return all models with the version that is live."""
    registry = models.registry
    found = []
    for name in registry.models():
        live = registry.aliases(name).get("live")
        state = "READY" if live else "UNAVAILABLE"
        reason = "" if live else "no version is live"
        version = str(live or registry.versions(name)[-1])
        found.append(
            {"name": name, "version": version, "state": state, "reason": reason}
        )
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """One output as the caller wants it."""

    name: str
    binary: bool = False
    classes: int = 0


def infer(loaded: Loaded, request: Request, turn: Turn) -> Answer:
    """Answer an inference request; raises `Problem` (invalid_input, invalid_json)."""
    head, rest = _split(request)
    try:
        document = _parsed(head)
    except ValueError as error:
        raise Problem("invalid_json", f"the request is not JSON: {error}") from None
    if not isinstance(document, _OBJECT):
        raise _bad("the request has to be a JSON object")
    given = _inputs(document, loaded, rest)
    wanted = _wanted(document, loaded)
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        raise _bad("id has to be a string")
    turn.rows = next(iter(given.values())).shape[0] if given else 0
    turn.check()
    turn.mark("read")
    names = [item.name for item in wanted]
    outputs = loaded.session.run(given, names, seconds=turn.left)
    turn.mark("run")
    return _answer(loaded, identity, wanted, outputs)


_thread = threading.local()


def _parsed(head: bytes) -> Any:
    """Parse JSON; raises `ValueError`.

    A small request is quickest as Python's own objects. Of a large one simdjson hands
    on the numbers without an object for each; what it does not read (numbers of more
    than 64 bits) is left to orjson.
    """
    if len(head) >= _SMALL:
        with contextlib.suppress(ValueError):
            return _viewed(head)
    return orjson.loads(head)


def _viewed(head: bytes) -> Any:
    """Parse with the thread's own parser, whose memory is there already."""
    parser = getattr(_thread, "parser", None)
    if parser is not None:
        # RuntimeError: something still looks at its last document, so leave it to that
        with contextlib.suppress(RuntimeError):
            return parser.parse(head)
    _thread.parser = simdjson.Parser()
    return _thread.parser.parse(head)


def _split(request: Request) -> tuple[bytes, memoryview]:
    """Return the JSON part and the binary part of a body."""
    length = request.headers.get(_LENGTH)
    if length is None:
        return request.body, memoryview(b"")
    if not (length.isascii() and length.isdigit()) or int(length) > len(request.body):
        raise _bad(f"Inference-Header-Content-Length {length!r} is not within the body")
    size = int(length)
    return request.body[:size], memoryview(request.body)[size:]


def _inputs(document: Any, loaded: Loaded, rest: memoryview) -> dict[str, Array]:
    items: Any = document.get("inputs")
    if not isinstance(items, _LIST) or not len(items):
        raise _bad("inputs has to be a list with one or more tensors")
    expected = loaded.session.inputs
    given: dict[str, Array] = {}
    for item in items:
        name, array, rest = _input(item, expected, rest)
        if name in given:
            raise _bad(f"input {name!r} is given twice")
        _check(name, array, loaded)
        given[name] = array
    for name in expected:
        if name not in given:
            raise _bad(f"input {name!r} is missing")
    if len(rest):
        raise _bad(f"{len(rest)} bytes of binary data belong to no input")
    return given


def _input(
    item: Any, expected: Mapping[str, Any], rest: memoryview
) -> tuple[str, Array, memoryview]:
    if not isinstance(item, _OBJECT):
        raise _bad("an input has to be an object")
    name: Any = item.get("name")
    datatype = item.get("datatype")
    if not isinstance(name, str) or name not in expected:
        raise _bad(f"unknown input {name!r}; the model has {', '.join(expected)}")
    want, dims = expected[name]
    if datatype != want:
        raise _bad(f"input {name!r} is {want}, not {datatype}")
    given = item.get("shape")
    shape: Any = given.as_list() if isinstance(given, simdjson.Array) else given
    if not isinstance(shape, list):
        shape = None
    if shape is None or not all(type(n) is int and n >= 0 for n in shape):
        raise _bad(f"input {name!r} needs a shape, a list of whole numbers")
    if len(shape) != len(dims) or any(
        d not in {-1, n} for n, d in zip(shape, dims, strict=True)
    ):
        raise _bad(f"input {name!r} has shape {shape}, the model takes {list(dims)}")
    size = _parameters(item).get("binary_data_size")
    try:
        if size is None:
            array = tensors.from_json(item.get("data"), want, shape)
        else:
            here, rest = _cut(rest, size)
            array = tensors.from_bytes(here, want, shape)
    except TensorError as error:
        raise _bad(f"input {name!r}: {error}") from None
    return name, array, rest


def _cut(rest: memoryview, size: Any) -> tuple[memoryview, memoryview]:
    if type(size) is not int or not 0 <= size <= len(rest):
        raise TensorError(f"binary_data_size {size!r} is not within the body")
    return rest[:size], rest[size:]


def _check(name: str, array: Array, loaded: Loaded) -> None:
    """Hold a tensor against the signature's limits."""
    signature = loaded.manifest.signature
    rows = array.shape[0] if array.ndim else 1
    if signature.max_rows is not None and rows > signature.max_rows:
        raise Problem("too_large", f"{rows} rows; the limit is {signature.max_rows}")
    kind = array.dtype.kind
    if kind == "f":
        if not signature.non_finite and not tensors.finite(array):
            raise _bad(f"input {name!r} has a number that is not finite")
    elif kind == "O":
        limit = next((i.max_bytes for i in signature.inputs if i.name == name), None)
        if limit is None:
            return
        longest = max((len(text.encode()) for text in array.flat), default=0)
        if longest > limit:
            raise Problem(
                "too_large",
                f"input {name!r} has a text of {longest} bytes; the limit is {limit}",
            )


def _wanted(document: Any, loaded: Loaded) -> list[Wanted]:
    names = list(loaded.session.output_types)
    everything = bool(_parameters(document).get("binary_data_output"))
    items: Any = document.get("outputs")
    if items is None or (isinstance(items, _LIST) and not len(items)):
        return [Wanted(name, everything) for name in names]
    if not isinstance(items, _LIST):
        raise _bad("outputs has to be a list")
    wanted = []
    for item in items:
        name = item.get("name") if isinstance(item, _OBJECT) else None
        if name not in names:
            raise _bad(f"unknown output {name!r}; the model has {', '.join(names)}")
        own = _parameters(item)
        classes = own.get("classification", 0)
        if type(classes) is not int or classes < 0:
            raise _bad(f"output {name!r}: classification has to be a whole number")
        wanted.append(Wanted(name, bool(own.get("binary_data", everything)), classes))
    return wanted


def _parameters(item: Any) -> dict[str, Any]:
    found = item.get("parameters")
    if isinstance(found, simdjson.Object):
        return dict(found.as_dict())
    return found if isinstance(found, dict) else {}


def _answer(
    loaded: Loaded,
    identity: str | None,
    wanted: Sequence[Wanted],
    outputs: Mapping[str, Array],
) -> Answer:
    described, binary = [], []
    for item in wanted:
        array = outputs[item.name]
        if item.classes:
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
            tensor["data"] = _json(array, item.name)
        described.append(tensor)
    answer: dict[str, Any] = {
        "model_name": loaded.manifest.model,
        "model_version": str(loaded.manifest.version),
        "parameters": {"variant": loaded.variant},
        "outputs": described,
    }
    if identity is not None:
        answer["id"] = identity
    head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if not binary:
        return Answer(200, head)
    headers = {"content-type": BINARY, _LENGTH: str(len(head))}
    return Answer(200, b"".join((head, *binary)), headers)


def _json(array: Array, name: str) -> Any:
    """Return what orjson writes as a flat list."""
    if array.dtype == object:
        return [str(item) for item in array.flat]
    if array.dtype.kind == "f":
        if not tensors.finite(array):
            raise Problem(
                "internal",
                f"output {name!r} has a number that JSON cannot write; ask for it "
                "with binary_data",
            )
        if array.dtype.itemsize == 2:
            array = array.astype(np.float32)
    return np.ascontiguousarray(array).reshape(-1)


def _classes(array: Array, count: int, labels: Sequence[str]) -> Array:
    """Return the `count` highest of each row as ``score:index:label``."""
    rows = array.reshape(array.shape[0], -1) if array.ndim > 1 else array.reshape(1, -1)
    best = np.argsort(-rows, axis=1, kind="stable")[:, :count]
    named = np.empty(best.shape, object)
    for row, columns in enumerate(best):
        for place, column in enumerate(columns):
            label = f":{labels[column]}" if column < len(labels) else ""
            named[row, place] = f"{rows[row, column]:f}:{column}{label}"
    return named if array.ndim > 1 else named[0]


def error(problem: Problem) -> Answer:
    """Return a problem as the protocol words it."""
    status = {422: 400}.get(problem.status, problem.status)
    return Answer(status, json.dumps({"error": problem.detail}).encode())


def _bad(detail: str) -> Problem:
    return Problem("invalid_input", detail)
