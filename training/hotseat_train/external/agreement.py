"""How far a variant's answers agree with the first one's, and with true answers."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_train.evaluation.paired_bootstrap import Array, paired, wilson
from hotseat_train.external.errors import UnclearError

Answer = Mapping[str, Any]
_CHOICES = ("label", "labels", "action")
"""Fields of an answer that hold a choice, which is equal or not."""
_NUMBERS = ("value", "embedding", "outputs")


def compare(
    answers: Sequence[Answer],
    first: Sequence[Answer],
    targets: Sequence[Any] | None,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return a variant's metrics against the first variant's answers.

    ``agreement`` is the share of inputs with the same choice as the first variant's;
    for numbers, 1 minus the relative difference (L2) of an answer, at least 0. With
    `targets`, ``accuracy`` is the share of right choices (of several labels: the mean
    share of right ones), ``mae`` the mean absolute error. ``quality_drop`` is the drop
    of the accuracy, else of the agreement, with a 95 % interval. Raises `UnclearError`
    for targets that do not fit.
    """
    rows = len(answers)
    agreed = np.array([_agreement(*pair) for pair in zip(answers, first, strict=True)])
    low, high = wilson(float(agreed.sum()), rows)
    metrics: dict[str, Any] = {
        "rows": rows,
        "agreement": round(float(agreed.mean()), 5),
        "agreement_interval": [round(max(0.0, low), 5), round(min(1.0, high), 5)],
        "quality_drop": round(1 - float(agreed.mean()), 5),
        "quality_drop_interval": [round(1 - high, 5), round(1 - low, 5)],
    }
    if targets is None:
        return metrics
    if "value" in first[0]:
        return {**metrics, "mae": _error(answers, targets)}
    right, had = (_right(some, targets, labels) for some in (answers, first))
    low, high = wilson(float(right.sum()), rows)
    return {
        **metrics,
        "accuracy": round(float(right.mean()), 5),
        "interval": [round(low, 5), round(high, 5)],
        **paired(had, right),
    }


def _agreement(answer: Answer, first: Answer) -> float:
    for name in _CHOICES:
        if name in first:
            return float(answer[name] == first[name])
    mine, texts = _flat({name: answer[name] for name in _NUMBERS if name in answer})
    wanted, same_texts = _flat(
        {name: first[name] for name in _NUMBERS if name in first}
    )
    if mine.shape != wanted.shape or texts != same_texts:
        return 0.0
    same = (mine == wanted) | (np.isnan(mine) & np.isnan(wanted))
    difference = float(np.linalg.norm(np.where(same, 0.0, mine - wanted)))
    norm = float(np.linalg.norm(np.nan_to_num(wanted)))
    if not np.isfinite(difference):
        return 0.0
    return max(0.0, 1 - difference / norm) if norm else float(difference == 0)


def _flat(value: Any) -> tuple[Array, list[str]]:
    """Return the numbers of an answer, and its texts, in a fixed order."""
    numbers: list[float] = []
    texts: list[str] = []
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, Mapping):
            rest.extend(one[name] for name in sorted(one))
        elif isinstance(one, list):
            rest.extend(one)
        elif isinstance(one, str):
            texts.append(one)
        else:
            numbers.append(float(one))
    return np.array(numbers, np.float64), texts


def _right(
    answers: Sequence[Answer], targets: Sequence[Any], labels: Sequence[str]
) -> Array:
    """Return how right each answer is, from 0 to 1."""
    if "labels" in answers[0]:
        wanted = [_several(target, labels) for target in targets]
        shares = [
            statistics.fmean((label in truth) == (label in answer["labels"])
                             for label in labels)
            for answer, truth in zip(answers, wanted, strict=True)
        ]  # fmt: skip
        return np.array(shares)
    name = next((name for name in ("label", "action") if name in answers[0]), None)
    if name is None:
        raise UnclearError(
            "--target is for models with labels, actions or a value; without it, the "
            "variants are compared with the original"
        )
    truths = [_label(target, labels) for target in targets]
    return np.array(
        [float(answer[name] == t) for answer, t in zip(answers, truths, strict=True)]
    )


def _several(target: Any, labels: Sequence[str]) -> set[str]:
    """Return the labels of a target: a list, or names between semicolons."""
    if isinstance(target, str):
        target = [name.strip() for name in target.split(";") if name.strip()]
    if not isinstance(target, list):
        target = [target]
    return {_label(one, labels) for one in target}


def _label(target: Any, labels: Sequence[str]) -> str:
    """Return a target as a label: its name, or its number from 0."""
    text = str(target).strip()
    if text in labels or not labels:
        return text
    try:
        at = int(float(text))
        if at == float(text) and 0 <= at < len(labels):
            return labels[at]
    except ValueError:
        pass
    known = ", ".join(labels[:8]) + (" ..." if len(labels) > 8 else "")
    raise UnclearError(f"the target {text[:80]!r} is none of the labels {known}")


def _error(answers: Sequence[Answer], targets: Sequence[Any]) -> float:
    """Return the mean absolute error."""
    try:
        wanted = np.array(targets, np.float64).reshape(len(targets), -1)
    except ValueError as error:
        raise UnclearError(f"a target is no number: {error}") from None
    found = np.array([answer["value"] for answer in answers]).reshape(len(answers), -1)
    if found.shape != wanted.shape:
        raise UnclearError(
            f"a target has {wanted.shape[1]} numbers, an answer {found.shape[1]}"
        )
    return float(f"{np.abs(found - wanted).mean():.6g}")
