"""Evaluation with labels: the answers of variants against the test split's labels.

Quality is on the test split alone, with a 95 % Wilson interval (Wilson 1927).
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from hotseat_registry import Signature
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Dataset, Requests, Split
from hotseat_train.evaluation import (
    behaviour_results,
    calibration_error,
    parity,
    robustness,
    simplest_rule,
)
from hotseat_train.evaluation.behaviour import Suite
from hotseat_train.evaluation.paired_bootstrap import Z, drops, wilson
from hotseat_train.evaluation.threshold import Threshold
from hotseat_train.evaluation.word_list import WordList
from hotseat_train.run import FP32

Array = np.ndarray[Any, Any]
Further = Callable[
    [Sequence[Mapping[str, Any]], Sequence[int], Sequence[str]], dict[str, Any]
]
"""Returns further metrics of answers, from the true labels' numbers and the labels."""

_TIMED_ROWS = 200
_GOLDEN_ROWS = 16
_BATCH = 256
_EQUAL = 1e-3
"""Maximum difference of scores that counts as float rounding."""


class SupervisedEvaluator:
    """Measures variants on the labelled rows of the test split; see `Evaluator`.

    `answers` are the trained model's on the first validation rows (see `parity`); none
    in runs of earlier releases. `group` names
    the group of a row whose quality is reported separately. `golden` are inputs for the
    golden rows if those of the test split must not be published. `obfuscated` spells
    texts as players do to evade a filter. `cost` is what a missed row of the rarer
    label costs, in false alarms; see `Threshold`. `further` returns further metrics.
    `behaviour` are behaviour tests, and `curves` lists their errors, masked;
    `yardsticks` are those of others by name, which no gate looks at.
    """

    def __init__(
        self,
        dataset: Dataset,
        signature: Signature,
        answers: Sequence[Sequence[float]],
        *,
        group: Callable[[Any], str] | None = None,
        golden: Sequence[Any] | None = None,
        obfuscated: Callable[[Sequence[Any]], tuple[Any, ...]] | None = None,
        cost: float | None = None,
        further: Further = lambda _answers, _truth, _labels: {},
        behaviour: Suite | None = None,
        yardsticks: Mapping[str, Suite] = {},
    ) -> None:
        self.signature = signature
        self._dataset, self._model_answers = dataset, answers
        self._group, self._obfuscated, self._cost = group, obfuscated, cost
        self._further, self._behaviour = further, behaviour
        self._yardsticks = yardsticks
        inputs = dataset.test.inputs
        self.timed: Requests = [(given, {}) for given in inputs[:_TIMED_ROWS]]
        rows = sorted(golden or inputs, key=lambda given: len(str(given)))
        spread = rows[:: max(1, len(rows) // _GOLDEN_ROWS)][:_GOLDEN_ROWS]
        self.golden: Requests = [(given, {}) for given in spread]

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return each variant's metrics, and the curves that `compare` draws.

        Raises `ParityError`.
        """
        dataset, test = self._dataset, self._dataset.test
        exact: dict[str, Any] = {}
        if FP32 in models:
            off = parity.check(models[FP32], dataset.validation, self._model_answers)
            exact = {} if off is None else {"parity_difference": round(off, 6)}
        rows = test.digest()
        listed = simplest_rule.word_list(dataset.train)
        found = simplest_rule.accuracies(dataset.train, test, listed)
        rules: dict[str, Any] = {"simplest_rules": found} if found else {}
        if listed:
            rules["word_list_words"] = len(listed.words)
        cut = self._threshold(next(iter(models.values())))
        if cut and self._cost is not None:  # what a miss costs decides the answers
            at = cut.of_second(dataset.labels)
            self.signature = replace(self.signature, label_threshold=at)
            for model in models.values():
                model.manifest = replace(model.manifest, signature=self.signature)
        answers = {name: predict(model, test.inputs) for name, model in models.items()}
        true = [dataset.labels[target] for target in test.targets]
        behaved, errors = self._behaved(models, listed)
        metrics = {
            name: {
                **quality(given, test, dataset.labels),
                **rules,
                **(cut.measure(given, true) if cut else {}),
                **self._further(given, test.targets, dataset.labels),
                **self._by_group(given),
                **self._on_obfuscated(models[name]),
                **behaved.get(name, {}),
                **_corrupted(models[name], dataset),
                **_lost(answers, name, dataset),
                **(exact if name == FP32 else {}),
                "test_sha256": rows,
            }
            for name, given in answers.items()
        }
        return metrics, {
            name: {
                **calibration_error.curves(given, true, dataset.labels),
                **errors.get(name, {}),
            }
            for name, given in answers.items()
        }

    def _behaved(
        self, models: Mapping[str, LoadedModel], listed: WordList | None
    ) -> tuple[behaviour_results.Results, behaviour_results.Results]:
        """Return the results of behaviour tests and their errors, by variant."""
        if (suite := self._behaviour) is None:
            return {}, {}
        found, errors = behaviour_results.measure(
            models, suite, self._yardsticks, predict
        )
        if listed is not None:
            rule = behaviour_results.of_word_list(suite, listed, self._dataset.labels)
            for metrics in found.values():
                metrics["behaviour"]["word_list"] = rule
        return found, errors

    def _threshold(self, first: LoadedModel) -> Threshold | None:
        """Return the threshold for the rarer of two labels; None for more labels."""
        dataset = self._dataset
        if len(dataset.labels) != 2:
            return None
        validation = dataset.validation
        counts = [validation.targets.count(label) for label in (0, 1)]
        rare = counts.index(min(counts))
        return Threshold.chosen(
            dataset.labels[rare], predict(first, validation.inputs),
            [dataset.labels[target] for target in validation.targets], self._cost,
        )  # fmt: skip

    def _by_group(self, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the quality of each group of rows, where the task has groups."""
        if self._group is None:
            return {}
        dataset, test = self._dataset, self._dataset.test
        rows: dict[str, list[int]] = {}
        for at, value in enumerate(test.inputs):
            rows.setdefault(self._group(value), []).append(at)
        return {
            "by": {
                name: quality(
                    [answers[i] for i in part], test.pick(part), dataset.labels
                )
                for name, part in sorted(rows.items())
            }
        }

    def _on_obfuscated(self, model: LoadedModel) -> dict[str, Any]:
        """Return accuracy and macro F1 on obfuscated texts."""
        if self._obfuscated is None:
            return {}
        # groups are those of the original rows: obfuscation may hide them
        dataset = self._dataset
        test = replace(dataset.test, inputs=self._obfuscated(dataset.test.inputs))
        answers = predict(model, test.inputs)
        found = quality(answers, test, dataset.labels)
        by = self._by_group(answers).get("by", {})
        shown = ("accuracy", "macro_f1")
        return {
            "obfuscated": {
                **{name: found[name] for name in shown},
                "by": {
                    key: {name: part[name] for name in shown}
                    for key, part in by.items()
                },
            }
        }


def predict(model: LoadedModel, inputs: Sequence[Any]) -> list[dict[str, Any]]:
    """Predict all inputs in batches of similar length."""
    order = sorted(range(len(inputs)), key=lambda i: len(str(inputs[i])))
    answers: list[dict[str, Any]] = [{}] * len(inputs)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        for row, answer in zip(
            rows, model.predict([inputs[i] for i in rows]), strict=True
        ):
            answers[row] = answer
    return answers


def quality(
    answers: Sequence[Mapping[str, Any]], test: Split, labels: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy with its interval, macro F1 and the number of rows.

    `recall_at_1_percent`: of each label's rows, the share whose score is above all but
    1 % of the other rows' scores.
    """
    predicted = [answer["label"] for answer in answers]
    true = [labels[target] for target in test.targets]
    right = sum(a == b for a, b in zip(predicted, true, strict=True))
    # of the labels that occur: one language may have fewer
    scores = {label: _f1(predicted, true, label) for label in labels if label in true}
    last = labels[-1]
    ranked = len(labels) == 2 and 0 < true.count(last) < len(true)
    return {
        "accuracy": round(right / len(true), 4),
        "interval": [round(bound, 4) for bound in wilson(right, len(true))],
        "macro_f1": round(statistics.fmean(scores.values()), 4),
        "f1": {label: round(score, 4) for label, score in scores.items()},
        "recall_at_1_percent": {
            label: round(
                _recall(
                    [a["scores"][label] for a in answers], [t == label for t in true]
                ),
                4,
            )
            for label in scores
        },
        **(_ranking(answers, [t == last for t in true], last) if ranked else {}),
        **calibration_error.measure(answers, true, labels),
        "rows": len(true),
    }


def _corrupted(model: LoadedModel, dataset: Dataset) -> dict[str, Any]:
    """Return the quality on corrupted rows."""
    test = dataset.test
    ways = robustness.corrupted(model.manifest.signature, test.inputs)
    shown = ("accuracy", "macro_f1", "roc_auc")
    found = {
        way: quality(predict(model, rows), test, dataset.labels)
        for way, rows in ways.items()
    }
    return {"corrupted": {
        way: {name: part[name] for name in shown if name in part}
        for way, part in found.items()
    }} if found else {}  # fmt: skip


def _lost(
    answers: Mapping[str, Sequence[Mapping[str, Any]]], name: str, dataset: Dataset
) -> dict[str, Any]:
    """Return a variant's quality drop against the first one; see `drops`."""
    first = next(iter(answers))
    if name == first:
        return {}
    number = {label: at for at, label in enumerate(dataset.labels)}
    predicted = {
        key: [number[answer["label"]] for answer in answers[key]]
        for key in (first, name)
    }
    off = max(
        abs(one["scores"][label] - other["scores"][label])
        for one, other in zip(answers[first], answers[name], strict=True)
        for label in dataset.labels
    )
    equal = off <= _EQUAL and predicted[first] == predicted[name]
    return {
        **drops(dataset.test.targets, predicted[first], predicted[name], len(number)),
        "equal_answers": equal,
        "largest_difference": round(off, 6),
    }


def _recall(scores: Sequence[float], true: Sequence[bool]) -> float:
    """Return the share of true rows that score above 99 % of the others."""
    truth, probabilities = np.array(true), np.array(scores)
    if truth.all():
        return 1.0
    bar = np.quantile(probabilities[~truth], 0.99, method="higher")
    return float((probabilities[truth] > bar).mean())


def _ranking(
    answers: Sequence[Mapping[str, Any]], true: Sequence[bool], label: str
) -> dict[str, Any]:
    """Return metrics of the ranking by the probability of `label`.

    ROC AUC, average precision, Brier score, and the lift of the top tenth: how much
    denser `label` is there than in all rows.
    """
    probabilities = np.array([answer["scores"][label] for answer in answers])
    truth = np.array(true)
    top = np.argsort(-probabilities, kind="stable")[: max(1, len(truth) // 10)]
    area = float(roc_auc_score(truth, probabilities))
    return {
        "roc_auc": round(area, 4),
        "roc_auc_interval": [round(x, 4) for x in _auc_interval(area, truth)],
        "average_precision": round(
            float(average_precision_score(truth, probabilities)), 4
        ),
        "brier": round(float(np.mean((probabilities - truth) ** 2)), 4),
        "lift_top_tenth": round(float(truth[top].mean() / truth.mean()), 2),
    }


def _auc_interval(area: float, truth: Array) -> tuple[float, float]:
    """Return the 95 % interval of a ROC AUC, after Hanley and McNeil (1982)."""
    yes, no = int(truth.sum()), int((~truth).sum())
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (yes - 1) * (one - area**2)
    variance = (variance + (no - 1) * (two - area**2)) / (yes * no)
    spread = Z * math.sqrt(variance)
    return area - spread, min(area + spread, 1.0)


def _f1(predicted: Sequence[str], true: Sequence[str], label: str) -> float:
    hits = sum(a == b == label for a, b in zip(predicted, true, strict=True))
    named = predicted.count(label) + true.count(label)
    return 2 * hits / named if named else 0.0
