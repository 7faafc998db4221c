"""What the simplest rules would answer on the same rows, as a bar for the model.

The majority label; one threshold on the best column, or the usual label of each value
of the best category; of texts, the label of the most telling word. Each rule is chosen
on training rows alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from hotseat_train.data.dataset import Split

_ROWS = 20_000
"""Maximum number of training rows that a rule is chosen on."""
_WORDS, _IN_ROWS = 200, 5
"""Words of a word list, and the rows that each has to be in."""
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u4e00-\u9fff]")


def accuracies(train: Split, test: Split) -> dict[str, float]:
    """Return each rule's accuracy on the test rows by a description of the rule."""
    train = train.pick(range(min(len(train), _ROWS)))
    truth = np.array(test.targets)
    usual = Counter(train.targets).most_common(1)[0][0]
    found = {"the majority": np.full(len(test), usual)}
    first = train.inputs[0]
    if isinstance(first, str):
        found["a word list"] = _word_list(train, test, usual)
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


def _word_list(train: Split, test: Split, usual: int) -> np.ndarray[Any, Any]:
    """Answer a text by its word with the purest label; without one, by the majority."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for text, target in zip(train.inputs, train.targets, strict=True):
        for word in set(_words(text)):
            counts[word][target] += 1
    purity = {
        word: (found.most_common(1)[0][1] / found.total(), found.most_common(1)[0][0])
        for word, found in counts.items()
        if found.total() >= _IN_ROWS and found.most_common(1)[0][0] != usual
    }
    listed = dict(sorted(purity.items(), key=lambda item: -item[1][0])[:_WORDS])
    answers = []
    for text in test.inputs:
        hits = [listed[word] for word in _words(text) if word in listed]
        share, label = max(hits, default=(0.0, usual))
        answers.append(label if share > 1 / 2 else usual)
    return np.array(answers)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
