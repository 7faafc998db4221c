"""Cross-validation of families."""

import numpy as np
import pytest

from hotseat import _cli
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline import cross_validation
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.run import Run
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


def test_families_stand_side_by_side_and_keys_stay_together(tmp_path):
    """Each family on the same folds, seeded; no row of the test split among them."""
    task, _ = table(tmp_path, rows())
    families = ("trees", "svm-linear")
    compared = cross_validation.compare(task, 3, {}, families=families)
    found = compared.families
    assert found[0].loss <= found[1].loss
    assert {item.family for item in found} == set(families)
    assert all(item.roc_auc > 0.7 and item.bytes > 500 for item in found)
    again = cross_validation.compare(task, 3, {}, families=families)
    assert again.nested == compared.nested
    assert [item.loss for item in again.families] == [item.loss for item in found]
    dataset = task.dataset()
    asked = [
        part
        for _, part in cross_validation.cut(dataset.train + dataset.validation, 3, 0)
    ]
    keys = [set(part.keys) for part in asked]
    assert not keys[0] & keys[1]
    assert sum(map(len, asked)) == len(dataset.train) + len(dataset.validation)
    assert not set.union(*keys) & set(dataset.test.keys)
    with pytest.raises(DatasetError, match="1 folds: give at least 2"):
        cross_validation.compare(task, 1, {})


def test_the_choice_among_families_is_measured_where_it_was_not_made():
    """Of chance alone the best looks good on the rows that chose it, and only there."""
    rng = np.random.default_rng(0)
    by_family = {
        f"family{at}": [
            cross_validation.Fold(inner, outer, 0.5, None, 0.1, 1, 0.1)
            for inner, outer in zip(rng.normal(0.7, 0.1, 40), rng.normal(0.7, 0.1, 40),
                                    strict=True)
        ]
        for at in range(6)
    }  # fmt: skip
    nested = cross_validation.nested(by_family, 40)
    assert len(set(nested.families)) > 1
    inner = [
        min(folds[at].inner_loss for folds in by_family.values()) for at in range(40)
    ]
    assert np.mean(inner) < 0.65 < nested.loss
    for at, name in enumerate(nested.families):
        assert by_family[name][at].inner_loss == inner[at]


def test_the_command_prints_and_keeps_the_nested_scores(tmp_path, capsys):
    """They are in the run's record and in the card."""
    task, _ = table(tmp_path, rows())
    words = ["train", "--data", task.path, "--target", "churned", "--cv", "2",
             "--column", "country=out", "--run", tmp_path / "run"]  # fmt: skip
    assert _cli.main([*map(str, words)]) == 0
    said = capsys.readouterr().out
    assert "nested, with the family chosen in each fold without it (" in said
    run = Run(tmp_path / "run")
    record = run.read()
    assert sorted(record["nested"]) == ["accuracy", "families", "loss", "loss_spread"]
    card = write(run, evaluate(run)).card
    assert "Nested, with the family chosen in each fold without it" in card
