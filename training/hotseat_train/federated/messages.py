"""What server and clients of a federated training say to each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hotseat_train.federated.local_training import Update, Weights
from hotseat_train.federated.settings import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """What the server asks of a client in a round."""

    client: int
    round_number: int
    weights: Weights
    settings: Settings
    node: Mapping[str, Any]
    """What the client's machine says of itself: where its rows are."""
    run: Mapping[str, Any]
    """What the server says of the training."""


TrainClient = Callable[[Order], Update]
Report = Callable[["Round"], None]


@dataclass(frozen=True, slots=True)
class Round:
    """What the server holds after a round."""

    number: int
    weights: Weights
    momentum: Sequence[torch.Tensor]
    """The strategy's own state; empty without momentum."""
    loss: float
    """Of the clients, on their own rows, weighted as their updates."""
    epsilon: float | None
    """Spent by now; None without noise."""
