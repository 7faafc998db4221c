"""Who trains on the encoded rows: this process, or workers of a Ray cluster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hotseat_train.models.tables.streamed import trees
from hotseat_train.models.tables.streamed.trees import Data, Fitted
from hotseat_train.optim.loop import Epoch

Report = Callable[[Epoch], None]


class Engine(Protocol):
    """Trains trees on the parts of a split."""

    def fit(
        self,
        data: Data,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
        *,
        report: Report = lambda _epoch: None,
    ) -> Fitted:
        """Train; raises `TrainError`."""


@dataclass(frozen=True, slots=True)
class Here:
    """This process, with so many threads."""

    threads: int

    def fit(
        self,
        data: Data,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
        *,
        report: Report = lambda _epoch: None,
    ) -> Fitted:
        """See `Engine.fit`."""
        return trees.fit(data, labels, seed, self.threads, settings, report=report)
