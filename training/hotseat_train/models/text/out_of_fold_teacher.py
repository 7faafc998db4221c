"""What linear models say of each training text, none having seen it.

Logistic regression on TF-IDF of character runs and words, in four parts: each part is
answered by the model of the three others. Their answers hold what the labels do not:
which texts are doubtful (Hinton et al. 2015).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from hotseat_train.data.dataset import Split

Array = np.ndarray[Any, Any]
_PARTS = 4


def linear() -> Any:
    """Return an unfitted model of runs of characters and of words."""
    runs = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True
    )
    words = TfidfVectorizer(tokenizer=str.split, token_pattern=None,
                            ngram_range=(1, 2), sublinear_tf=True)  # fmt: skip
    return make_pipeline(make_union(runs, words), LogisticRegression(C=4, max_iter=200))


def answers(
    train: Split, labels: int, seed: int, taught: Callable[[str], bool]
) -> Array:
    """Return probabilities [rows, labels]; the label itself where nothing is taught."""
    texts, targets = np.array(train.inputs, object), np.array(train.targets)
    found: Array = np.eye(labels, dtype=np.float32)[targets]
    mine = np.array([taught(text) for text in train.inputs], bool)
    part = np.random.default_rng(seed).integers(_PARTS, size=len(train))
    for number in range(_PARTS):
        asked, known = mine & (part == number), mine & (part != number)
        if not asked.any() or len(set(targets[known])) < 2:
            continue  # too few to learn from: their labels stay
        model = linear().fit(texts[known], targets[known])
        found[asked] = 0
        found[np.ix_(asked, model.classes_)] = model.predict_proba(texts[asked])
    return found
