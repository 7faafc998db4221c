"""Scores of labels as probabilities, and labels from them."""

from typing import Any

import numpy as np

from hotseat_registry.signature import Output, Signature
from hotseat_serve.codec.tensors import Array

THRESHOLD = 0.5


def probabilities(scores: Array, output: Output, labels: int) -> Array:
    """Return [rows, labels] from a graph's scores.

    `output` defines them: probabilities, or logits with their activation. For two
    labels, a single column belongs to the second.
    """
    if scores.ndim > 2 and scores.size == scores.shape[0] * scores.shape[1]:
        scores = scores.reshape(scores.shape[:2])
    if output.activation == "softmax" and scores.shape[-1] > 1:
        scores = _softmax(scores.astype(np.float64))
    elif output.activation is not None:
        scores = _sigmoid(scores.astype(np.float64))
    if labels == 2 and (scores.ndim == 1 or scores.shape[1] == 1):
        second = scores.reshape(-1)
        return np.stack([1 - second, second], 1)
    return scores


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _sigmoid(scores: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without overflow for large negative x."""
    powers = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1 / (1 + powers), powers / (1 + powers))


def multilabel(scores: Array, signature: Signature) -> list[dict[str, Any]]:
    """Return the labels that apply, and the probability of each label."""
    at = THRESHOLD if signature.threshold is None else signature.threshold
    return [
        {
            "labels": [
                label for label, p in zip(signature.labels, row, strict=True) if p >= at
            ],
            "scores": dict(zip(signature.labels, row, strict=True)),
        }
        for row in scores.tolist()
    ]
