"""What the simplest rules would answer on the same rows, as a bar for the model.

The majority label; one threshold on the best column, or the usual label of each value
of the best category; of texts, a word list. Each rule is chosen
on training rows alone.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from hotseat_train.data.dataset import Split
from hotseat_train.evaluation.word_list import WordList

_ROWS = 20_000
"""Maximum number of training rows that a rule is chosen on."""
_IN_ROWS = 5
"""Rows that a category has to be in."""


def word_list(train: Split) -> WordList | None:
    """Return the word list of training texts; None for other rows."""
    texts = len(train) and isinstance(train.inputs[0], str)
    return WordList.learned(first_rows(train)) if texts else None


def first_rows(train: Split) -> Split:
    """Return the training rows that a rule is chosen on."""
    return train.pick(range(min(len(train), _ROWS)))


def accuracies(
    train: Split, test: Split, listed: WordList | None = None
) -> dict[str, float]:
    """Return each rule's accuracy on the test rows by a description of the rule.

    `listed` is the word list of the training texts, if there is one already.
    """
    listed = listed or word_list(train)
    train = first_rows(train)
    truth = np.array(test.targets)
    usual = Counter(train.targets).most_common(1)[0][0]
    found = {"the majority": np.full(len(test), usual)}
    first = train.inputs[0]
    if listed is not None:
        found["a word list"] = np.array(listed.answers(test.inputs))
    elif isinstance(first, Mapping):
        name, predicted = _best_column(train, test, usual)
        if name:
            found[name] = predicted
    return {
        name: round(float((predicted == truth).mean()), 4)
        for name, predicted in found.items()
    }


def _best_column(
    train: Split, test: Split, usual: int
) -> tuple[str, np.ndarray[Any, Any]]:
    """Return the rule of the column that is right most often in training."""
    best: tuple[float, str, np.ndarray[Any, Any]] = (-1.0, "", np.zeros(0))
    targets = np.array(train.targets)
    for name in train.inputs[0]:
        columns = [[row.get(name) for row in side.inputs] for side in (train, test)]
        if any(isinstance(value, str) for value in columns[0]):
            rule = _usual_labels(columns[0], train.targets)
            what = f"the usual label of each {name}"
            answers = [
                np.array([rule.get(value, usual) for value in column])
                for column in columns
            ]
        elif all(isinstance(value, int | float | None) for value in columns[0]):
            stump = DecisionTreeClassifier(max_depth=1, random_state=0)
            x = [
                np.array([np.nan if v is None else v for v in column], float)[:, None]
                for column in columns
            ]
            stump.fit(x[0], targets)
            answers = [stump.predict(side) for side in x]
            what = f"one threshold on {name}"
        else:
            continue
        right = float((answers[0] == targets).mean())
        if right > best[0]:
            best = (right, what, answers[1])
    return best[1], best[2]


def _usual_labels(values: Sequence[Any], targets: Sequence[int]) -> dict[Any, int]:
    """Return the most frequent label of each value that several rows have."""
    counts: dict[Any, Counter[int]] = defaultdict(Counter)
    for value, target in zip(values, targets, strict=True):
        counts[value][target] += 1
    return {
        value: found.most_common(1)[0][0]
        for value, found in counts.items()
        if found.total() >= _IN_ROWS
    }
