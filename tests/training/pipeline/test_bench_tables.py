"""The benchmark of tables runs on data that a package ships."""

import csv
import importlib.util
from pathlib import Path

import pytest

from hotseat_train.testing import chat

BENCH = Path(__file__).parents[3] / "benchmarks/tables.py"


def module():
    """The benchmark."""
    spec = importlib.util.spec_from_file_location("bench_tables", BENCH)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    return bench


@pytest.mark.slow
def test_texts_stand_beside_plain_models_of_words(tmp_path):
    """Chat with numbers as labels: 0, or how toxic it is."""
    bench = module()
    path = tmp_path / "chat.csv"
    with path.open("w", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            [row["text"], 3.0 if row["label"] == "toxic" else 0.0] for row in chat(400)
        )
    (tmp_path / "copy").mkdir()
    copy = bench.two_labels(path, "label", tmp_path / "copy")
    task = bench.OwnText(path=copy, target="label", name="chat", text="text")
    assert task.dataset().labels == ("no", "yes")
    scores = bench.measure(task, 2, None)["scores"]
    assert set(scores) == {"hotseat", "lightgbm", "logistic"}
    assert all(accuracy > 0.9 for accuracy, _ in scores["hotseat"])
    # the plain models see no words of one character, as a rude one is
    assert all(accuracy > 0.5 for each in scores.values() for accuracy, _ in each)


@pytest.mark.slow
def test_the_default_holds_up_beside_plain_models(tmp_path):
    """On scikit-learn's wine and breast cancer, two folds: near the better one."""
    bench = module()
    for name in ("wine", "breast_cancer"):
        scores = bench.measure(bench.packaged(name, tmp_path), 2, None)["scores"]
        assert set(scores) == {"hotseat", "lightgbm", "logistic"}
        _, accuracy, _ = bench.difference(scores, 0, 1)
        _, loss, _ = bench.difference(scores, 1, -1)
        assert accuracy > -0.02  # of a few hundred rows
        assert loss < 0.02
