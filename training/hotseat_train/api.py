"""Python functions for notebooks and scripts: publish a model from memory."""

import getpass
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import Manifest, open_registry
from hotseat_train.errors import ParityError
from hotseat_train.external import publish as external
from hotseat_train.external.errors import SourceError
from hotseat_train.external.overrides import Overrides
from hotseat_train.onnx_graph import covers

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
) -> Manifest:
    """Publish a model from memory, and return its manifest.

    `model` is an estimator or pipeline of scikit-learn, or a model of LightGBM or
    XGBoost. `example` is an array [rows, columns] for the measurements and for the
    comparison of graph and model. Its first rows become golden rows of the version, so
    it must not contain players' data. `labels` name the classes (default: the model's).
    `registry` is a URI (default: HOTSEAT_REGISTRY, else ``file://.hotseat/registry``).

    Raises `SourceError` if the model cannot be converted, `ParityError` if the answers
    of graph and model differ, and the errors of `external.publish.prepare`.
    """
    rows = np.asarray(example)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        path = _converted(model, rows, temporary / f"{name}.onnx")
        np.save(temporary / "example.npy", rows.astype(np.float32))
        work = temporary / "version"
        work.mkdir()
        overrides = Overrides(kind=kind, labels=tuple(labels) or _classes(model))
        prepared = external.prepare(
            path, name, overrides, work, example=temporary / "example.npy"
        )
        _check_parity(model, rows, prepared)
        uri = registry or os.environ.get("HOTSEAT_REGISTRY", "file://.hotseat/registry")
        who = by or getpass.getuser()
        return external.publish(prepared, open_registry(uri), by=who)


def _classes(model: Any) -> tuple[str, ...]:
    return tuple(map(str, getattr(model, "classes_", ())))


def _converted(model: Any, rows: Array, path: Path) -> Path:
    """Write a model as ONNX; raises `SourceError`."""
    library = type(model).__module__.partition(".")[0]
    convert = _CONVERTERS.get(library)
    if convert is None:
        raise SourceError(
            f"no converter for {type(model).__name__} of {library}; there are "
            f"{', '.join(_CONVERTERS)}. Export it to ONNX and publish the file"
        )
    try:
        graph = convert(model, rows)
        covers.take(graph, _final_step(model))
    except Exception as error:
        raise SourceError(
            f"{type(model).__name__} cannot be converted: {str(error)[:300]}"
        ) from error
    path.write_bytes(graph.SerializeToString())
    return path


def _final_step(model: Any) -> Any:
    return model.steps[-1][1] if hasattr(model, "steps") else model


def _scikit_learn(model: Any, rows: Array) -> Any:
    from skl2onnx import to_onnx

    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    return to_onnx(model, rows[:1].astype(np.float32), options=options)


def _lightgbm(model: Any, rows: Array) -> Any:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    inputs = [("x", FloatTensorType([None, rows.shape[1]]))]
    return onnxmltools.convert_lightgbm(model, initial_types=inputs, zipmap=False)


def _xgboost(model: Any, rows: Array) -> Any:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    inputs = [("x", FloatTensorType([None, rows.shape[1]]))]
    return onnxmltools.convert_xgboost(model, initial_types=inputs)


_CONVERTERS: Mapping[str, Callable[[Any, Array], Any]] = {
    "sklearn": _scikit_learn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}


def _check_parity(model: Any, rows: Array, prepared: external.Prepared) -> None:
    """Compare graph and model on the example; raises `ParityError`."""
    from hotseat_serve.runtime.session import Session

    path = prepared.files["model.onnx"]
    session = Session(path)
    (name, (_, _)), *_ = session.inputs.items()
    outputs = session.run({name: rows.astype(np.float32)})
    signature = prepared.manifest.signature
    scores, value = signature.output("scores"), signature.output("value")
    if scores is not None and hasattr(model, "predict_proba"):
        expected, actual = model.predict_proba(rows), outputs[scores.name]
    elif value is not None and hasattr(model, "predict"):
        expected = np.asarray(model.predict(rows)).reshape(len(rows), -1)
        actual = outputs[value.name].reshape(len(rows), -1)
    else:
        return
    off = np.abs(actual - expected) > _RELATIVE * np.maximum(1, np.abs(expected))
    moved = float(off.any(1).mean())
    if moved > MOST_MOVED:
        raise ParityError(
            f"the answers of graph and model differ for {moved:.1%} of the example's "
            f"rows (at most {MOST_MOVED:.0%}): convert the model to ONNX yourself, and "
            "publish the file"
        )
