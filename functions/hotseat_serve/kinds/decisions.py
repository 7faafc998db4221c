"""Decide which rows are flagged, by an operating point of the version.

Offline models in the SDK for Python do the same; `tests/contract/sdk` compares them.
"""

from collections.abc import Mapping, Sequence
from math import comb, exp, isnan, log
from typing import Any

from hotseat_registry.decision import Conversation, Decision, OperatingPoint
from hotseat_serve.codec.conversations import Conversations
from hotseat_serve.wording import invalid, listed, quoted

Answer = Mapping[str, Any]
_LEAST = 1e-7
"""Probabilities nearer to 0 or 1 count as this near: float32 has no more digits."""


def operating_point(
    decision: Decision | None, name: str | None
) -> tuple[str, OperatingPoint] | None:
    """Return the requested operating point, or the default one, with its name.

    None without a decision. Raises `Problem` for a name that the version does not have.
    """
    points = decision.operating_points if decision is not None else {}
    if name is not None and name not in points:
        known = (
            f"the operating points are {listed(list(points))}"
            if points
            else "the model has none"
        )
        raise invalid(
            f"no operating point {quoted(name)}; {known}", "/options/operating_point"
        )
    if decision is None:
        return None
    name = name or decision.default
    return name, points[name]


def decided(
    decision: Decision,
    chosen: tuple[str, OperatingPoint],
    answers: Sequence[Answer],
    earlier: tuple[Conversations, Sequence[Answer]] | None,
) -> list[dict[str, Any]]:
    """Return the answers with their decisions.

    `earlier` are the earlier lines, and the answers to these lines.
    """
    name, point = chosen
    found = []
    for row, answer in enumerate(answers):
        context = history = None
        if earlier is not None and decision.conversation is not None:
            lines, judged = earlier
            if (numbers := lines.context[row]) is not None:
                context = [log_odds(decision, judged[at]) for at in numbers]
            if (numbers := lines.history[row]) is not None:
                history = [judged[at] for at in numbers]
        score = _score(decision, answer, context)
        fields: dict[str, Any] = {
            "operating_point": name,
            "score": score,
            "threshold": point.threshold,
            "flagged": score >= point.threshold,
        }
        if context is not None:
            fields["context_lines"] = len(context)
        new = {**answer, "decision": fields}
        if history is not None and decision.conversation is not None:
            new["player"] = _player(
                decision, decision.conversation, point, [*history, answer]
            )
        if category := _category(answer, flagged=fields["flagged"]):
            new["category"] = category
        found.append(new)
    return found


def log_odds(decision: Decision, answer: Answer) -> float:
    """Return the log odds of the decision's labels, before their calibration."""
    total = sum(float(answer["scores"][label] or 0.0) for label in decision.labels)
    if isnan(total):  # such a row is flagged: it stays visible
        total = 1.0
    total = min(max(total, _LEAST), 1 - _LEAST)
    return log(total / (1 - total))


def _score(
    decision: Decision, answer: Answer, context: Sequence[float] | None
) -> float:
    own, rule = log_odds(decision, answer), decision.conversation
    if context and rule is not None:
        return _sigmoid(rule.offset + rule.scale * own + rule.weight * max(context))
    return _sigmoid(decision.offset + decision.scale * own)


def _player(
    decision: Decision,
    rule: Conversation,
    point: OperatingPoint,
    answers: Sequence[Answer],
) -> dict[str, Any]:
    """Return the answer about a player, from the last lines and the present one.

    A binomial test: the probability of so many flagged lines, or more, if all were
    neutral and flagged by mistake at the operating point's rate.
    """
    scores = [_score(decision, answer, None) for answer in answers]
    flagged = sum(score >= point.threshold for score in scores)
    chance = _at_least(flagged, len(scores), point.false_positive_rate)
    return {
        "lines": len(scores),
        "flagged": flagged,
        "probability_if_neutral": chance,
        "review": flagged > 0 and chance <= rule.review,
    }


def _at_least(hits: int, rows: int, rate: float) -> float:
    """Return the probability of `hits` or more of `rows`, each with this rate."""
    fewer = sum(
        comb(rows, count) * rate**count * (1 - rate) ** (rows - count)
        for count in range(hits)
    )
    return max(0.0, 1 - fewer)


def _category(answer: Answer, *, flagged: bool) -> str | None:
    """Return the most probable category of a row that is flagged or belongs to one."""
    categories: Mapping[str, float] = answer.get("categories") or {}
    if not categories or not (flagged or sum(categories.values()) > 0.5):
        return None
    return max(categories, key=categories.__getitem__)


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))
