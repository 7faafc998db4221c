"""Make the int8 variant: weights as 8-bit integers, activations as they come."""

import logging
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from hotseat_train.run import Run


def quantize(run: Run) -> Path:
    """Write the dynamic int8 variant of a run's graph; raises `RunError`.

    Whether it is any good is for `evaluate` to measure and for the gate to judge.
    """
    model = run.needs(run.model, "train")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises to optimise first, which gains nothing
    try:
        quantize_dynamic(
            model,
            run.quantized,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Gather", "MatMul", "Gemm", "Conv"],
            # without it, every tensor's type must be inferred, strings' included
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    finally:
        root.setLevel(level)
    return run.quantized
