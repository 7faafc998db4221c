"""Noise for a privacy budget, by Google's dp-accounting.

Each round releases one mean of clipped updates with Gaussian noise. Rounds compose by
Renyi differential privacy (Mironov 2017). Sampling of clients is not counted in favour
of privacy, because Flower draws a fixed number of clients and not each by chance.
"""

from dataclasses import dataclass

from hotseat_train.errors import TrainError
from hotseat_train.federated.settings import Settings

_MOST_NOISE = 1e4


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget, and the noise that keeps it."""

    epsilon: float
    delta: float
    rounds: int
    clients: int
    """All of them."""
    sampled: int
    """Clients in a round."""
    noise_multiplier: float
    """Standard deviation of the noise on a sum of updates, in clipping norms."""


def budget(settings: Settings, clients: int) -> Budget | None:
    """Return the budget of a training, None without one.

    `delta` is by default a tenth of one by the number of clients. Raises `TrainError`
    if no noise keeps the budget.
    """
    if settings.epsilon is None:
        return None
    delta = settings.delta or 0.1 / clients
    if delta >= 1 / clients:
        raise TrainError(
            f"--delta {delta}: a mechanism that shows one of {clients} clients as it "
            f"is would keep this budget; expected less than {1 / clients:.2g}"
        )
    return Budget(
        settings.epsilon,
        delta,
        settings.rounds,
        clients,
        settings.sampled(clients),
        noise_multiplier(settings.epsilon, delta, settings.rounds),
    )


def noise_multiplier(epsilon: float, delta: float, rounds: int) -> float:
    """Return the least noise with which so many rounds keep the budget."""
    import dp_accounting  # absl's flags take a moment, and not every run needs them
    from dp_accounting import rdp

    try:
        found = dp_accounting.calibrate_dp_mechanism(
            rdp.RdpAccountant,
            lambda noise: dp_accounting.SelfComposedDpEvent(
                dp_accounting.GaussianDpEvent(noise), rounds
            ),
            epsilon,
            delta,
            dp_accounting.ExplicitBracketInterval(1e-2, _MOST_NOISE),
        )
    except dp_accounting.NoBracketIntervalFoundError:
        raise TrainError(
            f"no noise keeps epsilon {epsilon} at delta {delta} over {rounds} rounds"
        ) from None
    return float(found)
