"""A run of a maker: what is asked of its variants, and how good they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, Variant
from hotseat_serve.load import Loaded
from hotseat_serve.session import Session
from hotseat_train import tasks
from hotseat_train.data.dataset import Asked
from hotseat_train.evaluation import policy_generator_quality
from hotseat_train.evaluation.graph_calls import Tensors, heard
from hotseat_train.evaluation.paired_bootstrap import paired, wilson
from hotseat_train.reports import model_card
from hotseat_train.run import FP32, Run
from hotseat_train.tasks.self_trained import Maker

_TIMED = {"policy": 200, "generation": 24}
_GOLDEN = {"policy": 12, "generation": 2}
"""Rows; a generator's take as long as an item at each start."""
_SEEN = {"policy": 96, "generation": 8}
"""Of what is asked, for a static variant's ranges."""
_CALLS, _ROWS = 96, 8
"""Of the graph, that they are taken from, and rows of each."""


class Made:
    """What knows a maker's run; see `evaluate.Judge`."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.task: Maker = tasks.maker(record["task"])[0]
        self.signature = self.task.signature()
        self._asked = asked(self.task)
        self.timed: Asked = self._asked[: _TIMED[self.task.kind]]
        self.golden: Asked = self._asked[: _GOLDEN[self.task.kind]]

    def measure(
        self, models: Mapping[str, Loaded]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return each variant's metrics; curves there are none."""
        worths = policy_generator_quality.of(models, self._asked)
        first = next(iter(models))
        return {
            name: {
                "quality": round(float(items.mean()), 4),
                "interval": [
                    round(x, 4) for x in wilson(float(items.sum()), len(items))
                ],
                **(paired(worths[first], items) if name != first else {}),
                "rows": len(items),
                **self.task.measure(models[name]),
            }
            for name, items in worths.items()
        }, {}

    def card(self, manifest: Manifest) -> str:
        """Return the run's card."""
        return model_card.of_maker(
            manifest, self.task, policy_generator_quality.SAYS[self.task.kind]
        )


def asked(task: Maker) -> Asked:
    """Return what a game asks; wishes have their place as their seed."""
    seeded = task.kind == "generation"
    return [
        (given, {"seed": at} if seeded else {}) for at, given in enumerate(task.asked())
    ]


def calibration(source: Run) -> list[Tensors]:
    """Return what the run's graph is asked while it serves; raises `RunError`."""
    task, _ = tasks.maker(source.read()["task"])
    loaded = served(task, source.needs(source.model, "train"))
    return heard(loaded, asked(task)[: _SEEN[task.kind]], _CALLS, _ROWS)


def served(task: Maker, graph: Path) -> Loaded:
    """Return a graph of a task as the service has it, unmeasured."""
    manifest = Manifest(
        model=task.name,
        kind=task.kind,
        signature=task.signature(),
        variants=(Variant(FP32, graph.name),),
        default_variant=FP32,
    )
    return Loaded(manifest, FP32, Session(graph))
