"""Explanations of the Open Inference Protocol's answers, row by row.

The request's parameters ``explain`` (true), ``explain_method``, ``explain_evaluations``
and ``explain_language`` ask for them; the answer's parameter ``explanations`` is a JSON
list with one object a row, because the protocol's parameters are no objects.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from hotseat_registry.signature import Input
from hotseat_serve.api.inference_inputs import invalid_input
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.explain_options import ExplainOptions, check_rows
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel

_PREFIX = "explain_"
_IN_TENSORS = {"scores", "actions", "probability", "outputs", "embedding"}
"""Parts of an answer that the outputs hold already."""


def read(parameters: Mapping[str, Any], warnings: Warnings) -> ExplainOptions | None:
    """Return how the answer is to be explained, None if not; raises `Problem`."""
    given = parameters.get("explain")
    if given is None or given is False:
        return None
    if given is not True:
        raise invalid_input("parameter explain has to be true or false")
    more = {
        name.removeprefix(_PREFIX): value
        for name, value in parameters.items()
        if name.startswith(_PREFIX)
    }
    return ExplainOptions.read(more or True, "/parameters", warnings)


def explanations(
    loaded: LoadedModel,
    tensors: Mapping[str, Array],
    asked: ExplainOptions,
    context: RequestContext,
) -> str:
    """Return the explanations of a request's rows as JSON.

    Raises `Problem` for too many rows, and for inputs whose JSON form is not known.
    """
    check_rows(context.rows)
    options = Options(explain=asked)
    found = []
    for row in range(context.rows):
        given = _input(loaded, tensors, row)
        try:
            answer = loaded.explain(given, f"/{row}", options, context)
        except Problem as problem:
            detail = f"row {row} cannot be explained: {problem.detail}"
            raise Problem(problem.code, detail) from None
        found.append({k: v for k, v in answer.items() if k not in _IN_TENSORS})
    return orjson.dumps(found).decode()


def _input(loaded: LoadedModel, tensors: Mapping[str, Array], row: int) -> Any:
    """Return a row as the game API takes it."""
    signature = loaded.manifest.signature
    given: dict[str, Any] = {}
    for item in signature.inputs:
        if item.form not in {"features", "text", "tensor", "board"} or (
            item.form == "board" and signature.rules is not None
        ):
            raise invalid_input(
                f"explain takes no tensors of the form {item.form}: ask "
                f"/v1/models/{loaded.manifest.model}/explain"
            )
        values = _plain(tensors[item.name][row])
        if item.form == "features":
            given |= _fields(item, values)
        elif item.form == "text":
            given[item.key] = str(np.ravel(values)[0])
        else:
            given[item.key] = values
    return given


def _fields(item: Input, values: list[Any]) -> dict[str, Any]:
    names = [field.name for field in item.fields or ()]
    return dict(zip(names, values, strict=True))


def _plain(array: Any) -> Any:
    """Return an array as JSON has it: null for NaN, texts as strings."""
    if isinstance(array, np.ndarray):
        return [_plain(item) for item in array]
    if isinstance(array, bytes):
        return array.decode("utf-8", "replace")
    value = array.item() if isinstance(array, np.generic) else array
    is_nan = isinstance(value, float) and np.isnan(value)
    return None if is_nan else value
