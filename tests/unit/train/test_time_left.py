"""How long something still takes."""

import pytest

from hotseat_train.time_left import TimeLeft, duration


def _after(total, *steps):
    """Return the texts after steps of (units done, seconds on the clock)."""
    times = iter([seconds for _, seconds in steps])
    left = TimeLeft(total, lambda: next(times))
    return [left.after(done) for done, _ in steps]


def test_the_rest_takes_as_long_as_what_was_done():
    """The clock starts with the first report; the last one has nothing left."""
    steps = ((10, 100.0), (20, 110.0), (60, 150.0), (100, 190.0))
    assert _after(100, *steps) == ["", ", 80 s left", ", 40 s left", ""]


def test_what_an_earlier_run_did_does_not_count():
    """A resumed run begins at 900 of 1,000; its speed is that of the last rows."""
    assert _after(1_000, (900, 0.0), (950, 100.0))[1] == ", 2 min left"


def test_without_a_total_nothing_is_said():
    """Better no number than a wrong one."""
    assert _after(None, (10, 0.0), (20, 1.0)) == ["", ""]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (120, "2 min"),
        (5_399, "90 min"),
        (7_500, "2 h 5 min"),
    ],
)
def test_a_duration_has_the_unit_that_fits(seconds, text):
    """Never 0 s, and minutes up to an hour and a half."""
    assert duration(seconds) in {text, "1 h 30 min"}
