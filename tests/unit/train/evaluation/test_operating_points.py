"""Operating points: thresholds with a bounded share of neutral rows above."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_train.evaluation import operating_points

scores = st.lists(st.floats(0, 0.999), min_size=1, max_size=300)


@given(scores, st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5]))
def test_no_more_neutral_rows_are_flagged_than_the_rate_allows(values, rate):
    """The next lower score would flag too many, or there is none."""
    neutral = np.array(values)
    at = operating_points.threshold(neutral, rate)
    assert np.mean(neutral >= at) <= rate
    lower = neutral[neutral < at - 2e-6]  # thresholds have six digits
    if len(lower):
        assert np.mean(neutral >= lower.max()) > rate


def test_a_decision_is_calibrated_and_uses_the_lines_before():
    """Log odds twice too large are halved; a context that tells counts."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, 6000)
    positive = rng.random(6000) < 1 / (1 + np.exp(-truth))
    before = np.where(positive, 1.0, -1.0) + rng.normal(0, 1, 6000)
    rows = np.stack([2 * truth, before, positive], 1)
    found = operating_points.choose(
        ("bad",), 2 * truth, positive, ~positive, rows[:3000]
    )
    assert found.scale == pytest.approx(0.5, abs=0.05)
    assert found.offset == pytest.approx(0.0, abs=0.1)
    assert found.default == "one_in_100"
    usual, rare = (
        found.operating_points[name].threshold for name in ("one_in_100", "one_in_1000")
    )
    assert usual < rare
    assert found.conversation is not None
    assert found.conversation.weight > 1


def test_a_context_that_says_nothing_has_no_weight():
    """Then a line is judged as it is alone."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, 3000)
    positive = rng.random(3000) < 1 / (1 + np.exp(-truth))
    rows = np.stack([truth, rng.normal(-9, 3, 3000), positive], 1)
    found = operating_points.choose(("bad",), truth, positive, ~positive, rows)
    assert found.conversation is not None
    assert found.conversation.weight == 0
    assert (found.conversation.offset, found.conversation.scale) == (
        found.offset, found.scale,
    )  # fmt: skip
