"""The settings of a federated training."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from hotseat_train.errors import TrainError

STRATEGIES = ("fedavgm", "fedavg")


@dataclass(frozen=True, slots=True)
class Settings:
    """How clients train, and how the server averages what they send.

    `FedAvg` is of McMahan et al. (2017), `FedAvgM` of Hsu et al. (2019).
    """

    strategy: str = "fedavgm"
    rounds: int = 12
    local_epochs: int = 2
    """Passes of a client over its rows in a round."""
    learning_rate: float = 10.0
    """Of a client's gradient descent."""
    batch_size: int = 32
    server_momentum: float = 0.8
    """Share of the last round's step that is added to the next; 0 for fedavg."""
    server_learning_rate: float = 1.0
    fraction: float = 1.0
    """Of the clients that train in a round."""
    epsilon: float | None = None
    """Privacy budget of all rounds together; None: no noise."""
    delta: float | None = None
    """Probability with which the budget may not hold."""
    clip: float = 1.0
    """Largest norm of a client's update, where there is a budget."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `TrainError` for a setting out of its range."""
        if self.strategy not in STRATEGIES:
            raise TrainError(
                f"no strategy {self.strategy!r}: expected {' or '.join(STRATEGIES)}"
            )
        for name in ("rounds", "local_epochs", "batch_size"):
            _expect(name, "1 or more", holds=getattr(self, name) >= 1)
        above = ("learning_rate", "server_learning_rate", "clip")
        for name in (*above, *(("epsilon",) if self.epsilon is not None else ())):
            _expect(name, "a number above 0", holds=getattr(self, name) > 0)
        _expect("fraction", "above 0 and 1 at most", holds=0 < self.fraction <= 1)
        momentum = 0 <= self.server_momentum < 1
        _expect("server_momentum", "0 or more and below 1", holds=momentum)
        if self.delta is not None:
            _expect("delta", "between 0 and 1", holds=0 < self.delta < 1)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return stored settings."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})

    @property
    def momentum(self) -> float:
        """The server's momentum under the strategy."""
        return self.server_momentum if self.strategy == "fedavgm" else 0.0

    def sampled(self, clients: int) -> int:
        """Return how many clients train in a round."""
        return max(1, round(self.fraction * clients))

    def resumes(self, other: "Settings") -> bool:
        """Whether rounds by `other` may go on with these settings.

        More rounds may be added, unless the noise of a budget was made for their
        number.
        """
        same = self if self.epsilon is not None else replace(self, rounds=other.rounds)
        return same == other


def _expect(name: str, what: str, *, holds: bool) -> None:
    if not holds:  # NaN is refused, too
        raise TrainError(f"--{name.replace('_', '-')}: expected {what}")
