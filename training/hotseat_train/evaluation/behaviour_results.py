"""Runs behaviour tests on variants, beside a word list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.evaluation.behaviour import Suite
from hotseat_train.evaluation.word_list import WordList

Results = dict[str, dict[str, Any]]
"""By variant."""
Predict = Callable[[LoadedModel, Sequence[str]], list[dict[str, Any]]]


def measure(
    models: Mapping[str, LoadedModel],
    suite: Suite,
    yardsticks: Mapping[str, Suite],
    predict: Predict,
) -> tuple[Results, Results]:
    """Return each variant's metrics and its masked errors.

    `yardsticks` are suites by others, which no gate looks at.
    """
    metrics: Results = {}
    errors: Results = {}
    for name, model in models.items():
        answers = predict(model, _texts(suite))
        metrics[name] = {"behaviour": suite.measure(answers)}
        errors[name] = {"behaviour_errors": suite.masked_errors(answers)}
        if yardsticks:
            metrics[name]["yardsticks"] = {
                title: other.measure(predict(model, _texts(other)))
                for title, other in yardsticks.items()
            }
    return metrics, errors


def of_word_list(suite: Suite, rule: WordList, labels: Sequence[str]) -> dict[str, Any]:
    """Return a word list's metrics on the same cases."""
    found = rule.answers(_texts(suite))
    return suite.measure([{"label": labels[label]} for label in found])


def _texts(suite: Suite) -> list[str]:
    return [case.text for case in suite.cases]
