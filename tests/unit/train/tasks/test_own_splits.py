"""How an own table is cut and weighted: by time, by an own test file, by weights."""

import pytest

from hotseat_train import tasks
from hotseat_train.errors import DatasetError
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.testing import own_table, players


def test_the_past_is_for_training_and_the_newest_rows_are_the_test(tmp_path):
    """By a number or a date, which is no feature."""
    rows = [{**row, "day": f"2026-{at // 28 + 1:02}-{at % 28 + 1:02}"}
            for at, row in enumerate(players(300))]  # fmt: skip
    task, _ = own_table(tmp_path, rows, time="day")
    dataset = task.dataset()
    newest = [row["churned"] for row in rows[-30:]]
    assert len(dataset.test) == 30
    assert sorted(dataset.labels[t] for t in dataset.test.targets) == sorted(newest)
    assert "day" not in dataset.train.inputs[0]
    assert "the newest rows for the test" in dataset.preparation
    with pytest.raises(DatasetError, match="expected a number or a date in each row"):
        own_table(tmp_path, players(), time="country")[0].dataset()


def test_an_own_table_is_the_test(tmp_path):
    """All of its rows, read as those for training; a new label is an error."""
    own_table(tmp_path, players(80, 5))
    (tmp_path / "players.csv").rename(tmp_path / "test.csv")
    task, _ = own_table(tmp_path, players(), test=tmp_path / "test.csv")
    dataset = task.dataset()
    assert (len(dataset.train) + len(dataset.validation), len(dataset.test)) == (
        300,
        80,
    )
    again = tasks.of({"task": "players", "family": "trees", "settings": {},
                      "data": {"sha256": dataset.sha256}, **task.record()})  # fmt: skip
    assert again.dataset().test.digest() == dataset.test.digest()
    text = (tmp_path / "test.csv").read_text().replace(",yes", ",perhaps")
    (tmp_path / "test.csv").write_text(text)
    with pytest.raises(DatasetError, match="'perhaps' is in no training row"):
        own_table(tmp_path, players(), test=tmp_path / "test.csv")[0].dataset()


def test_weights_and_balance_are_for_training_alone(tmp_path):
    """A weight column is no feature; balanced labels weigh the same together."""
    rows = [{**row, "w": 1 + at % 5} for at, row in enumerate(players(300))]
    dataset = own_table(tmp_path, rows, weight="w")[0].dataset()
    assert "w" not in dataset.train.inputs[0]
    assert len(set(dataset.train.weights)) == 5
    assert not dataset.test.weights
    train = own_table(tmp_path, players(), balance=True)[0].dataset().train
    by_label = [
        sum(w for w, t in zip(train.weights, train.targets, strict=True) if t == label)
        for label in (0, 1)
    ]
    assert by_label[0] == pytest.approx(by_label[1])
    rows[7]["w"] = -1
    with pytest.raises(DatasetError, match="row 8 holds -1"):
        own_table(tmp_path, rows, weight="w")[0].dataset()


def test_two_hundred_labels_are_learned_and_numbers_as_labels_are_noted(tmp_path):
    """Up to five hundred; a note says how to learn a number as a number."""
    lines = [
        "x,champion",
        *(f"{c + d / 9},c{c}" for c in range(200) for d in range(10)),
    ]
    path = tmp_path / "picks.csv"
    path.write_text("\n".join(lines))
    dataset = OwnTable(path=path, target="champion", name="picks").dataset()
    assert len(set(dataset.test.targets)) == len(dataset.labels) == 200
    path.write_text("\n".join(lines[:101]).replace("c", ""))
    notes = []
    OwnTable(path=path, target="hampion", name="picks", warn=notes.append).dataset()
    assert any(
        "--objective ordinal learns their order, and number" in note for note in notes
    )
