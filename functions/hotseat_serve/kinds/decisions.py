"""Decide which rows are flagged, by an operating point of the version.

Offline models in the SDK for Python do the same; `tests/contract/sdk` compares them.
"""

from collections.abc import Mapping, Sequence
from math import comb, exp, fsum, isnan, log
from typing import Any, NamedTuple

from hotseat_registry.decision import (
    Conversation,
    Decision,
    OperatingPoint,
    ScriptDecision,
)
from hotseat_registry.scripts import script_of
from hotseat_serve.codec.conversations import Conversations
from hotseat_serve.wording import invalid, listed, quoted

Answer = Mapping[str, Any]
_LEAST = 1e-7
"""Probabilities nearer to 0 or 1 count as this near: float32 has no more digits."""


class _Rule(NamedTuple):
    """What decides on one row."""

    part: Decision | ScriptDecision
    point: OperatingPoint
    script: str | None
    """None: the row has no script of its own rule."""


def operating_point(decision: Decision | None, name: str | None) -> str | None:
    """Return the name of the requested operating point, or the default one.

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
    return name or decision.default


def decided(
    decision: Decision,
    name: str,
    texts: Sequence[str],
    answers: Sequence[Answer],
    earlier: tuple[Conversations, Sequence[Answer]] | None,
) -> list[dict[str, Any]]:
    """Return the answers to the texts with their decisions.

    `name` is the operating point's; `earlier` are the earlier lines, and the answers to
    these lines.
    """
    found = []
    for row, answer in enumerate(answers):
        rule = _rule(decision, name, texts[row])
        context = history = None
        if earlier is not None and decision.conversation is not None:
            lines, judged = earlier
            if (numbers := lines.context[row]) is not None:
                # it was learned on the other rows
                context = [] if rule.script else [judged[at] for at in numbers]
            if (numbers := lines.history[row]) is not None:
                history = [(lines.lines[at], judged[at]) for at in numbers]
        score = _score(decision, rule, answer, context)
        fields: dict[str, Any] = {
            "operating_point": name,
            "score": score,
            "threshold": rule.point.threshold,
            "flagged": score >= rule.point.threshold,
        }
        if rule.script:
            fields["script"] = rule.script
        if context is not None:
            fields["context_lines"] = len(context)
        new = {**answer, "decision": fields}
        if history is not None and decision.conversation is not None:
            lines_of_player = [*history, (texts[row], answer)]
            new["player"] = _player(
                decision, decision.conversation, name, lines_of_player
            )
        if category := _category(answer, flagged=fields["flagged"]):
            new["category"] = category
            if decision.severity is not None:
                new["severity"] = decision.severity[category]
        found.append(new)
    return found


def _rule(decision: Decision, name: str, text: str) -> _Rule:
    scripts = decision.scripts or {}
    script = script_of(scripts, text)
    part = scripts[script] if script else decision
    return _Rule(part, part.operating_points[name], script)


def log_odds(decision: Decision, answer: Answer) -> float:
    """Return the log odds of the decision's labels, before their calibration."""
    total = sum(float(answer["scores"][label] or 0.0) for label in decision.labels)
    if isnan(total):  # such a row is flagged: it stays visible
        total = 1.0
    total = min(max(total, _LEAST), 1 - _LEAST)
    return log(total / (1 - total))


def _score(
    decision: Decision, rule: _Rule, answer: Answer, context: Sequence[Answer] | None
) -> float:
    own, lines = log_odds(decision, answer), decision.conversation
    if context and lines is not None:
        highest = max(log_odds(decision, judged) for judged in context)
        return _sigmoid(lines.offset + lines.scale * own + lines.weight * highest)
    return _sigmoid(rule.part.offset + rule.part.scale * own)


def _player(
    decision: Decision,
    conversation: Conversation,
    name: str,
    lines: Sequence[tuple[str, Answer]],
) -> dict[str, Any]:
    """Return the answer about a player, from the last lines and the present one.

    A binomial test: the probability of so many flagged lines, or more, if all were
    neutral and flagged by mistake at the operating point's rate. Where scripts have
    different rates it is their mean, which does not understate the probability of many
    flagged lines (Hoeffding 1956).
    """
    rules = [_rule(decision, name, text) for text, _ in lines]
    flagged = sum(
        _score(decision, rule, answer, None) >= rule.point.threshold
        for rule, (_, answer) in zip(rules, lines, strict=True)
    )
    rate = fsum(rule.point.false_positive_rate for rule in rules) / len(rules)
    chance = _at_least(flagged, len(rules), rate)
    return {
        "lines": len(rules),
        "flagged": flagged,
        "probability_if_neutral": chance,
        "review": flagged > 0 and chance <= conversation.review,
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
