"""Run one ONNX graph; the only module that imports onnxruntime."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Variant
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.watchdog import WATCHDOG

if TYPE_CHECKING:
    from hotseat_registry.encrypted_file import EncryptedFile

RUNTIME: str = onnxruntime.__version__
_DATATYPES = {
    "tensor(string)": "BYTES",
    "tensor(bool)": "BOOL",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    **{f"tensor({u}int{n})": f"{u.upper()}INT{n}"
       for u in ("", "u") for n in (8, 16, 32, 64)},
}  # fmt: skip

_MEMORY = re.compile("bad_alloc|bad allocation|Failed to allocate memory")
# the runtime names the line of its own source that refused
_SOURCE = re.compile(r"\S*/\S+\.(?:cc|h):\d+ ?(?:\S+ )?")

Tensors = Mapping[str, np.ndarray[Any, Any]]


class Session:
    """A graph in memory.

    `inputs` and `output_types` map names to the protocol's datatype and the shape,
    where -1 is any length.

    Raises `IntegrityError` if this runtime cannot run the file.
    """

    def __init__(
        self,
        path: Path | bytes,
        threads: int = 1,
        *,
        optimized: bool = False,
        weights: Mapping[str, bytes] | None = None,
    ) -> None:
        name = "the graph" if isinstance(path, bytes) else path.name
        options = onnxruntime.SessionOptions()
        if optimized:  # publishing has optimised the graph already
            options.graph_optimization_level = (
                onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            )
        # left unset, onnxruntime counts the host's cores and not the function's
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # the answer reports a failure
        if weights:  # of a graph in memory, by the names that it has for them
            options.add_external_initializers_from_files_in_memory(
                list(weights), list(weights.values()), list(map(len, weights.values()))
            )
        try:
            self._session = onnxruntime.InferenceSession(
                path if isinstance(path, bytes) else str(path),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # onnxruntime has no base class of its own
            raise IntegrityError(f"{name} does not load: {error}") from error
        try:
            self.inputs = dict(map(_described, self._session.get_inputs()))
            self.output_types = dict(map(_described, self._session.get_outputs()))
        except KeyError as error:
            raise IntegrityError(
                f"{name} has a tensor of type {error}, which cannot be served"
            ) from None
        self._outputs = list(self.output_types)

    def run(
        self,
        tensors: Tensors,
        outputs: Sequence[str] | None = None,
        *,
        seconds: float | None = None,
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Return outputs by name (all, unless some are named).

        After `seconds` the run ends; the runtime checks this between two nodes, so a
        long node runs to its end. Raises `Problem`: deadline_exceeded, invalid_input
        if the graph refuses the inputs, too_large if the memory is not enough.
        """
        names = self._outputs if outputs is None else outputs
        answers = _watched(
            lambda options: self._session.run(names, tensors, options), seconds
        )
        return dict(zip(names, answers, strict=True))

    def bind(
        self, arrays: Mapping[tuple[str, str], np.ndarray[Any, Any]]
    ) -> "BoundSession":
        """Return the session with arrays that every run reads and writes in place.

        The keys are pairs of an input and an output that share one array.
        """
        return BoundSession(self._session, arrays)


class BoundSession:
    """A session whose runs share some of their inputs and outputs."""

    def __init__(
        self, session: Any, arrays: Mapping[tuple[str, str], np.ndarray[Any, Any]]
    ) -> None:
        self._session = session
        self._binding = session.io_binding()
        # the values do not own their memory: the arrays have to live as long
        self._arrays = list(arrays.values())
        for (name, output), array in arrays.items():
            value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
            self._binding.bind_ortvalue_input(name, value)
            self._binding.bind_ortvalue_output(output, value)
        self._at = -1

    def run(
        self, tensors: Tensors, output: str, *, seconds: float | None = None
    ) -> np.ndarray[Any, Any]:
        """Run with these further inputs; return one output. Raises as `Session.run`."""
        for name, array in tensors.items():
            self._binding.bind_cpu_input(name, np.ascontiguousarray(array))
        self._binding.bind_output(output, "cpu")
        _watched(
            lambda options: self._session.run_with_iobinding(self._binding, options),
            seconds,
        )
        if self._at < 0:  # bound outputs keep the order of their binding
            self._at = len(self._binding.get_outputs()) - 1
        found: np.ndarray[Any, Any] = self._binding.get_outputs()[self._at].numpy()
        return found


def _watched(run: Callable[[Any], Any], seconds: float | None) -> Any:
    """Run with a limit in seconds; raises `Problem`."""
    options = watch = None
    if seconds is not None:
        options = onnxruntime.RunOptions()
        watch = WATCHDOG.watch(seconds, functools.partial(_end, options))
    try:
        return run(options)
    except Exception as error:  # onnxruntime has no base class of its own
        raise _problem(error) from error
    finally:
        if watch is not None:
            WATCHDOG.drop(watch)


def open_session(
    file: "Path | EncryptedFile",
    variant: Variant,
    paths: Mapping[str, "Path | EncryptedFile"],
    threads: int,
) -> Session:
    """Open a graph of a variant; an encrypted one in memory, and its weights with it.

    `paths` are the variant's files by name. Raises `IntegrityError`.
    """
    optimized = bool(variant.optimized)
    if isinstance(file, Path):
        return Session(file, threads, optimized=optimized)
    weights = {name: paths[name].read_bytes() for name in variant.data or ()}
    return Session(file.read_bytes(), threads, optimized=optimized, weights=weights)


def _end(options: Any) -> None:
    options.terminate = True


def _problem(error: Exception) -> Problem:
    """Return the cause of a failed run in the runtime's words, without source lines."""
    text = str(error)
    if "terminate flag" in text:
        return Problem("deadline_exceeded", "the time allowed was over during the run")
    if isinstance(error, MemoryError) or _MEMORY.search(text):
        return Problem("too_large", "the model needs more memory than there is")
    reason = text.rpartition("Status Message: ")[2] or text
    reason = _SOURCE.sub("", reason.rpartition("] : ")[2] or reason).strip()
    return Problem("invalid_input", f"the model refused the input: {reason[:300]}")


def _described(item: Any) -> tuple[str, tuple[str, tuple[int, ...]]]:
    shape = tuple(n if isinstance(n, int) else -1 for n in item.shape)
    return item.name, (_DATATYPES[item.type], shape)
