"""The training loop against values computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from four_points import POINTS, TARGETS, Points, line, run

from hotseat_train.errors import RunError, TrainError
from hotseat_train.optim import checkpoint as checkpoints
from hotseat_train.optim.loop import OPTIMIZERS, Plan
from hotseat_train.optim.schedule import SCHEDULES
from hotseat_train.optim.supervised import fit


def test_a_step_of_gd_is_the_gradient_of_the_whole_data():
    """One epoch of gd moves the weights by minus the rate times the mean gradient."""
    module, _ = run(Plan("gd", learning_rate=0.5, max_epochs=1))
    x, y = POINTS.numpy(), np.eye(2)[list(TARGETS)]
    gradient = (np.full((4, 2), 0.5) - y).T @ x / 4
    np.testing.assert_allclose(module.weight.detach(), -0.5 * gradient, atol=1e-7)


def test_a_step_of_sgd_is_the_gradient_of_a_batch():
    """With batches of one row, an epoch makes as many steps as there are rows."""
    steps = []
    module = line()
    module.register_forward_pre_hook(
        lambda m, args: steps.append(len(args[0])) if m.training else None
    )
    run(Plan("sgd", learning_rate=0.5, batch_size=1, max_epochs=1), module)
    assert steps == [1, 1, 1, 1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_goes_down(optimizer):
    """Each optimizer ends with a lower loss than it began with."""
    _, state = run(Plan(optimizer, learning_rate=0.1, max_epochs=20))
    assert state.curve[-1].train_loss < state.curve[0].train_loss


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Plan("gd", learning_rate=0.1, max_epochs=3), "max_epochs"),
        (Plan("gd", learning_rate=1e-9, max_epochs=9), "tolerance"),
        (Plan("sgd", learning_rate=1e5, max_epochs=99, patience=2), "patience"),
    ],
)
def test_it_stops_for_a_reason(plan, reason):
    """It stops at the last epoch, when the loss stands still, or gets no better."""
    validation = (Points(POINTS), (1, 0, 0, 1)) if reason == "patience" else None
    module, data = line(), (Points(), TARGETS)
    state = fit(module, data, validation or data, plan)
    assert state.reason == reason
    assert len(state.curve) <= plan.max_epochs


def test_the_best_epoch_is_kept():
    """The weights that are left are those of the lowest validation loss."""
    module, data = line(), (Points(), TARGETS)
    wrong = (Points(), (1, 0, 0, 1))
    plan = Plan("gd", learning_rate=1.0, max_epochs=5, tolerance=0)
    state = fit(module, data, wrong, plan)
    assert state.best_epoch.number == 1
    once, _ = run(Plan("gd", learning_rate=1.0, max_epochs=1))
    torch.testing.assert_close(module.weight, once.weight)


def test_a_checkpoint_of_another_plan_is_not_taken_up(tmp_path):
    """Other settings begin anew."""
    path = tmp_path / "checkpoint.pt"
    run(Plan("gd", 0.1, max_epochs=3), checkpoint=path)
    _, state = run(Plan("gd", 0.2, max_epochs=2), checkpoint=path)
    assert len(state.curve) == 2


@pytest.mark.parametrize("changed", ["rows", "labels", "validation", "network"])
def test_a_checkpoint_of_other_data_or_another_network_is_not_taken_up(
    changed, tmp_path
):
    """Trained again on new data, a run learns it, and keeps no weights of the old."""
    path = tmp_path / "checkpoint.pt"
    plan = Plan("gd", 0.1, max_epochs=3, tolerance=0)
    run(plan, checkpoint=path)
    other = (Points(POINTS + 1), TARGETS), (Points(), (1, 0, 0, 1))
    sides = {"rows": (other[0], (Points(), TARGETS)), "labels": (other[1],) * 2,
             "validation": ((Points(), TARGETS), other[0])}  # fmt: skip

    def fitted(checkpoint):
        hidden = torch.nn.Sequential(line(), torch.nn.ReLU(), line())
        module = hidden if changed == "network" else line()
        data = sides.get(changed, ((Points(), TARGETS),) * 2)
        return module, fit(module, *data, plan, checkpoint=checkpoint)

    (fresh, expected), (again, state) = fitted(None), fitted(path)
    assert state.curve == expected.curve
    for one, two in zip(fresh.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_momentum_goes_on_in_the_direction_of_the_last_step():
    """The second step is the gradient and nine tenths of the first (Polyak 1964)."""
    plan = Plan("momentum", 0.1, momentum=0.9, batch_size=4, max_epochs=1)
    first, _ = run(plan)
    x, y = POINTS.numpy(), np.eye(2)[list(TARGETS)]
    logits = x @ first.weight.detach().numpy().T + first.bias.detach().numpy()
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    step = first.weight.detach().numpy()  # from zero
    second = 0.9 * step - 0.1 * (chances - y).T @ x / 4
    both, _ = run(Plan("momentum", 0.1, momentum=0.9, batch_size=4, max_epochs=2,
                       tolerance=0))  # fmt: skip
    np.testing.assert_allclose(both.weight.detach(), step + second, atol=1e-6)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path):
    """What cannot be written is said, and the training goes on from the last epoch."""
    path = tmp_path / "checkpoint.pt"
    plan = Plan("momentum", 0.1, momentum=0.9, batch_size=2, max_epochs=6, tolerance=0)
    whole, _ = run(plan)
    part = path.with_suffix(".part")

    def fill(epoch):
        if epoch.number == 2:
            part.symlink_to("/dev/full")  # a device on which there is never room

    with pytest.raises(RunError, match=r"No space left.*resumes from it"):
        run(plan, checkpoint=path, report=fill)
    assert len(torch.load(path, weights_only=True)["curve"]) == 2
    assert not part.is_symlink()
    resumed, state = run(plan, checkpoint=path)
    assert len(state.curve) == 6
    torch.testing.assert_close(resumed.weight, whole.weight, rtol=0, atol=0)


def test_a_teacher_is_come_near_to():
    """With soft answers alone, the chances end at the teacher's."""
    teacher = np.array([[0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.7, 0.3]])
    plan = Plan("gd", 4.0, max_epochs=600, tolerance=0, patience=600, soft=1.0)
    points = Points(torch.eye(4))
    module = torch.nn.Linear(4, 2)
    data = (points, TARGETS)
    state = fit(module, data, data, plan, teacher=teacher)
    assert state.curve[-1].train_loss < state.curve[0].train_loss
    best = Plan("gd", 4.0, max_epochs=600, tolerance=0, patience=600)
    assert fit(torch.nn.Linear(4, 2), data, data, best).curve[-1].train_loss < 0.01
    assert state.curve[-1].train_loss == pytest.approx(
        -np.mean(np.sum(teacher * np.log(teacher), 1)), abs=0.01
    )


def test_a_training_stops_after_its_steps():
    """In the middle of an epoch, which is then measured as any other."""
    plan = Plan("sgd", 0.1, batch_size=1, max_steps=6, tolerance=0)
    _, state = run(plan)
    assert (state.reason, state.steps, len(state.curve)) == ("max_steps", 6, 2)


def test_the_average_is_what_is_left():
    """Weights that end are the moving average of those that each step had."""
    plan = Plan("gd", 0.5, max_epochs=1, tolerance=0, averaging=0.9)
    first, _ = run(replace(plan, averaging=0.0))
    # the average begins as the first step's weights (Polyak averaging of torch)
    once, _ = run(plan)
    torch.testing.assert_close(once.weight, first.weight)
    second, _ = run(replace(plan, averaging=0.0, max_epochs=2))
    both, _ = run(replace(plan, max_epochs=2))
    torch.testing.assert_close(both.weight, 0.9 * first.weight + 0.1 * second.weight)


def test_a_linear_schedule_falls_to_a_twentieth():
    """Each step moves by its own rate: the last one hardly at all."""
    rates = [SCHEDULES["linear"](step, 40) for step in range(40)]
    assert rates[0] == 1
    np.testing.assert_allclose(np.diff(rates), -0.95 / 40)
    assert SCHEDULES["linear"](40, 40) == pytest.approx(0.05)


@pytest.mark.parametrize("wrong", [{"optimizer": "rmsprop"}, {"schedule": "step"}])
def test_a_plan_with_an_unknown_name_is_refused(wrong):
    """No other optimizer or schedule takes its place without a word."""
    (name,) = wrong.values()
    with pytest.raises(TrainError, match=f"'{name}': expected .*"):
        Plan(**{"optimizer": "sgd", "learning_rate": 0.1, **wrong})


@pytest.mark.parametrize(("decay", "schedule"), [(True, "cosine"), (False, "constant")])
def test_a_stored_plan_of_version_0_1_is_read(decay, schedule):
    """What run.json holds of an earlier training is the same plan."""
    stored = {
        "optimizer": "adam", "learning_rate": 0.002, "momentum": 0.0, "batch_size": 128,
        "max_epochs": 6, "tolerance": 1e-05, "patience": 4, "seed": 0, "decay": decay,
        "clip": 0.0, "soft": 0.5,
    }  # fmt: skip
    wanted = Plan(
        "adam", 0.002, batch_size=128, max_epochs=6, soft=0.5, schedule=schedule
    )
    assert Plan.read(stored) == wanted


def test_a_checkpoint_of_version_0_1_goes_on(tmp_path):
    """It kept neither seconds nor steps nor an average."""
    path = tmp_path / "checkpoint.pt"
    plan = Plan("adam", 0.1, batch_size=3, max_epochs=6, tolerance=0, schedule="cosine")
    whole, expected = run(plan)

    def interrupt(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, checkpoint=path, report=interrupt)
    content = checkpoints.load(path)
    for name in ("seconds", "steps", "average", "objective"):
        del content[name]
    later = ("schedule", "weight_decay", "averaging", "max_steps", "max_minutes")
    content["plan"] = {k: v for k, v in content["plan"].items() if k not in later}
    content["plan"]["decay"] = True
    checkpoints.save(path, content)
    resumed, state = run(plan, checkpoint=path)
    assert state.curve == expected.curve
    torch.testing.assert_close(resumed.weight, whole.weight, rtol=0, atol=0)
