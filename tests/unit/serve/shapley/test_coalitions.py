"""Shapley values from coalitions, against the definition over all orders."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_serve.shapley import coalitions

GAMES = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.floats(-9, 9), min_size=1 << n, max_size=1 << n)
)


def by_definition(values):
    """Return the mean gain of each player over all orders."""
    players = len(values).bit_length() - 1
    found = np.zeros(players)
    each = list(permutations(range(players)))
    for order in each:
        coalition = 0
        for player in order:
            found[player] += values[coalition | 1 << player] - values[coalition]
            coalition |= 1 << player
    return found / len(each)


@settings(max_examples=30, deadline=None)
@given(GAMES)
def test_all_coalitions_give_the_mean_over_all_orders(values):
    """Exact, and its sum is the full coalition's value minus the empty one's."""
    values = np.array(values)
    found = coalitions.exact(values)
    np.testing.assert_allclose(found, by_definition(values), atol=1e-9)
    assert found.sum() == pytest.approx(values[-1] - values[0], abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(GAMES)
def test_an_estimate_adds_up_and_is_near(values):
    """However few orders are walked; the exact value is within some standard errors."""
    values = np.array(values)
    players = len(values).bit_length() - 1

    def value(_pair, rows):
        return values[(rows << np.arange(players)).sum(1)]

    found = coalitions.sampled(players, value, 60)
    assert found.pairs == 60
    assert found.base == pytest.approx(values[0])
    assert found.values.sum() == pytest.approx(values[-1] - values[0], abs=1e-8)
    off = np.abs(found.values - by_definition(values))
    assert (off <= 7 * found.errors + 1e-6).all()


def test_sampling_ends_in_time_with_a_standard_error():
    """Two pairs are the least; players without influence have no error."""
    found = coalitions.sampled(4, lambda _, rows: rows[:, 0] * 2.0, 50, lambda: False)
    assert found.pairs == coalitions.MIN_PAIRS
    assert found.values.tolist() == [2, 0, 0, 0]
    assert not found.errors.any()
