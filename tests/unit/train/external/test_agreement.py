"""A variant's answers against the original's and against true answers."""

import pytest

from hotseat_train.external import agreement
from hotseat_train.external.errors import UnclearError

LABELS = ("calm", "angry")


def labelled(*labels):
    return [{"label": label} for label in labels]


def test_equal_labels_agree():
    """The share of equal labels, and the upper end of what it may drop."""
    first = labelled(*["calm"] * 8)
    found = agreement.compare([*labelled("angry"), *first[1:]], first, None, LABELS)
    assert (found["agreement"], found["quality_drop"], found["rows"]) == (
        0.875,
        0.125,
        8,
    )
    low, high = found["quality_drop_interval"]
    assert low < 0.125 < high
    assert found["agreement_interval"] == pytest.approx([1 - high, 1 - low])


def test_with_targets_the_drop_is_of_the_accuracy():
    """A variant that is right where the original was wrong drops below 0."""
    first, targets = labelled("calm", "angry", "calm"), ["calm", 1, "angry"]
    found = agreement.compare(
        labelled("calm", "angry", "angry"), first, targets, LABELS
    )
    assert (found["accuracy"], found["quality_drop"]) == (1.0, -0.5)
    assert found["agreement"] == pytest.approx(2 / 3, abs=1e-4)


def test_labels_that_do_not_exclude_each_other():
    """The mean share of right labels; targets are lists, or names and semicolons."""
    answers = [{"labels": ["calm"]}, {"labels": ["calm", "angry"]}]
    found = agreement.compare(answers, answers, [["calm"], "angry;"], LABELS)
    assert (found["agreement"], found["accuracy"]) == (1.0, 0.75)


def test_numbers_agree_by_their_relative_difference():
    """Of a value, a vector, and nested outputs with texts in them."""
    for name in ("value", "embedding"):
        first, answers = [{name: [3.0, 4.0]}], [{name: [3.0, 4.5]}]
        assert agreement.compare(answers, first, None, ())["agreement"] == 0.9
    nan = float("nan")
    same = [{"outputs": {"a": [[1, nan]], "b": "yes"}}]
    other = [{"outputs": {"a": [[1, nan]], "b": "no"}}]
    shorter = [{"outputs": {"a": [[1]], "b": "yes"}}]
    for answers, wanted in ((same, 1), (other, 0), (shorter, 0)):
        assert agreement.compare(answers, same, None, ())["agreement"] == wanted


def test_a_value_has_an_error():
    """The mean absolute error, beside the agreement."""
    found = agreement.compare([{"value": 1.5}], [{"value": 1.0}], ["2"], ())
    assert (found["mae"], found["agreement"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("answer", "target", "says"),
    [
        ({"label": "calm"}, "sad", "'sad' is none of the labels calm, angry"),
        ({"label": "calm"}, 2, "'2' is none of the labels"),
        ({"value": 1.0}, "many", "a target is no number"),
        ({"value": 1.0}, [1, 2], "has 2 numbers, an answer 1"),
        ({"embedding": [1.0]}, 1, "--target is for models with labels"),
    ],
)
def test_a_target_that_does_not_fit_is_named(answer, target, says):
    """The value, and what was expected."""
    with pytest.raises(UnclearError, match=says):
        agreement.compare([answer], [answer], [target], LABELS)
