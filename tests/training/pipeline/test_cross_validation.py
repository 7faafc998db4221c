"""Cross-validation of families."""

import pytest

from hotseat_train.errors import DatasetError
from hotseat_train.pipeline import cross_validation
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


def test_families_stand_side_by_side_and_keys_stay_together(tmp_path):
    """Each family on the same folds, seeded; no row of the test split among them."""
    task, _ = table(tmp_path, rows())
    families = ("trees", "svm-linear")
    found = cross_validation.compare(task, 3, {}, families=families)
    assert found[0].loss <= found[1].loss
    assert {item.family for item in found} == set(families)
    assert all(item.roc_auc > 0.7 and item.bytes > 500 for item in found)
    again = cross_validation.compare(task, 3, {}, families=families)
    assert [item.loss for item in again] == [item.loss for item in found]
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
