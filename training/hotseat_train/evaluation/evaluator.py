"""What measures the quality of a run's variants: the protocol of both evaluators."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from hotseat_registry import Signature
from hotseat_serve.runtime.loader import LoadedModel
from hotseat_train.data.dataset import Requests

Tensors = Mapping[str, np.ndarray[Any, Any]]
"""A graph's inputs or outputs by name."""


class Evaluator(Protocol):
    """Inputs to measure with, and how good the answers to them are."""

    signature: Signature
    timed: Requests
    """Inputs that latency and memory are measured with."""
    golden: Requests
    """Inputs of the version's golden rows."""

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return the metrics of every variant, and curves by variant, if any.

        The quality drop of a variant is relative to the first.
        """
