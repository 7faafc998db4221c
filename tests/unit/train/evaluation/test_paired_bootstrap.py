"""Quality drops against drawn rows, and Wilson's interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_train.evaluation.paired_bootstrap import drops, paired, wilson


def accuracy(true, said):
    return float(np.mean(np.array(true) == np.array(said)))


def test_the_loss_is_relative_and_its_interval_that_of_drawn_rows():
    """The interval is the one that resampling whole rows gives, within its noise."""
    random = np.random.default_rng(1)
    true = random.integers(3, size=3000)
    first = np.where(random.random(3000) < 0.9, true, (true + 1) % 3)
    other = np.where(random.random(3000) < 0.97, first, (first + 1) % 3)
    found = drops(true, first, other, 3)
    had = accuracy(true, first)
    assert found["quality_drop"] == pytest.approx(
        (had - accuracy(true, other)) / had, abs=1e-5
    )
    drawn = []
    for _ in range(2000):
        rows = random.integers(3000, size=3000)
        had = accuracy(true[rows], first[rows])
        drawn.append((had - accuracy(true[rows], other[rows])) / had)
    want = np.quantile(drawn, [0.025, 0.975])
    assert found["quality_drop_interval"] == pytest.approx(want, abs=0.0015)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 60))
def test_a_small_test_set_proves_nothing(rows):
    """Even where all answers are the same, few rows leave room for a big loss."""
    same = [n % 2 for n in range(rows)]
    found = drops(same, same, same, 2)
    assert found["quality_drop"] == found["quality_drop_macro_f1"] == 0
    assert found["quality_drop_interval"][1] > 0.03


def test_a_big_test_set_proves_much():
    """Thousands of equal answers keep the loss under a thousandth."""
    same = [n % 2 for n in range(6000)]
    assert drops(same, same, same, 2)["quality_drop_interval"][1] < 0.001


def test_a_label_that_is_no_longer_said_shows_in_macro_f1():
    """What accuracy hardly notices, the mean over labels does."""
    true = [0] * 980 + [1] * 20
    found = drops(true, true, [0] * 1000, 2)
    assert found["quality_drop"] == pytest.approx(0.02)
    assert found["quality_drop_macro_f1"] > 0.4


def test_items_that_are_worth_a_number_lose_alike():
    """The interval is that of drawn pairs, within its noise, for any numbers."""
    random = np.random.default_rng(1)
    first = random.random(2000)
    other = np.where(random.random(2000) < 0.95, first, random.random(2000) * first)
    found = paired(first, other)
    assert found["quality_drop"] == pytest.approx(
        1 - other.mean() / first.mean(), abs=1e-5
    )
    drawn = []
    for _ in range(2000):
        rows = random.integers(2000, size=2000)
        drawn.append(1 - other[rows].mean() / first[rows].mean())
    want = np.quantile(drawn, [0.025, 0.975])
    assert found["quality_drop_interval"] == pytest.approx(want, abs=0.003)


def test_of_items_too_few_prove_nothing():
    """Where all are alike, one more that was lost is thought of."""
    assert paired(np.ones(20), np.ones(20))["quality_drop_interval"][1] > 0.03
    assert paired(np.ones(6000), np.ones(6000))["quality_drop_interval"][1] < 0.001


def test_the_interval_is_wilsons():
    """81 of 263 is the example of Newcombe (1998), method 3: 0.2553 to 0.3662."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
