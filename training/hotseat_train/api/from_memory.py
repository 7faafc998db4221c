"""Publishes a model that lies in memory."""

import getpass
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import Manifest, open_registry
from hotseat_train import converters
from hotseat_train.errors import ParityError
from hotseat_train.external import publish as external
from hotseat_train.external.overrides import Overrides

Array = np.ndarray[Any, Any]
MOST_MOVED = 0.02
"""Maximum share of the example's rows with different answers of graph and model: trees
learn thresholds in float64 and compare in float32, so rows near a threshold differ."""
_RELATIVE = 1e-5


def publish(
    model: Any,
    *,
    name: str,
    example: Any,
    labels: Sequence[str] = (),
    registry: str | None = None,
    kind: str | None = None,
    by: str | None = None,
    notify: Callable[[str], None] = print,
) -> Manifest:
    """Publish a model from memory, and return its manifest.

    `model` is an estimator or pipeline of scikit-learn, or a model of LightGBM or
    XGBoost. `example` is an array [rows, columns], or a data frame for a pipeline with
    columns of several types, for the measurements and for the comparison of graph and
    model. Its first rows become golden rows of the version, so it must not contain
    players' data. NaN in it lets callers leave numbers out (``null``). `labels` name
    the classes (default: the model's). `registry` is a URI (default: HOTSEAT_REGISTRY,
    else ``file://.hotseat/registry``). `notify` receives the share of rows whose
    answers differ.

    Raises `SourceError` if the model cannot be converted, `ParityError` if the answers
    of graph and model differ, and the errors of `external.publish.prepare`.
    """
    inputs = converters.columns(example)
    graph = converters.convert(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        path = temporary / f"{name}.onnx"
        path.write_bytes(graph)
        renamed = dict(zip(_input_names(path), inputs.values(), strict=True))
        _save(temporary / "example.npz", renamed)
        work = temporary / "version"
        work.mkdir()
        missing = any(
            array.dtype.kind == "f" and np.isnan(array).any()
            for array in inputs.values()
        )
        overrides = Overrides(
            kind=kind, labels=tuple(labels) or _classes(model), missing=missing
        )
        prepared = external.prepare(
            path, name, overrides, work, example=temporary / "example.npz"
        )
        prepared = _with_parity(model, example, renamed, prepared, notify)
        uri = registry or os.environ.get("HOTSEAT_REGISTRY", "file://.hotseat/registry")
        who = by or getpass.getuser()
        return external.publish(prepared, open_registry(uri), by=who)


def _classes(model: Any) -> tuple[str, ...]:
    return tuple(map(str, getattr(model, "classes_", ())))


def _input_names(path: Path) -> list[str]:
    """Return the names of a graph's inputs; a converter may change them."""
    from hotseat_serve.runtime.session import Session

    return list(Session(path).inputs)


def _save(path: Path, inputs: converters.Columns) -> None:
    """Write arrays to an .npz file, without pickles."""
    arrays: dict[str, Any] = {
        name: array.astype(str) if array.dtype.kind == "O" else array
        for name, array in inputs.items()
    }
    np.savez(path, **arrays)


def _with_parity(
    model: Any,
    example: Any,
    inputs: converters.Columns,
    prepared: external.Prepared,
    notify: Callable[[str], None],
) -> external.Prepared:
    """Return the version with the share of rows whose answers differ in its card.

    Compares graph and model on the example. Raises `ParityError`.
    """
    off = _different(model, example, inputs, prepared)
    if off is None:
        text, share = "Graph and model were not compared: no scores and no value.", None
    else:
        share = float(off.mean())
        text = (
            f"The answers of graph and model differ for {int(off.sum())} of "
            f"{len(off)} rows ({share:.2%})."
        )
    notify(text)
    if share is not None and share > MOST_MOVED:
        raise ParityError(
            f"the answers of graph and model differ for {share:.1%} of the example's "
            f"rows (at most {MOST_MOVED:.0%}): convert the model to ONNX yourself, and "
            "publish the file"
        )
    manifest = prepared.manifest
    lineage = {**manifest.lineage, "library": type(model).__module__.partition(".")[0],
               "rows_that_differ": share}  # fmt: skip
    card = f"{manifest.card.rstrip()}\n\n{text}\n"
    return replace(prepared, manifest=replace(manifest, lineage=lineage, card=card))


def _different(
    model: Any, example: Any, inputs: converters.Columns, prepared: external.Prepared
) -> Array | None:
    """Return which rows [rows] graph and model answer differently; None: unknown."""
    from hotseat_serve.runtime.session import Session

    signature = prepared.manifest.signature
    outputs = Session(prepared.files["model.onnx"]).run(inputs)
    scores, value = signature.output("scores"), signature.output("value")
    if scores is not None:
        actual = outputs[scores.name]
        expected = converters.probabilities(model, example)
        if expected is None:  # margins of a model without probabilities
            names, found = np.array(_classes(model)), actual.ravel() > 0
            if actual.shape[1:] > (1,):
                found = actual.argmax(1)
            own = converters.answers(model, example).astype(str)
            return np.asarray(names[found.astype(int)] != own)
    elif value is not None:
        expected = converters.answers(model, example)
        expected = expected.reshape(len(expected), -1)
        actual = outputs[value.name].reshape(len(expected), -1)
    else:
        return None
    off = np.abs(actual - expected) > _RELATIVE * np.maximum(1, np.abs(expected))
    different: Array = off.any(1)
    return different
