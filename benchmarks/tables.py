"""Accuracy and log loss of the default command beside plain models, on public tables.

For each table and each of five folds: the default family of ``hotseat train --data``,
LightGBM with its own defaults and early stopping, and scikit-learn's logistic
regression on standardised numbers and one-hot categories (of texts: TF-IDF). All see
the same training rows, the same rows for early stopping, and the same test fold.
Printed are the means and, against the better of the two plain models, the paired mean
difference over the folds with its standard error.

    python benchmarks/tables.py                 # what packages ship: no download
    python benchmarks/tables.py --public        # and the public tables
    python benchmarks/tables.py --only chess --folds 2
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_train.data.dataset import Split
from hotseat_train.data.download import Source
from hotseat_train.pipeline.cross_validation import cut
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.tasks.own_text import OwnText

_RAW = "https://raw.githubusercontent.com"
_STOPPING = 8
_MANY = 10_000
"""Rows from which several threads pay off."""


@dataclass(frozen=True, slots=True)
class Public:
    """A public table: its file, the column to predict, and ids."""

    source: Source
    target: str
    types: tuple[str, ...] = ()
    text: str | None = None
    """The column of a table whose one feature is a text; its labels are 0 or not."""
    number_header: bool = False
    """Whether the header names columns twice, so that they are numbered instead."""


PUBLIC = {
    "cookie-cats": Public(
        Source(
            "tables/cookie_cats.csv",
            f"{_RAW}/ghaskari/cookie-cats-ab-test/6f566d8e6f1079bbc0362614c5f15bcf4326c80c/cookie_cats.csv",
            "75790e24d93c35a5b90aeaa9029845d8b2fed26ae2062c9a26171e7ea4f7be0f",
        ),
        "retention_7",
    ),
    "lol": Public(
        Source(
            "tables/high_diamond_ranked_10min.csv",
            f"{_RAW}/SebastianAGC/proyecto-final-machine-learning/f7be6ba861d50e3609b60c5dfda68055bcee2739/high_diamond_ranked_10min.csv",
            "bb88ef49032b521d2d15684949e8c65c0eb37b14e38a18e7fef1b9c3b07932cc",
        ),
        "Win",
    ),
    "gaming": Public(
        Source(
            "tables/online_gaming_behavior_dataset.csv",
            f"{_RAW}/ImaadHasan2002/Datasets/0df312c828b00a5a164f496d8548bfa414665578/online_gaming_behavior_dataset.csv",
            "141a3819e30bf8b27f8663125d4173d9ddbee9cef6e81cd3bf21dcd760dc92ab",
        ),
        "EngagementLevel",
    ),
    "pokemon": Public(
        Source(
            "tables/Pokemon.csv",
            f"{_RAW}/Kaiziferr/datasets/0a5984b2be4b8a1685f86af5c547d5c9838a7ae5/Pokemon.csv",
            "c4aa0fbe04c37d1744aa14fa7acb38fea5b67ef29bfd44fdb39fffc90ba60577",
        ),
        "legendary",
    ),
    "chess": Public(
        Source(
            "tables/chess_games.csv",
            f"{_RAW}/CezarZbughin/ChessPrediction/4e218f28db1a18309a2f55bf0cfa548825d939f2/chess_games.csv",
            "eae8c4145ba3970be9c76e6661108730542196f85760ea633c900993850afbb3",
        ),
        "winner",
    ),
    "dota": Public(
        Source(
            "tables/dota2Test.csv",
            f"{_RAW}/joey110119/Dota2-Games-Logistic-Regression/591460ada9dba9f6a25bed2c1a9ca2ab24644a8f/dota2Test.csv",
            "193070fde622a747e1cbd709743bbe925f753444534846e11580610e971cec19",
        ),
        "win",
        number_header=True,
    ),
    "wow-race": Public(
        Source(
            "wow/players-2008.parquet",
            f"{_RAW}/xlegend1024/wow-player-churn/71cd500/data/play_recordes.parquet",
            "7ad42274e757cec53b6c9dd2ff594ce142905680fd1580da371e96ecf07c7fef",
            also=("d974586596be24b67aa1aca3b7aacb2531746c4575b60c91fe342c1a5c9036eb",),
        ),
        "race",
    ),
    "vgsales": Public(
        Source(
            "tables/vgsales.csv",
            f"{_RAW}/mahdiou-diallo/VideoGameSales/97991aa755cee896fbd28ac8443dff6190631a91/data/vgsales.csv",
            "5bd054a57a976f8bb9d7540c707423a844719a7bbd8392a1292bb413b0d6a808",
        ),
        "Genre",
    ),
    "gametox": Public(
        Source(
            "gametox/most.csv",
            f"{_RAW}/shucoll/GameTox/fe0774720d411f3c14ffc4a3efe77916464d02e1/gametox.csv",
            "bfdb5e27b7716f23dde75ae16ced682d2c987667dfbfae7f39ce93ef0323e029",
            also=("2d94229f8f987333c2fd3472e7fee986e4fc465d34b6d4e51f196f1b4d38b8fb",),
        ),
        "label",
        text="message",
    ),
}  # fmt: skip
PACKAGED = ("breast_cancer", "wine", "digits")


def packaged(name: str, folder: Path) -> OwnTable:
    """Write one of scikit-learn's data sets as CSV and return its task."""
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    names = [str(item).replace(" ", "_") for item in data.feature_names]
    path = folder / f"{name}.csv"
    lines = [",".join([*names, "label"])]
    for row, target in zip(data.data.tolist(), data.target.tolist(), strict=True):
        lines.append(",".join([*map(str, row), str(data.target_names[target])]))
    path.write_text("\n".join(lines) + "\n")
    return OwnTable(path=path, target="label", name=name.replace("_", "-"))


def tables(
    arguments: argparse.Namespace, folder: Path
) -> Iterator[tuple[str, OwnTable]]:
    """Yield the tables by name."""
    wanted = arguments.only.split(",") if arguments.only else None
    for name in PACKAGED:
        if not wanted or name in wanted:
            yield name, packaged(name, folder)
    for name, public in PUBLIC.items():
        if name in (wanted or (PUBLIC if arguments.public else ())):
            path = public.source.path()
            if public.number_header:
                path = numbered(path, folder)
            if public.text:
                path = two_labels(path, public.target, folder)
                yield (
                    name,
                    OwnText(
                        path=path, target=public.target, name=name, text=public.text
                    ),
                )
                continue
            yield (
                name,
                OwnTable(
                    path=path, target=public.target, name=name, types=public.types
                ),
            )


def numbered(path: Path, folder: Path) -> Path:
    """Write a copy whose header names each column but the first by its number."""
    header, _, rows = path.read_text("utf-8").partition("\n")
    first, count = header.partition(",")[0], rows.partition("\n")[0].count(",")
    names = [first, *(f"column_{at}" for at in range(2, count + 2))]
    copy = folder / path.name
    copy.write_text(",".join(names) + "\n" + rows, "utf-8")
    return copy


def two_labels(path: Path, target: str, folder: Path) -> Path:
    """Write a copy whose target is ``no`` for 0 and ``yes`` for other numbers."""
    copy = folder / path.name
    with path.open(encoding="utf-8") as file, copy.open("w", encoding="utf-8") as to:
        rows = csv.DictReader(file)
        writer = csv.DictWriter(to, rows.fieldnames or ())
        writer.writeheader()
        for row in rows:
            if row[target]:
                writer.writerow({**row, target: "yes" if float(row[target]) else "no"})
    return copy


def folds(task: OwnTable, count: int) -> Iterator[tuple[Split, Split, Split]]:
    """Yield (training rows, rows for early stopping, test fold) for each fold."""
    dataset = task.dataset()
    rows = dataset.train + dataset.validation + dataset.test
    for rest, test in cut(rows, count, 0):
        yield *next(cut(rest, _STOPPING, 0)), test


def score(probabilities: Any, targets: Any) -> tuple[float, float]:
    """Return accuracy and log loss of probabilities [rows, labels]."""
    truth = np.array(targets)
    right = np.clip(probabilities[np.arange(len(truth)), truth], 1e-7, 1)
    accuracy = float((probabilities.argmax(1) == truth).mean())
    return accuracy, float(-np.log(right).mean())


def arrays(train: Split, *others: Split) -> tuple[list[Any], list[int]]:
    """Return raw columns: numbers as they are, categories as codes; and which are.

    Of texts: TF-IDF of words and pairs of words, at most 20,000.
    """
    first = train.inputs[0]
    if isinstance(first, str):
        from sklearn.feature_extraction.text import TfidfVectorizer

        words_of = TfidfVectorizer(
            ngram_range=(1, 2), min_df=3, max_features=20_000, sublinear_tf=True,
            dtype=np.float32,
        )  # fmt: skip
        fitted = words_of.fit_transform(train.inputs)
        return [fitted, *(words_of.transform(rows.inputs) for rows in others)], []
    names = [
        name for name in first
        if all(isinstance(row[name], int | float | str | bool | None) for row in
               train.inputs[:100])
    ]  # fmt: skip
    words, coders = [], {}
    for at, name in enumerate(names):
        values = [row[name] for row in train.inputs]
        if any(isinstance(value, str) for value in values):
            words.append(at)
            coders[name] = {v: i for i, v in enumerate(sorted({*map(str, values)}))}

    def column(name: str, rows: Split) -> list[float]:
        if name in coders:
            return [coders[name].get(str(row[name]), -1) for row in rows.inputs]
        return [
            np.nan if row[name] is None else float(row[name]) for row in rows.inputs
        ]

    return [
        np.array([column(name, rows) for name in names], float).T
        for rows in (train, *others)
    ], words


def plain_lightgbm(train: Split, stopping: Split, test: Split) -> Any:
    """Return the probabilities of LightGBM's defaults with early stopping."""
    import lightgbm

    (x, held, asked), words = arrays(train, stopping, test)
    model = lightgbm.LGBMClassifier(
        n_estimators=2000, verbose=-1, random_state=0,
        n_jobs=1 if len(train) < _MANY else None,
    )  # fmt: skip
    model.fit(
        x, train.targets, eval_X=(held,), eval_y=(np.array(stopping.targets),),
        categorical_feature=words,
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )  # fmt: skip
    return model.predict_proba(asked)


def plain_logistic(train: Split, stopping: Split, test: Split) -> Any:
    """Return the probabilities of logistic regression, fitted to all training rows."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    whole = train + stopping
    (x, asked), words = arrays(whole, test)
    if isinstance(train.inputs[0], str):
        plain = LogisticRegression(max_iter=1000)
        return plain.fit(x, whole.targets).predict_proba(asked)
    numbers = [at for at in range(x.shape[1]) if at not in words]
    model = make_pipeline(
        ColumnTransformer([
            ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
             numbers),
            ("w", OneHotEncoder(handle_unknown="ignore", max_categories=500), words),
        ]),
        LogisticRegression(max_iter=1000),
    )  # fmt: skip
    return model.fit(x, whole.targets).predict_proba(asked)


def ours(task: OwnTable, train: Split, stopping: Split, test: Split) -> Any:
    """Return the probabilities of the default family, trained as `train` does."""
    learner: Any = task.learner(train, 0)
    learner.fit(train, stopping, task.plan_of({}))
    return learner.probabilities(test.inputs)


def measure(task: OwnTable, count: int, family: str | None) -> dict[str, Any]:
    """Return the scores of each model on each fold."""
    chosen = task.choose(family)
    found: dict[str, list[tuple[float, float]]] = {}
    seconds: dict[str, float] = {}
    for parts in folds(task, count):
        for name, fit in (
            ("hotseat", lambda *rows: ours(chosen, *rows)),
            ("lightgbm", plain_lightgbm),
            ("logistic", plain_logistic),
        ):
            began = time.perf_counter()
            found.setdefault(name, []).append(score(fit(*parts), parts[-1].targets))
            seconds[name] = seconds.get(name, 0) + time.perf_counter() - began
    return {"scores": found, "seconds": {k: v / count for k, v in seconds.items()}}


def difference(
    found: dict[str, Any], which: int, sign: int
) -> tuple[str, float, float]:
    """Return the better plain model, and ours minus it: mean and standard error."""
    plain = {
        name: statistics.fmean(s[which] for s in scores)
        for name, scores in found.items() if name != "hotseat"
    }  # fmt: skip
    best = max(plain, key=lambda name: sign * plain[name])
    pairs = zip(found["hotseat"], found[best], strict=True)
    off = [one[which] - other[which] for one, other in pairs]
    return best, statistics.fmean(off), statistics.stdev(off) / len(off) ** 0.5


def main() -> int:
    """Print a line for each table; exit 1 with --check where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--family")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    missed, results = [], {}
    print("| table | rows | hotseat | lightgbm | logistic | accuracy difference "
          "| log loss difference | seconds a training |")  # fmt: skip
    print("|---" * 8 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, task in tables(arguments, Path(folder)):
            measured = measure(task, arguments.folds, arguments.family)
            scores = measured["scores"]
            results[name] = measured
            cells = [
                " / ".join(f"{statistics.fmean(s[i] for s in scores[model]):.3f}"
                           for i in (0, 1))
                for model in ("hotseat", "lightgbm", "logistic")
            ]  # fmt: skip
            _, accuracy, wide = difference(scores, 0, 1)
            _, loss, loss_wide = difference(scores, 1, -1)
            rows = sum(len(part) for part in next(folds(task, arguments.folds)))
            print(f"| {name} | {rows} | {' | '.join(cells)} "
                  f"| {accuracy:+.4f} ± {wide:.4f} | {loss:+.4f} ± {loss_wide:.4f} "
                  f"| {measured['seconds']['hotseat']:.1f} |", flush=True)  # fmt: skip
            if accuracy < -0.003 or loss > 0.01:
                missed.append(name)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    if missed:
        print(f"targets missed: {', '.join(missed)}", file=sys.stderr)
    return int(arguments.check and bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
