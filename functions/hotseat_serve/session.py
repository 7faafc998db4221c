"""One ONNX graph, ready to run; the only module that knows onnxruntime."""

from collections.abc import Mapping, Sequence
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
    """A graph in memory.

    `inputs` and `output_types` map names to the protocol's datatype and the shape,
    where -1 is any length.

    Raises `IntegrityError` when the file is no graph that this runtime runs.
    """

    def __init__(
        self, path: Path, threads: int = 1, *, optimized: bool = False
    ) -> None:
        options = onnxruntime.SessionOptions()
        if optimized:  # before it was published: nothing is left to do at the start
            options.graph_optimization_level = (
                onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            )
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
        try:
            self.inputs = dict(map(_described, self._session.get_inputs()))
            self.output_types = dict(map(_described, self._session.get_outputs()))
        except KeyError as error:
            raise IntegrityError(
                f"{path.name} has a tensor of type {error}, which cannot be served"
            ) from None
        self._outputs = list(self.output_types)

    def run(
        self, tensors: Tensors, outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Return outputs by name (all, unless some are named)."""
        names = self._outputs if outputs is None else outputs
        answers = self._session.run(names, tensors)
        return dict(zip(names, answers, strict=True))


def _described(item: Any) -> tuple[str, tuple[str, tuple[int, ...]]]:
    shape = tuple(n if isinstance(n, int) else -1 for n in item.shape)
    return item.name, (_DATATYPES[item.type], shape)
