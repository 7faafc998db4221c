"""Inputs with the answers that a version must give wherever it is opened."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotseat_serve.load import Loaded
from hotseat_train.dataset import Dataset

_ROWS = 16
_ROUNDING = 1e-3
"""More than another CPU's rounding of floats."""
_SATURATING = 2e-2
"""Without VNNI, products of 8-bit integers are added in pairs that may saturate."""


def write(path: Path, dataset: Dataset, models: Mapping[str, Loaded]) -> None:
    """Write inputs with the answers that every variant must give.

    A variant's tolerance is twice the most that it differs here from what the first
    answers to all rows at once, asked so or one by one: where activations are quantized
    as they come, a row's answer depends on what is asked with it.
    """
    inputs = dataset.test.inputs
    rows = sorted(range(len(inputs)), key=lambda i: len(str(inputs[i])))
    chosen = [inputs[i] for i in rows[:: max(1, len(rows) // _ROWS)][:_ROWS]]
    first = next(iter(models.values())).predict(chosen)
    tolerance = {}
    for name, model in models.items():
        alone = [model.predict([given])[0] for given in chosen]
        off = max(_off(model.predict(chosen), first), _off(alone, first))
        least = _SATURATING if "int8" in name else _ROUNDING
        tolerance[name] = round(max(least, 2 * off), 6)
    golden = {
        "rows": [
            {
                "input": {"text": given} if isinstance(given, str) else given,
                "expected": {"label": answer["label"], "scores": answer["scores"]},
            }
            for given, answer in zip(chosen, first, strict=True)
        ],
        "tolerance": tolerance,
    }
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _off(
    answers: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]]
) -> float:
    """Return the most that any score differs."""
    return max(
        abs(float(answer["scores"][label]) - float(score))
        for answer, want in zip(answers, first, strict=True)
        for label, score in want["scores"].items()
    )
