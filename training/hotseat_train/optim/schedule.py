"""Learning rate schedules: the factor of the rate at each step, from 0 to 1."""

import math
from collections.abc import Callable, Mapping

_WARM_UP = 100
"""Steps of the cosine schedule's warm-up."""
_LAST = 0.05
"""Factor at the end of the linear schedule."""


def constant(done: int, total: int) -> float:
    """Return 1."""
    del done, total
    return 1.0


def cosine(done: int, total: int) -> float:
    """Rise for a hundred steps, then fall to 0 as half a cosine."""
    fallen = math.cos(math.pi * done / total)
    return min(1.0, (done + 1) / _WARM_UP) * (1 + fallen) / 2


def linear(done: int, total: int) -> float:
    """Fall to a twentieth."""
    return 1 - (1 - _LAST) * done / total


SCHEDULES: Mapping[str, Callable[[int, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "linear": linear,
}
"""Schedules by their name in a plan."""
