"""Chat moderation beside plain linear models: ``make bench-chat``.

The baselines are the usual ones: TF-IDF of runs of one to four characters, for English
also of one and two words, and logistic regression, a model for each language, trained
on the very training split that our two models are trained on. All are asked the same
test rows; what ours gain is given with a 95 % interval of the paired bootstrap. Then
come the chat of a second game (`chat_second_game`), and what the evaluations measured:
operating points, context, players, behaviour tests, size and time.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import chat_second_game
import cpu
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from hotseat_train import run
from hotseat_train.evaluation.labelled import predict
from hotseat_train.evaluation.paired_bootstrap import drops
from hotseat_train.evaluation.run_model import open_variant
from hotseat_train.pipeline.train import take
from hotseat_train.tasks import chat_moderation, chat_moderation_large

TASK = chat_moderation.TASK
LINES = ["push " * 8] * 64
TASKS = (TASK, chat_moderation_large.TASK)


def baseline(language):
    """Return the usual linear model, unfitted."""
    runs = TfidfVectorizer(
        analyzer="char", min_df=2, sublinear_tf=True,
        ngram_range=(1, 4) if language == "en" else (1, 3),
    )  # fmt: skip
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    seen = make_union(runs, words) if language == "en" else runs
    return make_pipeline(seen, LogisticRegression(C=4, max_iter=300))


def learned(train):
    """Return CONDA's and COLD's training rows: those that know the four labels."""
    return train.pick(
        [row for row, key in enumerate(train.keys) if not key.startswith("more ")]
    )


def rows(split, language):
    """Return the texts and targets of one language."""
    mine = [i for i, text in enumerate(split.inputs) if TASK.group(text) == language]
    texts = [split.inputs[i] for i in mine]
    return texts, np.array([split.targets[i] for i in mine])


def ours(folder, variant):
    """Return an evaluated run's graph as it serves."""
    source = run.Run(folder)
    manifest = source.measured()
    return open_variant(source, manifest, manifest.variant(variant))


def measured(model):
    """Print what the evaluation of the version measured."""
    metrics = model.manifest.variant(model.variant).metrics
    print(
        f"{model.manifest.model}: {metrics['bytes'] / 1e6:.2f} MB, "
        f"{metrics['milliseconds']:.3f} ms a line "
        f"one by one, one thread, on {metrics['cpu']}"
    )
    for name in ("operating_points", "context", "players", "behaviour", "obfuscated"):
        if name in metrics:
            print(f"{name}: {json.dumps(metrics[name], indent=2)}")


def main():
    """Compare, language by language, plain and obfuscated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run's folder (default: both models "
                        "that come along)")  # fmt: skip
    parser.add_argument("--variant", default="int8-dynamic")
    given = parser.parse_args()
    folders = [given.run] if given.run else [
        take(task, Path(".hotseat/bench", task.name)).folder for task in TASKS
    ]  # fmt: skip
    dataset = TASK.dataset()
    models = [ours(folder, given.variant) for folder in folders]
    print(f"{given.variant} against linear models, on {cpu.name()}")
    for language in ("en", "zh"):
        compare(dataset, language, models)
    for model in models:
        alone_and_among_others(model, dataset.test.inputs)
    chat_second_game.compare(models, dataset.train)
    for model in models:
        timed(model)
        measured(model)


def compare(dataset, language, models):
    """Print accuracy and macro F1 beside those of a linear model."""
    labels = dataset.labels
    fitted = baseline(language).fit(*rows(learned(dataset.train), language))
    texts, targets = rows(dataset.test, language)
    for kind, asked in (("plain", texts), ("obfuscated", TASK.obfuscated(texts))):
        plain = fitted.predict(asked)
        print(f"{language}, {kind}, {len(texts)} rows:")
        for model in models:
            said = [labels.index(a["label"]) for a in predict(model, asked)]
            found = drops(targets, plain, said, len(labels))
            for name, key, measure in (
                ("accuracy", "quality_drop", accuracy),
                ("macro F1", "quality_drop_macro_f1", macro_f1),
            ):
                low, high = found[f"{key}_interval"]
                print(
                    f"  {name}: linear {measure(targets, plain):.3f}, "
                    f"{model.manifest.model} {measure(targets, said):.3f}: "
                    f"{-100 * found[key]:+.2f} % ({-100 * high:+.2f} to "
                    f"{-100 * low:+.2f})"
                )


def alone_and_among_others(model, lines):
    """Print how much a line's probabilities differ in a batch, by int8 rounding."""
    differences = []
    for at in range(0, len(lines), 256):
        some = lines[at : at + 256]
        for line, beside in zip(some, model.predict(some), strict=True):
            (own,) = model.predict([line])
            differences.append(
                max(abs(own["scores"][k] - v) for k, v in beside["scores"].items())
            )
    most, largest = np.quantile(differences, [0.99, 1])
    print(
        f"{model.manifest.model}, a line alone and among 255 others: 99 % differ by "
        f"less than {most:.4f}, all by at most {largest:.4f}"
    )


def timed(model):
    """Print the time of a line of 10 and of 32 tokens, and of 10 among 64 lines."""
    alone = [milliseconds(model, ["push " * words]) for words in (8, 30)]
    print(
        f"{model.manifest.model}: a line of 8 words {alone[0]:.2f} ms, of 30 words "
        f"{alone[1]:.2f} ms, of 8 among 64 {milliseconds(model, LINES) / 64:.2f} ms"
    )


def milliseconds(model, lines, times=30):
    """Return the median time of a request."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        model.predict(lines)
        found.append(time.perf_counter() - start)
    return 1000 * statistics.median(found)


def accuracy(targets, said):
    """Return the share that is right."""
    return float(np.mean(np.array(said) == targets))


def macro_f1(targets, said):
    """Return the mean F1 of the labels that there are."""
    said = np.array(said)
    scores = [
        2 * np.sum((said == label) & (targets == label))
        / (np.sum(said == label) + np.sum(targets == label))
        for label in np.unique(targets)
    ]  # fmt: skip
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
