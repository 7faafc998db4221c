"""Vectors of texts or images: pooled over tokens, on request of length 1."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_registry.signature import Output, Signature
from hotseat_serve.codec.tensors import Array


def embeddings(
    output_array: Array,
    output: Output,
    signature: Signature,
    inputs: Mapping[str, Array],
) -> list[dict[str, Any]]:
    """Return one vector for each row.

    `inputs` are the graph's tensors: the mean over tokens leaves out padding
    (sentence-transformers, models/Pooling.py).
    """
    vectors = output_array.astype(np.float32, copy=False)
    if output.pooling == "first":
        vectors = vectors[:, 0]
    elif output.pooling == "mean":
        vectors = _mean(vectors, _mask(signature, inputs))
    if vectors.ndim > 2:
        vectors = vectors.reshape(len(vectors), -1)
    if output.normalize:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.maximum(lengths, 1e-12)
    return [{"embedding": row} for row in vectors.tolist()]


def _mean(vectors: Array, mask: Array | None) -> Array:
    if mask is None:
        return np.asarray(vectors.mean(1))
    weights = mask[:, :, None].astype(np.float32)
    return np.asarray((vectors * weights).sum(1) / np.maximum(weights.sum(1), 1e-9))


def _mask(signature: Signature, inputs: Mapping[str, Array]) -> Array | None:
    for item in signature.inputs:
        if item.tokens is not None and item.tokens.part == "mask":
            return inputs[item.name]
    return None
