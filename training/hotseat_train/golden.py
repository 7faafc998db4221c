"""Inputs with the answers that a version must give wherever it is opened."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotseat_train.dataset import Dataset

_ROWS = 16


def write(
    path: Path, dataset: Dataset, answers: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Write inputs with the answers that every variant must give.

    A variant's tolerance is twice the most that it differed here from the first, and
    never under a thousandth, which is more than another CPU's rounding.
    """
    inputs = dataset.test.inputs
    rows = sorted(range(len(inputs)), key=lambda i: len(str(inputs[i])))
    chosen = rows[:: max(1, len(rows) // _ROWS)][:_ROWS]
    first = next(iter(answers.values()))
    expected = [first[i]["scores"] for i in chosen]
    tolerance = {}
    for name, given in answers.items():
        off = max(
            abs(given[i]["scores"][label] - want[label])
            for i, want in zip(chosen, expected, strict=True)
            for label in want
        )
        tolerance[name] = round(max(1e-3, 2 * off), 6)
    golden = {
        "rows": [
            {
                "input": {"text": inputs[i]}
                if isinstance(inputs[i], str)
                else inputs[i],
                "expected": {"label": first[i]["label"], "scores": scores},
            }
            for i, scores in zip(chosen, expected, strict=True)
        ],
        "tolerance": tolerance,
    }
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", "utf-8")
