"""The threshold is the one that costs least, held against every other."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hotseat_train.evaluation.threshold import Threshold

rows = st.lists(
    st.tuples(st.integers(0, 20), st.booleans()), min_size=3, max_size=60
).filter(lambda pairs: any(truth for _, truth in pairs))


def answers(pairs):
    """Scores of ``pays``, and the true labels."""
    given_answers = [{"scores": {"pays": s / 20, "not": 1 - s / 20}} for s, _ in pairs]
    return given_answers, ["pays" if truth else "not" for _, truth in pairs]


def spent(pairs, value, cost):
    """The cost of a threshold."""
    missed = sum(truth and s / 20 < value for s, truth in pairs)
    return cost * missed + sum(not truth and s / 20 >= value for s, truth in pairs)


@given(rows, st.sampled_from([1.5, 5.0, 100.0]))
def test_no_other_threshold_costs_less(pairs, cost):
    """Of all scores that occur."""
    found = Threshold.chosen("pays", *answers(pairs), cost)
    best = min(spent(pairs, s / 20, cost) for s, _ in pairs)
    assert spent(pairs, found.value, cost) == pytest.approx(best)


def test_without_a_cost_f1_is_highest():
    """And what it does on other rows is measured there."""
    pairs = [(18, True), (12, True), (11, False), (3, False), (2, False), (1, True)]
    found = Threshold.chosen("pays", *answers(pairs), None)
    assert found.value == 0.6
    measured = found.measure(*answers([(19, True), (13, False), (1, False)]))
    assert measured["threshold"]["precision"] == 0.5
    assert measured["threshold"]["recall"] == 1


@given(rows, st.sampled_from(["pays", "not"]))
def test_the_threshold_of_the_second_label_decides_the_same_rows(pairs, label):
    """Whichever label is the rarer one."""
    given_answers, true = answers(pairs)
    found = Threshold.chosen(label, given_answers, true, 3.0)
    assume(found.value > 0)  # of 0: every row is taken
    at = found.of_second(["not", "pays"])
    for answer in given_answers:
        # a probability and its complement differ from one by rounding
        answer["scores"]["not"] = 1 - answer["scores"]["pays"]
        taken = answer["scores"][label] >= found.value
        second = answer["scores"]["pays"] >= at
        assert taken == (second if label == "pays" else not second)
