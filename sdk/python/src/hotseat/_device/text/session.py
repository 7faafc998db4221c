"""Runs a language model's graph, whose cache grows in place."""

from collections.abc import Mapping
from threading import Timer
from typing import Any

import numpy as np
import onnxruntime

from hotseat._device.text.problems import Problem

Array = np.ndarray[Any, Any]
_SOON = 2.0
"""Seconds left from which a run is watched: a timer is a thread, and a run is short."""


class Session:
    """An open graph; what `hotseat_serve.runtime.session` is to the service."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def bind(self, arrays: Mapping[tuple[str, str], Array]) -> "BoundSession":
        """Return the session with arrays that every run reads and writes in place.

        The keys are pairs of an input and an output that share one array.
        """
        return BoundSession(self._session, arrays)


class BoundSession:
    """A session whose runs share some of their inputs and outputs."""

    def __init__(self, session: Any, arrays: Mapping[tuple[str, str], Array]) -> None:
        self._session, self._binding = session, session.io_binding()
        self._arrays = list(arrays.values())  # the values do not own their memory
        for (name, output), array in arrays.items():
            value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
            self._binding.bind_ortvalue_input(name, value)
            self._binding.bind_ortvalue_output(output, value)

    def run(
        self,
        tensors: Mapping[str, Array],
        output: str,
        *,
        seconds: float | None = None,
    ) -> Array:
        """Run with these further inputs; return one output.

        Raises `Problem`: deadline_exceeded after `seconds`, internal.
        """
        for name, array in tensors.items():
            self._binding.bind_cpu_input(name, np.ascontiguousarray(array))
        self._binding.bind_output(output, "cpu")
        options = onnxruntime.RunOptions()
        timer = None
        if seconds is not None and seconds < _SOON:
            timer = Timer(seconds, setattr, (options, "terminate", True))
            timer.daemon = True
            timer.start()
        try:
            self._session.run_with_iobinding(self._binding, options)
        except Exception as error:  # onnxruntime has no base class of its own
            if "terminate flag" in str(error):
                raise Problem("deadline_exceeded", "the time was over") from error
            raise Problem("internal", f"the model failed: {error}") from error
        finally:
            if timer is not None:
                timer.cancel()
        found: Array = self._binding.get_outputs()[-1].numpy()
        return found
