"""Make int8 variants: weights as 8-bit integers, and what flows between them, too.

dynamic: the range of what flows through is taken anew at each call. static: it was
measured on training rows, each output channel of a weight has a scale of its own, and
the graph is kept in the form that runtimes agree on (QDQ).
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
"""How a range is taken from what was seen: all of it, what tells most, or 99.99 %."""
_KINDS = ("Gather", "MatMul", "Gemm", "Conv")
# without it, every tensor's type must be inferred, strings' included
_FLOATS = {"DefaultTensorType": onnx.TensorProto.FLOAT}


def dynamic(graph: Path, path: Path) -> Path:
    """Write the graph with int8 weights; raises `RunError` where it has none.

    Whether it is any good is for `evaluate` to measure and for the gate to judge.
    """
    _check(graph)
    with _quiet():
        quantize_dynamic(
            graph,
            path,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(_KINDS),
            extra_options=_FLOATS,
        )
    return path


def static(graph: Path, path: Path, calibration: str, seen: Sequence[Tensors]) -> Path:
    """Write the graph with int8 weights and ranges for what flows between.

    `seen` are training rows as the graph eats them; `calibration` is one of
    `CALIBRATIONS`. Raises `RunError` where there is nothing to quantize.
    """
    _check(graph)
    with _quiet():
        quantize_static(
            graph,
            path,
            _Seen(seen),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CALIBRATIONS[calibration],
            op_types_to_quantize=list(_KINDS),
            extra_options=_FLOATS,
        )
    return path


class _Seen(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, seen: Sequence[Tensors]) -> None:
        self._left = iter(seen)

    def get_next(self) -> Tensors | None:
        return next(self._left, None)


def _check(graph: Path) -> None:
    kinds = {node.op_type for node in load(graph).graph.node}
    if not kinds & set(_KINDS):
        raise RunError(
            f"{graph} has no weights that int8 could hold (trees and kernel machines "
            f"have none): publish it as it is"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice to optimise first, and its progress, to itself."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
