"""The numbers of an answer that an explanation is about."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import scores
from hotseat_serve.shapley.graph_nodes import UnsuitableError


def of_outputs(signature: Signature, outputs: Mapping[str, Array]) -> Array:
    """Return the numbers [rows, n] in a graph's outputs: probabilities, or the value.

    Raises `UnsuitableError` for other answers, as an embedding or several numbers.
    """
    labels = len(signature.labels)
    output = signature.output("scores")
    if output is not None and labels:
        found = scores.probabilities(outputs[output.name], output, labels)
        if found.ndim == 2 and found.shape[1] == labels:
            return np.asarray(found, np.float64)
    output = signature.output("value")
    if output is not None:
        found = outputs[output.name]
        if found.size == len(found):
            return np.asarray(found.reshape(-1, 1), np.float64)
    raise UnsuitableError("its answer is neither one number nor a label")


def column(signature: Signature, answer: Mapping[str, Any]) -> int:
    """Return the column of `of_outputs` that an answer is about."""
    if "label" in answer:
        return signature.labels.index(answer["label"])
    if isinstance(answer.get("value"), float):
        return 0
    raise UnsuitableError("its answer is neither one number nor a label")


def scale(answer: Mapping[str, Any]) -> str:
    """Return the scale of these numbers."""
    return "probability" if "label" in answer else "value"
