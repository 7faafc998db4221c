"""Interrupted and killed trainings go on from their checkpoint."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import four_points
import pytest
import torch
from four_points import run
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_train.optim.loop import OPTIMIZERS, Plan
from hotseat_train.optim.schedule import SCHEDULES


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_descent_equals_an_uninterrupted_one(tmp_path, optimizer):
    """Stopping after two epochs and going on gives the same curve and weights."""
    path = tmp_path / "checkpoint.pt"
    plan = Plan(optimizer, 0.1, momentum=0.5, batch_size=2, max_epochs=6, tolerance=0)
    whole, expected = run(plan)

    def interrupt(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, checkpoint=path, report=interrupt)
    resumed, state = run(plan, checkpoint=path)
    assert state.curve == expected.curve
    torch.testing.assert_close(resumed.weight, whole.weight, rtol=0, atol=0)


def test_a_killed_training_leaves_a_whole_checkpoint(tmp_path):
    """Killed at any moment, the checkpoint is there whole and is taken up."""
    path = tmp_path / "checkpoint.pt"
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from four_points import run; from hotseat_train.optim.loop import Plan\n"
        "plan = Plan('gd', 1e-3, max_epochs=10**6, tolerance=0, patience=10**6)\n"
        "run(plan, checkpoint=Path(sys.argv[1]), report=lambda e: print(e.number))"
    )
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", code, path, Path(four_points.__file__).parent],
        stdout=subprocess.PIPE,
    )
    for _ in range(20):
        child.stdout.readline()
    os.kill(child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    child.communicate()
    done = len(torch.load(path, weights_only=True)["curve"])
    assert done >= 20
    plan = Plan("gd", 1e-3, max_epochs=done + 1, tolerance=0, patience=10**6)
    _, state = run(plan, checkpoint=path)
    assert len(state.curve) == done + 1


PLANS = st.builds(
    Plan,
    st.sampled_from([*OPTIMIZERS, "adamw"]),
    st.just(0.1),
    momentum=st.sampled_from([0.0, 0.9]),
    batch_size=st.integers(1, 5),
    max_epochs=st.just(5),
    tolerance=st.just(0.0),
    patience=st.just(9),
    schedule=st.sampled_from([*SCHEDULES]),
    clip=st.sampled_from([0.0, 0.01]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    averaging=st.sampled_from([0.0, 0.5]),
    max_steps=st.sampled_from([0, 7]),
)


@settings(max_examples=60, deadline=None)
@given(PLANS, st.integers(1, 5))
def test_whatever_the_plan_an_interrupted_training_equals_a_straight_one(plan, at):
    """Rate, average, clipping and step count go on where they were."""
    whole, expected = run(plan)

    def interrupt(epoch):
        if epoch.number == at:
            raise KeyboardInterrupt

    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        with suppress(KeyboardInterrupt):
            run(plan, checkpoint=path, report=interrupt)
        resumed, state = run(plan, checkpoint=path)
    assert (state.curve, state.steps) == (expected.curve, expected.steps)
    assert state.reason == expected.reason
    torch.testing.assert_close(resumed.weight, whole.weight, rtol=0, atol=0)


def test_a_training_stops_after_its_minutes_interruptions_not_counted(tmp_path):
    """The epoch that goes over the time is the last; the checkpoint keeps the time."""
    path = tmp_path / "checkpoint.pt"
    plan = Plan("gd", 0.1, max_epochs=99, tolerance=0, max_minutes=1.0)

    ticks = iter(range(0, 10_000, 25))

    def clock():
        return next(ticks)

    def interrupt(epoch):
        if epoch.number == 1:
            clock(), clock(), clock()  # time that no training took
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, checkpoint=path, report=interrupt, clock=clock)
    _, state = run(plan, checkpoint=path, clock=clock)
    assert (state.reason, state.seconds) == ("max_minutes", [25, 50, 75])
