"""A month of requests by the hours of a week, and how many meet a cold start."""

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
"""How long Lambda keeps what nobody asks: assumed, as AWS does not say."""
LIFE_H = 2
"""How long it keeps what is asked: assumed too."""
_EVENING = (
    0.35, 0.25, 0.15, 0.10, 0.10, 0.10, 0.15, 0.25, 0.35, 0.45, 0.50, 0.60,
    0.70, 0.70, 0.80, 1.00, 1.30, 1.70, 2.10, 2.40, 2.40, 2.00, 1.30, 0.70,
)  # fmt: skip
SHAPES: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * WEEK,
    # players after school and work, more on Saturday and Sunday: made up, to start with
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
        whole = sum(self.shape)
        weeks = MONTH / WEEK
        return [self.requests * w / whole / weeks / 3600 for w in self.shape]


def shape(text: str) -> tuple[float, ...]:
    """Return a shape by its name, or as a file has it.

    The file is a JSON list of 24 weights, a day's hours, or 168, a week's from Monday
    on: an hour's requests do. Raises `DeploymentError`.
    """
    if text in SHAPES:
        return SHAPES[text]
    try:
        given = json.loads(Path(text).read_text("utf-8"))
        weights = tuple(float(weight) for weight in given)
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
            f"{text}: 24 or 168 weights are needed, none of them negative"
        )
    return weights


def environments(rate: float, seconds: float) -> float:
    """Return how many environments `rate` requests a second need.

    As many as are busy on average (Little's law) and twice its root for chance.
    """
    busy = rate * seconds
    return max(1.0, busy + 2 * math.sqrt(busy)) if rate else 0.0


def cold_starts(rates: Sequence[float], seconds: float, kept: Sequence[float]) -> float:
    """Return a month's cold starts, where `kept` environments are warm in each hour.

    Requests come by chance (Poisson): one is cold when nobody asked for `IDLE_S`, when
    more environments are needed than the hour before had, and when one reached the end
    of its life. An estimate: AWS says nothing of the first and the last.
    """
    total = 0.0
    for hour, rate in enumerate(rates):
        asked = 3600 * rate
        needed = environments(rate, seconds)
        there = max(environments(rates[hour - 1], seconds), kept[hour])
        alone = math.exp(-rate * IDLE_S)
        gone = 0.0 if kept[hour] else asked * alone
        grown = max(0.0, needed - there)
        aged = max(0.0, needed - kept[hour]) * (1 - alone) / LIFE_H
        total += min(asked, gone + grown + aged)
    return total * MONTH / WEEK
