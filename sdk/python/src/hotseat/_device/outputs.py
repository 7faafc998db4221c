"""Answers of all kinds but policies, from a graph's outputs, as in the service."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat._device.elements import Array
from hotseat._device.wording import bad

Json = Mapping[str, Any]


def answers(
    kind: str,
    signature: Json,
    tensors: Mapping[str, Array],
    outputs: Mapping[str, Array],
    rows: int,
) -> list[dict[str, Any]]:
    """Return an answer for each of `rows` inputs, which were the graph's `tensors`."""
    if kind == "tensor":
        return tensor(signature, outputs, rows)
    outputs = _by_role(signature, outputs)
    if kind == "embedding":
        return embedding(signature, outputs["embedding"], tensors)
    if kind in {"classification", "multilabel"}:
        scores = _probabilities(signature, outputs["scores"])
        if kind == "multilabel":
            return multilabel(signature, scores)
        found = [_classified(signature, row) for row in scores.tolist()]
        if (names := signature.get("categories")) is not None:
            for answer, row in zip(found, outputs["categories"].tolist(), strict=True):
                answer["categories"] = dict(zip(names, row, strict=True))
        return found
    values = outputs["value"]
    if values.ndim != 2 or values.shape[1] == 1:
        values = values.reshape(-1)
    return [{"value": value} for value in values.tolist()]


def _by_role(signature: Json, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return the outputs by name; those with a role by role as well."""
    roles = {
        one["role"]: outputs[one["name"]]
        for one in signature["outputs"]
        if one.get("role")
    }
    return {**outputs, **roles}


def _probabilities(signature: Json, scores: Array) -> Array:
    """Return [rows, labels] from scores, as in the service's kinds/scores."""
    output = next(
        one for one in signature["outputs"]
        if (one.get("role") or one["name"]) == "scores"
    )  # fmt: skip
    activation, labels = output.get("activation"), signature["labels"]
    if scores.ndim > 2 and scores.size == scores.shape[0] * scores.shape[1]:
        scores = scores.reshape(scores.shape[:2])
    if activation == "softmax" and scores.shape[-1] > 1:
        wide = scores.astype(np.float64)
        powers = np.exp(wide - wide.max(1, keepdims=True))
        scores = powers / powers.sum(1, keepdims=True)
    elif activation is not None:
        wide = scores.astype(np.float64)
        powers = np.exp(-np.abs(wide))
        scores = np.where(wide >= 0, 1 / (1 + powers), powers / (1 + powers))
    if len(labels) == 2 and (scores.ndim == 1 or scores.shape[1] == 1):
        second = scores.reshape(-1)
        return np.stack([1 - second, second], 1)
    return scores


def _classified(signature: Json, row: Sequence[float]) -> dict[str, Any]:
    labels, at = signature["labels"], signature.get("label_threshold")
    best = max(range(len(row)), key=row.__getitem__) if at is None else row[1] >= at
    rule = {} if at is None else {"threshold": {"label": labels[1], "value": at}}
    return {
        "label": labels[best],
        "probability": row[best],
        "scores": dict(zip(labels, row, strict=True)),
        **rule,
    }


def multilabel(signature: Json, scores: Array) -> list[dict[str, Any]]:
    """Return the labels over the threshold, and the probability of each label."""
    labels, least = signature["labels"], signature.get("threshold")
    least = 0.5 if least is None else least
    return [
        {
            "labels": [one for one, p in zip(labels, row, strict=True) if p >= least],
            "scores": dict(zip(labels, row, strict=True)),
        }
        for row in scores.tolist()
    ]


def embedding(
    signature: Json, vectors: Array, tensors: Mapping[str, Array]
) -> list[dict[str, Any]]:
    """Return a vector for each row of [rows, size] or [rows, tokens, size]."""
    output = next(
        one for one in signature["outputs"]
        if (one.get("role") or one["name"]) == "embedding"
    )  # fmt: skip
    vectors = vectors.astype(np.float32, copy=False)
    if output.get("pooling") == "first":
        vectors = vectors[:, 0]
    elif output.get("pooling") == "mean":
        vectors = _mean(vectors, _mask(signature, tensors))
    if vectors.ndim > 2:
        vectors = vectors.reshape(len(vectors), -1)
    if output.get("normalize"):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.maximum(lengths, 1e-12)
    return [{"embedding": row} for row in vectors.tolist()]


def _mean(vectors: Array, mask: Array | None) -> Array:
    if mask is None:
        return np.asarray(vectors.mean(1))
    weights = mask[:, :, None].astype(np.float32)
    return np.asarray((vectors * weights).sum(1) / np.maximum(weights.sum(1), 1e-9))


def _mask(signature: Json, tensors: Mapping[str, Array]) -> Array | None:
    for item in signature["inputs"]:
        if (item.get("tokens") or {}).get("part") == "mask":
            return tensors[item["name"]]
    return None


def tensor(
    signature: Json, outputs: Mapping[str, Array], rows: int
) -> list[dict[str, Any]]:
    """Return every output, row by row, as nested lists by name."""
    if any(item["form"] == "array" for item in signature["inputs"]):
        return [{"outputs": {name: x.tolist() for name, x in outputs.items()}}]
    if rows == 1:
        first = {
            name: x[0] if x.shape[:1] == (1,) else x for name, x in outputs.items()
        }
        return [
            {"outputs": {name: np.asarray(x).tolist() for name, x in first.items()}}
        ]
    check_rows(outputs.values(), rows)
    return [
        {"outputs": {name: x[row].tolist() for name, x in outputs.items()}}
        for row in range(rows)
    ]


def check_rows(arrays: Sequence[Array] | Any, rows: int) -> None:
    """Raise `BadInputError` unless each array has an answer for each input."""
    for array in arrays:
        count = array.shape[0] if array.ndim else 1
        if array.ndim == 0 or count != rows:
            raise bad(
                f"the model answers {count} times to {rows} inputs: ask one at a time",
                "",
            )
