"""Operating points, context and history of offline models, as in the service.

The service's `kinds/decisions` and `codec/conversations` do the same.
"""

from collections.abc import Mapping, Sequence
from math import comb, exp, fsum, isnan, log
from typing import Any, NamedTuple

from hotseat._device.shared.scripts import script_of
from hotseat._device.wording import (
    bad,
    expected,
    inside,
    is_object,
    listed,
    quoted,
)

Json = Mapping[str, Any]
_LEAST = 1e-7
_FIELDS = {"context": ("lines", 8), "history": ("history", 32)}
"""Fields of an input, each with the rule's number of lines that count."""


class Earlier(NamedTuple):
    """Inputs without their earlier lines, and these lines, each once."""

    inputs: Sequence[Any]
    lines: Sequence[str]
    pointers: Sequence[str]
    numbers: Mapping[str, Sequence[Sequence[int] | None]]
    """By field, for each input the numbers of its lines; None: no such field."""


def operating_point(decision: Json | None, name: str | None) -> str | None:
    """Return the name of the operating point; raises `BadInputError`."""
    points = (decision or {}).get("operating_points") or {}
    if name is not None and name not in points:
        known = (
            f"the operating points are {listed(list(points))}"
            if points
            else "the model has none"
        )
        raise bad(
            f"no operating point {quoted(name)}; {known}", "/options/operating_point"
        )
    return name if decision is None else name or decision["default"]


def separated(
    decision: Json, inputs: Sequence[Any], pointers: Sequence[str]
) -> Earlier | None:
    """Separate earlier lines from the inputs; None if no input has any."""
    rule = decision.get("conversation")
    if rule is None or not any(
        is_object(given) and any(name in given for name in _FIELDS) for given in inputs
    ):
        return None
    numbers: dict[str, int] = {}
    places: list[str] = []
    left: list[Any] = []
    found: dict[str, list[list[int] | None]] = {name: [] for name in _FIELDS}
    for given, pointer in zip(inputs, pointers, strict=True):
        own = given if is_object(given) else {}
        left.append({k: own[k] for k in own if k not in _FIELDS} if own else given)
        for name, (key, usual) in _FIELDS.items():
            value = own.get(name)
            if value is None:
                found[name].append(None)
                continue
            row = []
            for line, where in _lines(value, inside(pointer, name)):
                row.append((line, where))
            kept = row[-(rule.get(key) or usual) :]
            for line, where in kept:
                if line not in numbers:
                    numbers[line] = len(places)
                    places.append(where)
            found[name].append([numbers[line] for line, _ in kept])
    return Earlier(left, [*numbers], places, found)


def decided(
    decision: Json,
    name: str,
    texts: Sequence[str],
    answers: Sequence[Json],
    earlier: Earlier | None,
    judged: Sequence[Json],
) -> list[dict[str, Any]]:
    """Return the texts' answers with their decisions; `judged` answer earlier lines."""
    found = []
    for row, answer in enumerate(answers):
        script, part = _part(decision, texts[row])
        point = part["operating_points"][name]
        lines = {
            field: None if earlier is None else earlier.numbers[field][row]
            for field in _FIELDS
        }
        context = lines["context"]
        if script and context is not None:
            context = []  # it was learned on the other rows
        odds = [_log_odds(decision, judged[at]) for at in context or ()]
        score = _score(decision, part, answer, odds)
        flagged = score >= point["threshold"]
        fields = {
            "operating_point": name,
            "score": score,
            "threshold": point["threshold"],
            "flagged": flagged,
        }
        if script:
            fields["script"] = script
        if context is not None:
            fields["context_lines"] = len(context)
        new = {**answer, "decision": fields}
        if earlier is not None and (history := lines["history"]) is not None:
            said = [(earlier.lines[at], judged[at]) for at in history]
            new["player"] = _player(decision, name, [*said, (texts[row], answer)])
        categories = answer.get("categories") or {}
        if categories and (flagged or sum(categories.values()) > 0.5):
            category = max(categories, key=categories.__getitem__)
            new["category"] = category
            if severity := decision.get("severity"):
                new["severity"] = severity[category]
        found.append(new)
    return found


def _part(decision: Json, text: str) -> tuple[str | None, Json]:
    """Return the text's script with what decides on its rows; or None, the rest's."""
    scripts = decision.get("scripts") or {}
    name = script_of(scripts, text)
    return name, scripts[name] if name else decision


def _lines(value: Any, pointer: str) -> list[tuple[str, str]]:
    if not isinstance(value, list):
        raise expected("a list of lines, oldest first,", pointer, value)
    found = []
    for at, line in enumerate(value):
        where = inside(pointer, str(at))
        if not isinstance(line, str):
            raise expected("a string", where, line)
        if line.strip():
            found.append((line, where))
    return found


def _log_odds(decision: Json, answer: Json) -> float:
    total = sum(float(answer["scores"][label] or 0.0) for label in decision["labels"])
    if isnan(total):  # such a row is flagged: it stays visible
        total = 1.0
    total = min(max(total, _LEAST), 1 - _LEAST)
    return log(total / (1 - total))


def _score(decision: Json, part: Json, answer: Json, context: Sequence[float]) -> float:
    own, rule = _log_odds(decision, answer), decision.get("conversation")
    if context and rule is not None:
        return _sigmoid(
            rule["offset"] + rule["scale"] * own + rule["weight"] * max(context)
        )
    return _sigmoid(part.get("offset", 0.0) + part.get("scale", 1.0) * own)


def _player(
    decision: Json, name: str, lines: Sequence[tuple[str, Json]]
) -> dict[str, Any]:
    flagged, rates = 0, []
    for text, answer in lines:
        _, part = _part(decision, text)
        point = part["operating_points"][name]
        flagged += _score(decision, part, answer, ()) >= point["threshold"]
        rates.append(point["false_positive_rate"])
    rows = len(lines)
    rate = fsum(rates) / rows
    fewer = sum(
        comb(rows, count) * rate**count * (1 - rate) ** (rows - count)
        for count in range(flagged)
    )
    chance = max(0.0, 1 - fewer)
    review = (decision["conversation"] or {}).get("review", 0.01)
    return {
        "lines": rows,
        "flagged": flagged,
        "probability_if_neutral": chance,
        "review": flagged > 0 and chance <= review,
    }


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))
