"""The protocol of evaluators, which measure the quality of a run's variants."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from hotseat_registry import Signature
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Requests

Tensors = Mapping[str, np.ndarray[Any, Any]]
"""A graph's inputs or outputs by name."""


class Evaluator(Protocol):
    """Holds the inputs of an evaluation and measures the quality of the answers."""

    signature: Signature
    timed: Requests
    """Inputs for the measurement of latency and memory."""
    golden: Requests
    """Inputs of the version's golden rows."""

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return the metrics of every variant, and curves by variant, if any.

        The quality drop of a variant is relative to the first.
        """
