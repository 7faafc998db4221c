"""Boosted trees (LightGBM) on encoded rows that lie on disk.

The bins of the columns are found from a sample; then the rows go through once and
become one byte a column in memory. The validation rows are binned alike, and decide
when to stop.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import onnx

from hotseat_train.models.tables.streamed.spool import Part, Rows
from hotseat_train.onnx_graph import covers
from hotseat_train.onnx_graph.converted import with_scores
from hotseat_train.optim.loop import Epoch

Array = np.ndarray[Any, Any]
SETTINGS: Mapping[str, Any] = {
    "n_estimators": 300,
    "learning_rate": 0.1,
    "num_leaves": 63,
    "min_child_samples": 100,
}
"""The default settings; chosen on the generated table of ``make bench-size``."""
_PATIENCE = 20
_STEP = 10
_TIMED = 5
"""Iterations that `seconds_per_row` times."""
_CURVE_ROWS = 100_000
"""Training rows whose loss the curve shows."""


@dataclass(frozen=True, slots=True)
class Data:
    """The parts of a split."""

    train: Part
    validation: Part
    test: Part


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trained trees."""

    booster: lightgbm.Booster
    curve: tuple[Epoch, ...]
    best: Epoch
    """The kept iteration, counted in trees of each label."""


def parameters(
    labels: int, seed: int, threads: int, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return LightGBM's parameters; `settings` override `SETTINGS`."""
    chosen = {**SETTINGS, **settings}
    chosen.pop("n_estimators")
    objective = "binary" if labels == 2 else "multiclass"
    kind = "binary" if labels == 2 else "multi"
    return {
        **chosen,
        "objective": objective,
        **({"num_class": labels} if labels > 2 else {}),
        "metric": [f"{kind}_logloss", f"{kind}_error"],
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }


def dataset(
    rows: Any,
    targets: Array,
    chosen: Mapping[str, Any],
    reference: Any = None,
    weights: Array | None = None,
) -> lightgbm.Dataset:
    """Return rows that LightGBM will bin; `reference` has the bins already."""
    return lightgbm.Dataset(
        rows, targets, reference=reference, weight=weights, params=dict(chosen),
        free_raw_data=True,
    )  # fmt: skip


def fit(
    data: Data,
    labels: int,
    seed: int,
    threads: int,
    settings: Mapping[str, Any],
    *,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> Fitted:
    """Train until the validation loss has not fallen for some trees."""
    chosen = parameters(labels, seed, threads, settings)
    part, held = data.train, data.validation
    weights = part.weights()
    train = dataset(Rows(part), part.targets(), chosen, weights=weights)
    some = min(len(part), _CURVE_ROWS)
    # a sequence that refers to weighted rows has room for weights, which has to be
    # filled; ones would be dropped by LightGBM before that, and any constant is equal
    same = None if weights is None else np.full(len(held), 0.5, np.float32)
    beside = {
        "train": dataset(
            Rows(part, 0, some), part.targets()[:some], chosen, train,
            None if weights is None else weights[:some],
        ),
        "validation": dataset(Rows(held), held.targets(), chosen, train, same),
    }  # fmt: skip
    return boost(chosen, train, beside, rounds(settings), report)


def rounds(settings: Mapping[str, Any]) -> int:
    """Return the most iterations."""
    return int({**SETTINGS, **settings}["n_estimators"])


def boost(
    chosen: Mapping[str, Any],
    train: lightgbm.Dataset,
    beside: Mapping[str, lightgbm.Dataset],
    most: int,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> Fitted:
    """Boost on binned rows; `beside` are ``train``, a sample, and ``validation``."""
    curve: list[Epoch] = []

    def record(env: Any) -> None:
        found = {
            (side, name.partition("_")[2]): float(value)
            for side, name, value, *_ in env.evaluation_result_list
        }
        epoch = Epoch(
            env.iteration + 1,
            found["train", "logloss"],
            found["validation", "logloss"],
            1 - found["validation", "error"],
        )
        curve.append(epoch)
        if epoch.number % _STEP == 0:
            report(epoch)

    def stop(env: Any) -> None:
        best = min(curve, key=lambda epoch: epoch.validation_loss)
        if env.iteration + 1 - best.number >= _PATIENCE:
            raise lightgbm.callback.EarlyStopException(best.number - 1, [])

    booster = lightgbm.train(
        dict(chosen), train, most, valid_sets=[*beside.values()],
        valid_names=[*beside], callbacks=[record, stop],
    )  # fmt: skip
    best = min(curve, key=lambda epoch: epoch.validation_loss)
    kept = [epoch for epoch in curve if epoch.number % _STEP == 0 or epoch == best]
    return Fitted(exact(booster, best.number), tuple(kept), best)


def exact(booster: lightgbm.Booster, trees: int) -> lightgbm.Booster:
    """Return the first `trees` iterations with thresholds that float32 holds exactly.

    LightGBM compares in float64 and a graph in float32. A threshold is rounded down:
    a float32 is at most the threshold if and only if it is at most the rounded one.
    """
    lines = booster.model_to_string(num_iteration=trees).split("\n")
    for at, line in enumerate(lines):
        if line.startswith("threshold="):
            values = line.removeprefix("threshold=").split()
            lines[at] = "threshold=" + " ".join(map(_rounded_down, values))
    # the sizes of the trees' texts have changed; LightGBM reads them without, too
    lines = [line for line in lines if not line.startswith("tree_sizes=")]
    return lightgbm.Booster(model_str="\n".join(lines))


def _rounded_down(text: str) -> str:
    exact_value = float(text)
    with np.errstate(over="ignore"):
        rounded = np.float32(exact_value)
    if float(rounded) > exact_value:
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return repr(float(rounded))


def probabilities(booster: lightgbm.Booster, x: Array, labels: int) -> Array:
    """Return [rows, labels]."""
    found = np.asarray(booster.predict(x))
    return np.stack([1 - found, found], 1) if labels == 2 else found


def graph(booster: lightgbm.Booster, columns: int, labels: int) -> onnx.ModelProto:
    """Return the trees from ``x`` [rows, columns] to ``scores`` [rows, labels]."""
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    converted = convert_lightgbm(
        booster,
        initial_types=[("x", FloatTensorType([None, columns]))],
        zipmap=False,
        target_opset=15,  # the newest one of the converter
    )
    covers.take(converted, booster)
    return with_scores(converted, labels)


def seconds_per_row(
    x: Array,
    y: Array,
    labels: int,
    threads: int,
    settings: Mapping[str, Any],
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Return the seconds that a row costs in one iteration, measured on a sample.

    The first iterations of two sizes are timed; their difference leaves out what does
    not grow with the rows.
    """
    chosen = parameters(labels, 0, threads, settings)
    times = []
    for rows in (len(x) // 4, len(x)):
        booster = lightgbm.Booster(
            chosen, lightgbm.Dataset(x[:rows], y[:rows], params=chosen)
        )
        booster.update()  # the first one sets up memory
        began = clock()
        for _ in range(_TIMED):
            booster.update()
        times.append((clock() - began) / _TIMED)
    grown = len(x) - len(x) // 4
    return max(times[1] - times[0], 0.2 * times[1]) / grown
