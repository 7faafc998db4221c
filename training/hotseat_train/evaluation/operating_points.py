"""Operating points of a classification, chosen on validation rows.

The score is the sum of some labels' probabilities, calibrated by logistic regression on
its log odds (Platt 1999). An operating point is the lowest threshold at which the share
of neutral validation rows that are flagged is not above a rate. With a conversation,
the log odds of the earlier lines are a second column of another logistic regression.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from hotseat_registry.decision import (
    Conversation,
    Decision,
    OperatingPoint,
    ScriptDecision,
)
from hotseat_serve.kinds.decisions import log_odds

Array = np.ndarray[Any, Any]
Answers = Sequence[Mapping[str, Any]]
RATES: Mapping[str, float] = {
    "one_in_100": 0.01, "one_in_1000": 0.001, "one_in_20": 0.05,
}  # fmt: skip
"""Names of operating points, the default first, and the share of neutral rows that each
flags."""
_DIGITS = 6


def odds(labels: Sequence[str], answers: Answers) -> Array:
    """Return the log odds of the labels' sum [rows]."""
    plain = Decision(tuple(labels), {"none": OperatingPoint(1.0, 0.0)}, "none")
    return np.array([log_odds(plain, answer) for answer in answers])


def choose(
    labels: Sequence[str],
    own: Array,
    positive: Array,
    neutral: Array,
    context: Array | None = None,
    scripts: Mapping[str, Array] | None = None,
) -> Decision:
    """Return the decision whose operating points have the rates of `RATES`.

    `own` are log odds [rows]; `positive` and `neutral` say which rows count as such.
    `scripts` say which rows are of a script; each is calibrated and has its thresholds
    by itself, and so have all other rows. `context` [rows, 3] are rows of
    conversations: log odds of a line, the highest of its earlier lines, and 1 for a
    positive line. The context counts only if it lowers the log loss of these rows by
    more than chance (two standard errors); otherwise its weight is 0, so that calm
    lines before it excuse none.
    """
    rest = np.ones(len(own), bool)
    found = {}
    for name, rows in (scripts or {}).items():
        found[name] = ScriptDecision(*_part(own[rows], positive[rows], neutral[rows]))
        rest &= ~rows
    points, offset, scale = _part(own[rest], positive[rest], neutral[rest])
    conversation = None
    if context is not None and len(context):
        conversation = _conversation(context, offset, scale)
    return Decision(
        tuple(labels), points, next(iter(points)), offset, scale, conversation,
        found or None,
    )  # fmt: skip


def _part(
    own: Array, positive: Array, neutral: Array
) -> tuple[dict[str, OperatingPoint], float, float]:
    """Return the operating points, the offset and the scale of some rows."""
    offset, scale = _fitted(own[:, None], positive)
    calibrated = 1 / (1 + np.exp(-(offset + scale * own)))
    points = {
        name: OperatingPoint(threshold(calibrated[neutral], rate), rate)
        for name, rate in RATES.items()
    }
    return points, offset, scale


def _conversation(rows: Array, offset: float, scale: float) -> Conversation:
    """Return the rule for a line with a context; without a gain, that of the line."""
    truth = rows[:, 2] > 0
    losses = []
    for columns in (rows[:, :1], rows[:, :2]):
        fitted = _fitted(columns, truth)
        odds = fitted[0] + columns @ np.array(fitted[1:])
        losses.append(np.logaddexp(0, np.where(truth, -odds, odds)))
    gain = losses[0] - losses[1]
    if gain.mean() <= 2 * gain.std() / math.sqrt(len(gain)):
        return Conversation(offset, scale, 0.0)
    return Conversation(fitted[0], fitted[1], fitted[2])


def threshold(neutral: Array, rate: float) -> float:
    """Return the lowest threshold that at most `rate` of these scores reach."""
    falling = -np.sort(-neutral)
    allowed = math.floor(rate * len(falling))
    if allowed >= len(falling):
        return 0.0
    return float(min(1.0, round(np.nextafter(falling[allowed], 2.0) + 1e-6, _DIGITS)))


def _fitted(columns: Array, positive: Array) -> list[float]:
    """Return offset and weights of a logistic regression."""
    model = LogisticRegression(C=1e3, max_iter=1000).fit(columns, positive)
    found = [float(model.intercept_[0]), *map(float, model.coef_[0])]
    return [round(value, _DIGITS) for value in found]
