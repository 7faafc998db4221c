"""Golden rows: inputs with the answers that a version must give when opened."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotseat_serve.codec.tensors import datatype_of
from hotseat_serve.kinds.options import Options
from hotseat_serve.runtime import golden_rows
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Requests
from hotseat_train.evaluation.graph_calls import record_calls

_ROUNDING = 1e-3
"""Tolerance for the float rounding of other CPUs."""
SATURATING = 2e-2
"""Without VNNI, products of 8-bit integers are added in pairs that may saturate."""
_COMPARED = ("label", "scores", "value", "actions", "item", "embedding", "outputs",
             "texts", "matches")  # fmt: skip
"""The parts of an answer that do not depend on random draws, and an item."""
_OF_STEPS = ("scores", "value", "embedding")
_CALLS, _ROWS = 4, 2
"""Calls of a generator's graph and rows of each, compared where items differ."""


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write golden rows to a version's file."""
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


def of(requests: Requests, models: Mapping[str, LoadedModel]) -> dict[str, Any]:
    """Return inputs with the answers that every variant must give.

    A variant's tolerance is twice its largest difference from the first one's answers
    to one batch, measured in a batch and row by row: dynamic quantization makes a row's
    answer depend on its batch. Items are expected of the first variant alone; of the
    others, the outputs of the graph's calls are compared.
    """
    name, first = next(iter(models.items()))
    rows: list[dict[str, Any]] = [
        {
            "input": {"text": value} if isinstance(value, str) else value,
            **({"options": dict(options)} if options else {}),
        }
        for value, options in requests
    ]
    for row, answer in zip(rows, _answers(first, rows), strict=True):
        row["expected"] = _compared(answer)
        if "item" in answer:
            row["variants"] = [name]
    calls = _calls(first, requests)
    common = [row for row in rows if "variants" not in row]
    return {
        "rows": rows,
        **({"graph": calls} if calls else {}),
        "tolerance": {
            name: _off(model, common, calls) for name, model in models.items()
        },
    }


def _compared(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an answer that every opening has to repeat."""
    found = {key: answer[key] for key in _COMPARED if key in answer}
    if "matches" in found:
        found["matches"] = [
            {"id": one["id"], "score": one["score"]} for one in found["matches"]
        ]
    steps = answer.get("steps")
    if isinstance(steps, Mapping):
        found["steps"] = {
            name: {key: step[key] for key in _OF_STEPS if key in step}
            for name, step in steps.items()
            if step is not None
        }
    return found


def _answers(
    model: LoadedModel, rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    def predict(inputs: list[Any], options: Options) -> list[dict[str, Any]]:
        return model.predict(inputs, options=options)

    return golden_rows.predict_rows(rows, predict)


def _calls(first: LoadedModel, requests: Requests) -> list[dict[str, Any]]:
    """Return calls of a generator's graph for these requests, with their outputs."""
    if first.manifest.signature.generation is None:
        return []
    return [
        {
            "inputs": [
                {"name": name, "datatype": datatype_of(array),
                 "shape": list(array.shape), "data": array.ravel().tolist()}
                for name, array in tensors.items()
            ],
            "outputs": {
                name: array.ravel().tolist()
                for name, array in first.session.run(tensors).items()
            },
        }
        for tensors in record_calls(first, requests, _CALLS, _ROWS)
    ]  # fmt: skip


def _off(
    model: LoadedModel,
    rows: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
) -> float:
    """Return the tolerance for a model."""
    wanted = [row["expected"] for row in rows]
    alone = [answer for row in rows for answer in _answers(model, [row])]
    pairs = [*zip(_answers(model, rows), wanted, strict=True),
             *zip(alone, wanted, strict=True)]  # fmt: skip
    for call in calls:
        outputs = model.session.run(golden_rows.tensors(call["inputs"]))
        pairs.append(
            (golden_rows.numbered(outputs), golden_rows.numbered(call["outputs"]))
        )
    off = max((golden_rows.distance(*pair) for pair in pairs), default=0.0)
    least = SATURATING if "int8" in model.variant else _ROUNDING
    return round(max(least, 2 * off), 6)
