"""Chat moderation on the chat of a game that it did not learn from.

GameTox: chat of World of Tanks (shucoll/GameTox). Its repository has no licence file,
so nothing is trained on it and nothing is downloaded: HOTSEAT_DATA has to name a folder
with gametox/most.csv. Texts are distinct by their letters, and those that are in the
training rows are left out. One half, by a hash of the letters, was looked at while the
model was built; figures are those of the other half.
"""

import csv
import hashlib
import os
import re
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline, make_union

from hotseat_train.evaluation.labelled import predict
from hotseat_train.tasks import chat_generated, chat_moderation
from hotseat_train.tasks.chat_labels import LABELS
from hotseat_train.tasks.sentiment import key_of

DRAWS = 500


def rows(train, half=1):
    """Return texts and whether each is toxic, of one half; None without the file."""
    path = Path(os.environ.get("HOTSEAT_DATA", "."), "gametox/most.csv")
    if not path.exists():
        return None
    away = {key_of(text) for text in train.inputs}
    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = key_of(row["message"] or "")
            if key and key not in away:
                found.setdefault(key, (row["message"], float(row["label"]) > 0))
    mine = [pair for key, pair in found.items() if half_of(key) == half]
    return [text for text, _ in mine], np.array([toxic for _, toxic in mine])


def half_of(key):
    """Return 0 or 1 by a hash of the letters."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 2


def linear(train, keep):
    """Return a linear model of the English training rows that `keep` selects."""
    ngrams = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), min_df=2, sublinear_tf=True
    )
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=4, max_iter=300, class_weight="balanced")
    chosen = [
        (text, LABELS[target] == "toxic")
        for text, target, key in zip(
            train.inputs, train.targets, train.keys, strict=True
        )
        if LABELS[target] != "implicit"
        and chat_moderation.TASK.group(text) == "en"
        and keep(key)
    ]
    return make_pipeline(make_union(ngrams, words), model).fit(
        *zip(*chosen, strict=True)
    )


def word_list(texts):
    """Return 1 for each text with a word of LDNOOBW's English list, else 0."""
    path = chat_generated.SOURCES["en"].path()
    words = [re.escape(word) for word in path.read_text("utf-8").split("\n") if word]
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)
    return np.array([float(bool(pattern.search(text))) for text in texts])


def recall(truth, scores, rate=0.01):
    """Return the share of toxic rows above all but `rate` of the others."""
    bar = np.quantile(scores[~truth], 1 - rate, method="higher")
    return float((scores[truth] > bar).mean())


def interval(values):
    """Return the ends of a 95 % interval of bootstrap draws."""
    return tuple(np.quantile(np.array(values), [0.025, 0.975]))


def draws(truth):
    """Yield rows of bootstrap draws, always the same."""
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        yield rng.integers(len(truth), size=len(truth))


def compare(models, train, half=1):
    """Print our models beside linear models and the word list."""
    taken = rows(train, half)
    if taken is None:
        print("second game: left out, HOTSEAT_DATA has no gametox/most.csv")
        return
    texts, truth = taken
    answers = {model.manifest.model: predict(model, texts) for model in models}
    scores = {
        name: np.array([answer["scores"]["toxic"] for answer in given])
        for name, given in answers.items()
    }
    generated = {f"more {row.key}" for row in chat_generated.rows()}
    kept = {
        "linear, all rows": lambda _key: True,
        "linear, without generated rows": lambda key: key not in generated,
        "linear, CONDA alone": lambda key: key.startswith("en "),
    }
    for name, keep in kept.items():
        scores[name] = linear(train, keep).decision_function(texts)
    scores["word list (LDNOOBW)"] = word_list(texts)
    print(f"second game (GameTox), {len(truth)} texts, {int(truth.sum())} toxic:")
    for name, values in scores.items():
        print(f"  {name}: {_measured(truth, values)}")
        if name not in answers:
            for ours in answers:
                low, high = _lead(truth, scores[ours], values)
                print(f"    {ours} leads by {low:+.4f} to {high:+.4f}")
    for model in models:
        name = model.manifest.model
        points = model.manifest.signature.decision.operating_points
        judged = np.array([answer["decision"]["score"] for answer in answers[name]])
        for point, found in points.items():
            flagged = judged >= found.threshold
            print(
                f"  {name}, {point}: flags {flagged[~truth].mean():.2%} of ok lines, "
                f"{flagged[truth].mean():.2%} of toxic lines"
            )


def _measured(truth, values):
    """Return ROC AUC and recall at 1 %, with intervals, as a text."""
    areas = [roc_auc_score(truth[at], values[at]) for at in draws(truth)]
    recalls = [recall(truth[at], values[at]) for at in draws(truth)]
    return f"AUC {roc_auc_score(truth, values):.4f} ({{:.4f}} to {{:.4f}})".format(
        *interval(areas)
    ) + f", recall at 1 % {recall(truth, values):.3f} ({{:.3f}} to {{:.3f}})".format(
        *interval(recalls)
    )


def _lead(truth, ours, theirs):
    """Return the ends of the interval of the lead in ROC AUC."""
    return interval(
        [
            roc_auc_score(truth[at], ours[at]) - roc_auc_score(truth[at], theirs[at])
            for at in draws(truth)
        ]
    )
