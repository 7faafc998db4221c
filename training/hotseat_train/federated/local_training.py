"""What a client does in a round: gradient descent on its own rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from hotseat_train.data.dataset import Split
from hotseat_train.federated.settings import Settings
from hotseat_train.optim import loop
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.plan import Plan
from hotseat_train.optim.supervised import Array, Rows

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Update:
    """What a client sends: its weights, its number of rows, its loss."""

    weights: Weights
    rows: int
    loss: float


class Client(loop.Objective[Array]):
    """A client's encoded rows; `update` trains a model on them."""

    def __init__(self, learner: GradientLearner, rows: Split) -> None:
        self._rows: Rows = learner.encode(rows.inputs)
        self._targets = torch.tensor(rows.targets)
        self._size = 1

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._targets)

    def update(
        self, module: torch.nn.Module, settings: Settings, round_number: int, name: int
    ) -> Update:
        """Train `module`, which has the server's weights, for the local epochs.

        The order of rows depends on seed, round and `name`, so that a round that is
        repeated gives the same weights.
        """
        self._size = settings.batch_size
        plan = Plan(
            "sgd",
            settings.learning_rate,
            batch_size=settings.batch_size,
            max_epochs=settings.local_epochs,
            tolerance=0.0,
            seed=int(np.random.SeedSequence(
                [settings.seed, round_number, name]).generate_state(1)[0]),
        )  # fmt: skip
        torch.manual_seed(plan.seed)  # of dropout
        state = loop.train(module, self, plan)
        weights = {key: value.clone() for key, value in module.state_dict().items()}
        return Update(weights, len(self), state.curve[-1].train_loss)

    def batches(
        self, epoch: int, module: torch.nn.Module, random: np.random.Generator
    ) -> Iterator[Array]:
        """Return the rows in a random order; see `Objective`."""
        del epoch, module
        order = random.permutation(len(self))
        for start in range(0, len(order), self._size):
            yield order[start : start + self._size]

    def loss(self, module: torch.nn.Module, batch: Array) -> tuple[torch.Tensor, int]:
        """Return the mean cross-entropy of some rows; see `Objective`."""
        logits = module(*self._rows.take(batch))
        return cross_entropy(logits, self._targets[batch]), len(batch)
