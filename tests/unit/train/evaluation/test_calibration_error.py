"""The calibration error of predicted probabilities."""

from hotseat_train.evaluation import calibration_error


def test_a_calibration_error_is_how_far_off_probabilities_are():
    """Nothing where what is said comes true, and the distance where it does not."""
    labels = ("no", "yes")
    answers = [{"label": "no", "scores": {"no": 0.75, "yes": 0.25}}] * 40
    right = ["yes"] * 10 + ["no"] * 30
    mixed = [right[at * 7 % 40] for at in range(40)]
    parts = calibration_error.bins(*calibration_error.judged(answers, mixed, labels))
    assert sum(part["rows"] for part in parts) == 40
    never = calibration_error.measure(answers, ["no"] * 40, labels)
    assert never == {"calibration_error": 0.25}
    drawn = calibration_error.curves(answers, mixed, labels)
    assert drawn["confusion"] == [[30, 0], [10, 0]]
    assert drawn["roc"][0] == [0, 0]
    assert drawn["roc"][-1] == [1, 1]
    three = calibration_error.curves(
        [{"label": "a", "scores": {"a": 0.5, "b": 0.3, "c": 0.2}}], ["a"], "abc"
    )
    assert "roc" not in three
