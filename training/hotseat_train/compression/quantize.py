"""Make int8 variants: weights and activations as 8-bit integers.

Each output channel of a weight has its own scale. dynamic: the range of the activations
is computed at each call. static: it is measured on training rows, and the graph has the
form that all runtimes support (QDQ).
"""

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from hotseat_train.errors import RunError
from hotseat_train.onnx_graph.load import load

Tensors = Mapping[str, np.ndarray[Any, Any]]
CALIBRATIONS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
"""Methods for a range: all values, the least information loss, or 99.99 %."""
_PRODUCTS = ("MatMul", "Gemm", "Conv")
_TABLES = ("Gather",)
# without it, every tensor's type must be inferred, strings' included
_FLOATS = {"DefaultTensorType": onnx.TensorProto.FLOAT}
# weights of seven bits: processors without VNNI add two products in 16 bits, which
# overflow with eight (onnxruntime.ai, "Quantize ONNX models"; ADR 0119)
_MULTIPLIED = {
    "weight_type": QuantType.QInt8,
    "reduce_range": True,
    "per_channel": True,
    "op_types_to_quantize": list(_PRODUCTS),
    "extra_options": _FLOATS,
}


def dynamic(graph: Path, path: Path) -> Path:
    """Write the graph with int8 weights; raises `RunError` for one without weights.

    `evaluate` measures its quality, and the gate decides.
    """
    multiplies = _check(graph)
    with _quiet():
        if multiplies:
            quantize_dynamic(graph, path, **_MULTIPLIED)
        _tables(path if multiplies else graph, path)
    return path


def static(graph: Path, path: Path, calibration: str, seen: Sequence[Tensors]) -> Path:
    """Write the graph with int8 weights and fixed ranges of the activations.

    `seen` are training rows as inputs of the graph; `calibration` is one of
    `CALIBRATIONS`. Raises `RunError` if there is nothing to quantize.
    """
    multiplies = _check(graph)
    with _quiet():
        if multiplies:
            quantize_static(
                graph,
                path,
                _Seen(seen),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                calibrate_method=CALIBRATIONS[calibration],
                **_MULTIPLIED,
            )
        _tables(path if multiplies else graph, path)
    return path


def _tables(graph: Path, path: Path) -> None:
    """Write a graph with its tables in all eight bits: they are looked up alone."""
    quantize_dynamic(
        graph,
        path,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=list(_TABLES),
        extra_options=_FLOATS,
    )


class _Seen(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, seen: Sequence[Tensors]) -> None:
        self._left = iter(seen)

    def get_next(self) -> Tensors | None:
        return next(self._left, None)


def _check(graph: Path) -> bool:
    """Return whether the graph multiplies weights; raises `RunError` without any."""
    kinds = {node.op_type for node in load(graph).graph.node}
    if not kinds & {*_PRODUCTS, *_TABLES}:
        raise RunError(
            f"{graph} has no weights that int8 could hold (trees and kernel machines "
            f"have none): publish it as it is"
        )
    return bool(kinds & set(_PRODUCTS))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the quantizer's advice to optimise first, and its progress."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
