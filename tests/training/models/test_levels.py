"""Generators trained on levels, their graphs and their publication."""

import numpy as np
import pytest
import torch

from hotseat_registry import Reference
from hotseat_serve.kinds.options import Options
from hotseat_serve.rules import platformer, sokoban
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.models.levels import autoregressive
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import PRETRAINED, train
from hotseat_train.run import Run
from hotseat_train.tasks import sokoban_levels

needs_data = pytest.mark.usefixtures("data_files")


def striped(count, random):
    """Batches of grids in which each column is of one tile, 0 or 1 by turns."""
    first = random.integers(2, size=(count, 1, 1))
    whole = np.broadcast_to((first + np.arange(4)) % 2, (count, 3, 4))
    seen, target = autoregressive.cut(whole, random.integers(3, 12, count), "columns")
    return seen, np.zeros((count, 2), np.float32), target


def test_a_step_model_learns_and_one_seed_learns_the_same():
    """The held-out loss falls to nearly none; the same seed gives the same weights."""
    held = striped(200, np.random.default_rng(1))
    nets, curves = [], []
    for _ in range(2):
        torch.manual_seed(0)
        nets.append(
            autoregressive.LaggedMLP(
                (3, 4), tiles=2, wishes=2, lags=4, hidden=16, lag_dropout=0
            )
        )
        plan = autoregressive.plan(steps=150, batch_size=64, learning_rate=0.01)
        curve = autoregressive.learn(nets[-1], striped, held, plan, lambda _line: None)
        curves.append([loss for _, loss in curve])
    assert curves[0] == curves[1]
    assert curves[0][-1] < 0.05
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)


def test_an_interrupted_step_model_ends_as_if_it_had_not_been(tmp_path):
    """It goes on from its checkpoint: dropped lags, rate and batches are the same."""
    held = striped(200, np.random.default_rng(1))
    plan = autoregressive.plan(steps=450, batch_size=16, learning_rate=0.01)
    path = tmp_path / "checkpoint.pt"

    def learn(report, path=None):
        torch.manual_seed(0)
        net = autoregressive.LaggedMLP((3, 4), tiles=2, wishes=2, lags=4, hidden=16)
        curve = autoregressive.learn(net, striped, held, plan, report, path)
        return net, [loss for _, loss in curve]

    def interrupt(line):
        if line.startswith("step 200"):
            raise KeyboardInterrupt

    whole, losses = learn(lambda _line: None)
    assert len(losses) == 3  # after 200, 400 and 450 steps
    with pytest.raises(KeyboardInterrupt):
        learn(interrupt, path)
    lines = []
    resumed, again = learn(lines.append, path)
    assert again == losses
    assert [line.partition(":")[0] for line in lines] == [
        "step 400 of 450", "step 450 of 450",
    ]  # fmt: skip
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["connect-four", "sokoban-levels"])
def test_the_graphs_that_come_along_serve(name):
    """They answer what they are asked, and the same again."""
    task = tasks.find(name)
    loaded = task.loaded(PRETRAINED / name / "model.onnx")
    for given, options in task.requests()[:3]:
        (answer,) = loaded.predict([given], options=Options(**options))
        assert answer.get("action") or answer["item"]
        again = loaded.predict([given], options=Options(**options))[0]
        assert again == answer


def test_sokoban_levels_keep_their_wish():
    """The boxes are as many as wished, and harder wishes get harder levels."""
    loaded = sokoban_levels.TASK.loaded(PRETRAINED / "sokoban-levels/model.onnx")
    found = {1: [], 8: []}
    for hard, measured in found.items():
        for seed in range(6):
            wish = {"boxes": 3, "difficulty": hard}
            (answer,) = loaded.predict([wish], options=Options(seed=seed))
            level = sokoban.read(answer["item"])
            assert len(level.boxes) == answer["boxes"] == 3
            assert sokoban.solve(level) is not None
            measured.append(answer["difficulty"])
    assert np.mean(found[8]) > np.mean(found[1]) + 3


@needs_data
def test_maps_are_learned_published_and_served(tmp_path, registry, monkeypatch):
    """A small run of the same pipeline; every piece that comes back can be walked."""
    task = tasks.find("mario-levels")
    few = task.inputs()[:36]
    monkeypatch.setattr(type(task), "inputs", lambda _task: few)
    run = Run(tmp_path / "run")
    train(task, 0.2, run.folder)
    manifest = write(run, evaluate(run))
    metrics = manifest.variants[0].metrics
    assert metrics["playable_of_returned"] == 1.0
    assert metrics["returned"] > 0.9
    assert metrics["new"] == 1.0
    assert metrics["gaps_follow_wish"] > 0.5
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = ModelCache(registry, settings).get(Reference("mario-levels", version=1))
    wish = {"enemies": 3, "gaps": 2}
    (answer,) = loaded.predict([wish], options=Options(seed=5))
    assert platformer.check(answer["item"], {}, lambda: False) is not None
    assert answer["enemies"] == "".join(answer["item"]).count("E")
