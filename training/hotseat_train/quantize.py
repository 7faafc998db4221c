"""Make the int8 variant: weights as 8-bit integers, activations as they come."""

import logging
import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from hotseat_train.run import Run


def quantize(run: Run) -> Path:
    """Write the dynamic int8 variant of a run's graph; raises `RunError`.

    Whether it is any good is for `evaluate` to measure and for the gate to judge.
    """
    model = run.needs(run.model, "train")
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # symbolic shape inference does not know the string operators
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        root = logging.getLogger()
        level = root.level
        root.setLevel(logging.ERROR)  # it warns of every tensor whose type it guesses
        try:
            quantize_dynamic(
                prepared,
                run.quantized,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Gather", "MatMul", "Gemm", "Conv"],
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
            )
        finally:
            root.setLevel(level)
    return run.quantized
