"""Evaluation without labels: moves are scored by search, levels by their rules."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, Signature, Variant
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.data.dataset import Requests
from hotseat_train.evaluation import policy_generator_quality
from hotseat_train.evaluation.paired_bootstrap import paired, wilson
from hotseat_train.run import FP32

_TIMED = {"policy": 200, "generation": 24}
_GOLDEN = {"policy": 12, "generation": 2}
"""Rows; a generator generates an item for each of them at every start."""


class UnlabelledEvaluator:
    """Scores the answers of variants to the same inputs; see `Evaluator`.

    `inputs` are requests of a game, with their options; `measure_more` returns further
    metrics for the card.
    """

    def __init__(
        self,
        kind: str,
        signature: Signature,
        inputs: Requests,
        measure_more: Callable[[LoadedModel], Mapping[str, Any]],
    ) -> None:
        self.signature = signature
        self._inputs, self._measure_more = inputs, measure_more
        self.timed: Requests = inputs[: _TIMED[kind]]
        self.golden: Requests = inputs[: _GOLDEN[kind]]

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return each variant's metrics; there are no curves."""
        scores = policy_generator_quality.of(models, self._inputs)
        first = next(iter(models))
        return {
            name: {
                "quality": round(float(items.mean()), 4),
                "interval": [
                    round(x, 4) for x in wilson(float(items.sum()), len(items))
                ],
                **(paired(scores[first], items) if name != first else {}),
                "rows": len(items),
                **self._measure_more(models[name]),
            }
            for name, items in scores.items()
        }, {}


def loaded(name: str, kind: str, signature: Signature, graph: Path) -> LoadedModel:
    """Return a graph loaded as in the service, without measurements."""
    manifest = Manifest(
        model=name,
        kind=kind,
        signature=signature,
        variants=(Variant(FP32, graph.name),),
        default_variant=FP32,
    )
    return LoadedModel(manifest, FP32, Session(graph))
