"""Membership attacks by the loss of rows."""

import numpy as np
import pytest

from hotseat_train.data.dataset import Split
from hotseat_train.evaluation.membership import attack


class Sure:
    """A model that is surer of the rows it has seen; rows are (number, ease)."""

    def __init__(self, seen=(), bonus=0.0):
        self.seen, self.bonus = set(seen), bonus

    def probabilities(self, inputs):
        right = np.array([1 / (1 + np.exp(-(ease + self.bonus * (number in self.seen))))
                          for number, ease in inputs])  # fmt: skip
        return np.stack([right, 1 - right], axis=1)


def rows(start, group=1):
    """200 rows of different ease, in groups."""
    rng = np.random.default_rng(start)
    inputs = tuple((start + n, float(rng.normal(0, 2))) for n in range(200))
    keys = tuple(f"{start} {n // group}" for n in range(200))
    return Split(inputs, (0,) * 200, keys)


def test_a_model_that_knows_no_row_gives_nothing_away():
    """All areas are near chance."""
    found = attack(Sure(), Sure(), rows(0), rows(1000))
    assert found.groups is None
    assert found.calibrated == 0.5
    assert 0.4 < found.loss < 0.6


def test_a_reference_model_sees_through_easy_rows():
    """The calibrated attack is far stronger than the plain one."""
    members = rows(0)
    model = Sure((n for n, _ in members.inputs), 0.5)
    found = attack(model, Sure(), members, rows(1000))
    assert found.calibrated > 0.99
    assert found.loss < 0.7
    assert found.auc == found.calibrated


def test_rows_of_a_group_betray_it_together():
    """Half of the rows seen is little for a row, and much for its group."""
    members = rows(0, group=10)
    model = Sure((n for n, _ in members.inputs if n % 2), 0.5)
    found = attack(model, Sure(), members, rows(1000, group=10))
    assert found.groups > 0.99
    assert found.calibrated == pytest.approx(0.75, abs=0.01)
