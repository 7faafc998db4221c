"""Check that an open version answers once per row, with valid probabilities.

Golden rows define the answers of a version. Without them, the check runs one and two
artificial rows, so that a graph with one answer for all rows does not go live. The
values for a row of zeros or an empty text are no fault of the version; only the shape
of its answers is checked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_registry.signature import Input
from hotseat_serve.codec.tensors import DTYPES, Array
from hotseat_serve.kinds.scores import probabilities
from hotseat_serve.problems import Problem

_SUM = 0.02
"""How far from 1 a row of probabilities may be: int8 and half floats round."""
ROLES = {
    "classification": "scores", "multilabel": "scores", "regression": "value",
    "embedding": "embedding", "policy": "policy", "retrieval": "embedding",
}  # fmt: skip
"""The output that each kind reads, with one answer for each row."""
_ANY = 1
"""Length of a dimension of any length in artificial rows."""

Run = Any


def check(manifest: Manifest, run: Run) -> None:
    """Run one row and two rows; raises `IntegrityError`.

    `run` takes tensors by name and returns outputs by name, or raises `Problem`.
    """
    for rows in (1, 2):
        tensors = probe_tensors(manifest, rows)
        if tensors is None:
            return
        try:
            outputs = run(tensors)
        except Problem as problem:
            if problem.code == "deadline_exceeded":
                raise IntegrityError(
                    f"{manifest.reference}: one row took longer than an opening may"
                ) from None
            return  # the model may refuse artificial rows
        check_shape(manifest, outputs, rows)


def probe_tensors(manifest: Manifest, rows: int) -> dict[str, Array] | None:
    """Return tensors of so many rows; None if the batch has a fixed size."""
    inputs = manifest.signature.inputs
    if any(item.form == "array" for item in inputs):
        return None  # a whole tensor's first dimension need not be rows
    if not any(item.shape[:1] == (-1,) for item in inputs):
        return None
    return {item.name: _rows(item, rows) for item in inputs}


def _rows(item: Input, rows: int) -> Array:
    dims = [_ANY if n == -1 else n for n in item.shape]
    if item.shape[:1] == (-1,):
        dims[0] = rows
    dtype = DTYPES[item.datatype]
    if dtype.kind == "O":
        array = np.empty(dims, object)
        array.fill("a")
        return array
    return np.zeros(dims, dtype)


def check_shape(manifest: Manifest, outputs: Mapping[str, Array], rows: int) -> None:
    """Check the outputs for the kind: one answer per row, valid probabilities.

    Raises `IntegrityError`.
    """
    role = ROLES.get(manifest.kind)
    output = manifest.signature.output(role) if role else None
    if output is None:
        return
    name, found = output.name, outputs[output.name]
    if found.ndim == 0 and manifest.kind == "regression":
        return  # it answers one input at a time; see `kinds.regression`
    if found.ndim == 0 or found.shape[0] != rows:
        raise IntegrityError(
            f"{manifest.reference}: {rows} rows were asked, and {name!r} has the shape "
            f"{list(found.shape)}: it has to have a row for each"
        )
    if manifest.kind == "classification":
        labels = len(manifest.signature.labels)
        _probabilities(manifest, probabilities(found, output, labels))


def _probabilities(manifest: Manifest, scores: Array) -> None:
    labels = len(manifest.signature.labels)
    if scores.shape[1:] != (labels,):
        raise IntegrityError(
            f"{manifest.reference}: 'scores' has the shape {list(scores.shape)}, and "
            f"there are {labels} labels"
        )
    values = scores.astype(np.float64)
    if not np.isfinite(values).all():
        return  # of artificial rows: NaN in their answers is no fault of the model
    if values.min(initial=0) < -_SUM or (abs(values.sum(1) - 1) > _SUM).any():
        raise IntegrityError(
            f"{manifest.reference}: 'scores' are no probabilities: a row sums to "
            f"{values.sum(1)[0]:.3g}. Logits? End the graph with Softmax"
        )


def check_answers(
    manifest: Manifest, found: Sequence[Mapping[str, Any]], rows: int
) -> None:
    """Check the answers to golden rows for the kind; raises `IntegrityError`."""
    if len(found) != rows:
        raise IntegrityError(
            f"{manifest.reference}: {rows} golden rows were asked, and {len(found)} "
            "answers came"
        )
    for answer in found:
        scores = answer.get("scores")
        if manifest.kind != "classification" or not isinstance(scores, Mapping):
            continue
        if abs(sum(scores.values()) - 1) > _SUM or min(scores.values()) < -_SUM:
            raise IntegrityError(
                f"{manifest.reference}: 'scores' are no probabilities: they sum to "
                f"{sum(scores.values()):.3g}. Logits? End the graph with Softmax"
            )
