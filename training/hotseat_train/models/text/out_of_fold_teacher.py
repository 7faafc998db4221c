"""A teacher: out-of-fold predictions of linear models for the training texts.

Logistic regression on TF-IDF of character n-grams and words, cross-fitted in four
folds: a model of three folds predicts the fourth. Unlike labels, the predictions show
which texts are ambiguous (Hinton et al. 2015).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from hotseat_train.data.dataset import Split

Array = np.ndarray[Any, Any]
_FOLDS = 4


def linear() -> Any:
    """Return an unfitted model of character n-grams and of words."""
    ngrams = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True
    )
    words = TfidfVectorizer(tokenizer=str.split, token_pattern=None,
                            ngram_range=(1, 2), sublinear_tf=True)  # fmt: skip
    model = LogisticRegression(C=4, max_iter=200)
    return make_pipeline(make_union(ngrams, words), model)


def predictions(
    train: Split, labels: int, seed: int, teach: Callable[[str], bool]
) -> Array:
    """Return probabilities [rows, labels]; the label itself where `teach` is false."""
    texts, targets = np.array(train.inputs, object), np.array(train.targets)
    result: Array = np.eye(labels, dtype=np.float32)[targets]
    selected = np.array([teach(text) for text in train.inputs], bool)
    folds = np.random.default_rng(seed).integers(_FOLDS, size=len(train))
    for fold in range(_FOLDS):
        predicted, fitted = selected & (folds == fold), selected & (folds != fold)
        if not predicted.any() or len(set(targets[fitted])) < 2:
            continue  # too few rows to fit a model: the labels stay
        model = linear().fit(texts[fitted], targets[fitted])
        result[predicted] = 0
        probabilities = model.predict_proba(texts[predicted])
        result[np.ix_(predicted, model.classes_)] = probabilities
    return result
