"""The search lowers the validation loss, in one process and on Ray."""

import json
from dataclasses import replace

import pytest

from hotseat_train.errors import TrainError
from hotseat_train.pipeline.hyperparameter_search import Objective, Search
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


def question(task):
    """A small question about it."""
    return Objective(task, task.dataset(), task.plan("adam"))


def test_a_search_goes_on_where_it_was(tmp_path):
    """Asked for more, it makes only those that are missing; the best is written."""
    task, _ = table(tmp_path, rows(), family="svm-linear")
    seen = []
    search = Search(tmp_path / "search")
    for trials in (2, 5, 5):
        search.run(question(task), trials, report=lambda t: seen.append(t.number))
    assert seen == [0, 1, 2, 3, 4]
    found = json.loads(search.best.read_bytes())
    assert found["family"] == "svm-linear"
    assert found["trials"] == 5
    losses = [t.value for t in search.study().trials]
    assert found["loss"] == min(losses)
    again = Search(tmp_path / "again")
    again.run(question(task), 2)
    assert [t.value for t in again.study().trials] == losses[:2]  # seeded
    best = replace(task, settings=found["settings"])
    run = train(best, task.plan("adam"), tmp_path / "run")
    assert run.read()["best"]["validation_loss"] == pytest.approx(found["loss"])


def test_what_does_worse_is_ended_early(tmp_path):
    """A network's trial reports each epoch, and some do not come to their end."""
    task, _ = table(tmp_path, rows(), family="mlp")
    search = Search(tmp_path / "search")
    short = replace(question(task), plan=replace(task.plan("adam"), max_epochs=4))
    search.run(short, 14)
    states = {trial.state.name for trial in search.study().trials}
    assert states == {"COMPLETE", "PRUNED"}
    assert "learning_rate" in json.loads(search.best.read_bytes())["plan"]


def test_a_blend_is_not_searched(tmp_path):
    """Its members' settings are their own; nothing is begun."""
    task, _ = table(tmp_path, rows(), family="blend")
    with pytest.raises(TrainError, match="search those of one of its members"):
        Search(tmp_path / "search").run(question(task), 2)
    assert not (tmp_path / "search").exists()


def test_no_time_is_said(tmp_path):
    """Without one finished trial there is no best."""
    task, _ = table(tmp_path, rows(), family="svm-linear")
    with pytest.raises(TrainError, match="no trial was completed"):
        Search(tmp_path / "search").run(question(task), 0)


@pytest.mark.slow
def test_ray_makes_the_same_search(tmp_path):
    """Two workers of a local Ray fill the same journal, by the same objective."""
    ray = pytest.importorskip("ray")
    task, _ = table(tmp_path, rows(), family="svm-linear")
    search = Search(tmp_path / "search")
    search.run(question(task), 2)
    numbers = []
    search.run(question(task), 5, ray="local",
               report=lambda t: numbers.append(t.number))  # fmt: skip
    assert sorted(numbers) == [2, 3, 4]
    assert not ray.is_initialized()
    best = search.study().best_trial
    assert question(task).loss(_again(best)) == pytest.approx(best.value)


def _again(trial):
    import optuna

    return optuna.trial.FixedTrial(trial.params)
