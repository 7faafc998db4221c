"""A month of requests by the hours of a week, and its cold starts."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hotseat_infra.errors import DeploymentError

WEEK = 168
MONTH = 730
"""Hours of an average month."""
IDLE_S = 300
"""How long Lambda keeps an idle environment: assumed, AWS does not document it."""
LIFE_H = 2
"""How long it keeps a busy environment, in hours: assumed as well."""
_EVENING = (
    0.35, 0.25, 0.15, 0.10, 0.10, 0.10, 0.15, 0.25, 0.35, 0.45, 0.50, 0.60,
    0.70, 0.70, 0.80, 1.00, 1.30, 1.70, 2.10, 2.40, 2.40, 2.00, 1.30, 0.70,
)  # fmt: skip
SHAPES: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * WEEK,
    # players after school and work, more at weekends: an assumption to start with
    "evening": _EVENING * 5 + tuple(1.4 * weight for weight in _EVENING) * 2,
}


@dataclass(frozen=True, slots=True)
class Traffic:
    """A month of requests to one model.

    `shape` has a weight for each hour of a week, from Monday's first on.
    """

    requests: float
    shape: tuple[float, ...] = SHAPES["flat"]
    answer_bytes: float = 500.0

    def rates(self) -> list[float]:
        """Return requests a second in each hour of the week."""
        total_weight = sum(self.shape)
        weeks = MONTH / WEEK
        return [self.requests * w / total_weight / weeks / 3600 for w in self.shape]


def shape(text: str) -> tuple[float, ...]:
    """Return a shape by its name, or read it from a file.

    The file is a JSON list of 24 weights (the hours of a day) or 168 (a week from
    Monday on); requests an hour work as weights. Raises `DeploymentError`.
    """
    if text in SHAPES:
        return SHAPES[text]
    try:
        parsed = json.loads(Path(text).read_text("utf-8"))
        weights = tuple(float(weight) for weight in parsed)
    except (OSError, ValueError, TypeError) as error:
        raise DeploymentError(
            f"{text} is neither a file with a JSON list nor one of "
            f"{', '.join(SHAPES)}: {error}"
        ) from None
    if len(weights) == 24:
        weights *= 7
    finite = all(math.isfinite(weight) and weight >= 0 for weight in weights)
    if len(weights) != WEEK or not finite or not sum(weights):
        raise DeploymentError(
            f"{text}: expected 24 or 168 weights, none of them negative"
        )
    return weights


def environments(rate: float, seconds: float) -> float:
    """Return how many environments `rate` requests a second need.

    The average number of busy ones (Little's law), plus twice its root for variation.
    """
    busy = rate * seconds
    return max(1.0, busy + 2 * math.sqrt(busy)) if rate else 0.0


def cold_starts(
    rates: Sequence[float], seconds: float, provisioned: Sequence[float]
) -> float:
    """Return a month's cold starts; `provisioned` environments are warm in each hour.

    Requests arrive at random (Poisson). A request is cold after `IDLE_S` without one,
    if more environments are needed than in the hour before, and if an environment is at
    the end of its life. An estimate: AWS does not document the first and the last.
    """
    total = 0.0
    for hour, rate in enumerate(rates):
        requests = 3600 * rate
        needed = environments(rate, seconds)
        running = max(environments(rates[hour - 1], seconds), provisioned[hour])
        idle = math.exp(-rate * IDLE_S)
        after_idle = 0.0 if provisioned[hour] else requests * idle
        added = max(0.0, needed - running)
        replaced = max(0.0, needed - provisioned[hour]) * (1 - idle) / LIFE_H
        total += min(requests, after_idle + added + replaced)
    return total * MONTH / WEEK
