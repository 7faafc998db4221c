"""One ONNX graph, ready to run; the only module that knows onnxruntime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from hotseat_registry.errors import IntegrityError

_DATATYPES = {
    "tensor(string)": "BYTES",
    "tensor(bool)": "BOOL",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    **{f"tensor({u}int{n})": f"{u.upper()}INT{n}"
       for u in ("", "u") for n in (8, 16, 32, 64)},
}  # fmt: skip

Tensors = Mapping[str, np.ndarray[Any, Any]]


class Session:
    """A graph in memory. `inputs` and `outputs` map names to protocol datatypes.

    Raises `IntegrityError` when the file is no graph that this runtime runs.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        # left unset, onnxruntime counts the host's cores and not the function's
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no base class of its own
            raise IntegrityError(f"{path.name} does not load: {error}") from error
        self.inputs = {
            item.name: _DATATYPES[item.type] for item in self._session.get_inputs()
        }
        self.outputs = [item.name for item in self._session.get_outputs()]

    def run(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Return every output by name; shapes as the signature says."""
        answers = self._session.run(None, dict(tensors))
        return dict(zip(self.outputs, answers, strict=True))
