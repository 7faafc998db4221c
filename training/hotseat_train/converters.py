"""Converts models of scikit-learn, LightGBM and XGBoost to ONNX."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hotseat_train.external.errors import SourceError
from hotseat_train.onnx_graph import covers

Array = np.ndarray[Any, Any]
Columns = Mapping[str, Array]
"""Inputs of a graph by name: one array [rows, columns], or an array [rows, 1] each."""


def columns(example: Any) -> Columns:
    """Return a graph's inputs of an array [rows, columns] or a data frame.

    Each column of a data frame is an input of its own: numbers with a fraction as
    float32, whole numbers as int64, others as strings.
    """
    if not hasattr(example, "columns"):
        rows = np.asarray(example)
        if rows.dtype.kind not in "fiub" or rows.ndim != 2:
            raise SourceError(
                f"example has the type {rows.dtype} and the shape {rows.shape}: pass "
                "an array of numbers [rows, columns], or a data frame for columns of "
                "several types"
            )
        return {"x": rows.astype(np.float32)}
    found = {}
    for name in example.columns:
        column = np.asarray(example[name])
        if column.dtype.kind == "f":
            column = column.astype(np.float32)
        elif column.dtype.kind in "iub":
            column = column.astype(np.int64)
        else:
            column = column.astype(str).astype(object)
        found[str(name)] = column.reshape(-1, 1)
    return found


def convert(model: Any, inputs: Columns) -> bytes:
    """Return a model as the bytes of an ONNX file; raises `SourceError`.

    Trees of LightGBM and scikit-learn keep their numbers of training rows.
    """
    library = type(model).__module__.partition(".")[0]
    converter = CONVERTERS.get(library)
    if converter is None:
        raise SourceError(
            f"no converter for {type(model).__name__} of {library}; there are "
            f"{', '.join(CONVERTERS)}. Export it to ONNX and publish the file"
        )
    try:
        graph = converter(model, inputs)
        covers.take(graph, model.steps[-1][1] if hasattr(model, "steps") else model)
    except Exception as error:
        raise SourceError(
            f"{type(model).__name__} cannot be converted: {str(error)[:300]}"
        ) from error
    written: bytes = graph.SerializeToString()
    return written


def _scikit_learn(model: Any, inputs: Columns) -> Any:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import (
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    types = {"f": FloatTensorType, "i": Int64TensorType, "O": StringTensorType}
    one = list(inputs) == ["x"]
    initial = [
        ("X" if one else name, types[array.dtype.kind]([None, array.shape[1]]))
        for name, array in inputs.items()
    ]
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    return to_onnx(model, initial_types=initial, options=options)


def _lightgbm(model: Any, inputs: Columns) -> Any:
    import onnxmltools

    return onnxmltools.convert_lightgbm(model, initial_types=_one(inputs), zipmap=False)


def _xgboost(model: Any, inputs: Columns) -> Any:
    import onnxmltools

    return onnxmltools.convert_xgboost(model, initial_types=_one(inputs))


def _one(inputs: Columns) -> list[tuple[str, Any]]:
    """Return the one input of trees; raises `SourceError` for a data frame's."""
    from onnxmltools.convert.common.data_types import FloatTensorType

    if list(inputs) != ["x"]:
        raise SourceError("trees take an array of numbers [rows, columns] as example")
    return [("x", FloatTensorType([None, inputs["x"].shape[1]]))]


CONVERTERS: Mapping[str, Callable[[Any, Columns], Any]] = {
    "sklearn": _scikit_learn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}


def probabilities(model: Any, example: Any) -> Array | None:
    """Return a classifier's probabilities [rows, labels]; None if it has none."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(example))
    if _is_booster(model):
        values = answers(model, example)
        return np.stack([1 - values, values], 1) if values.ndim == 1 else values
    return None


def answers(model: Any, example: Any) -> Array:
    """Return a model's own answers: labels or values."""
    if _is_booster(model) and hasattr(model, "inplace_predict"):  # XGBoost's
        return np.asarray(model.inplace_predict(np.asarray(example)))
    return np.asarray(model.predict(example))


def _is_booster(model: Any) -> bool:
    return type(model).__name__ == "Booster"
