"""The search lowers the validation loss, on Ray as here; families stand by folds."""

import json
from dataclasses import replace

import onnx
import pytest

from hotseat_train.compression import tree_pruning, variants
from hotseat_train.errors import DatasetError, RunError, TrainError
from hotseat_train.evaluation import calibration_error
from hotseat_train.pipeline import cross_validation
from hotseat_train.pipeline.evaluate import evaluate, write
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
    task, _ = table(tmp_path, rows(), family="logistic")
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
    with pytest.raises(TrainError, match="no trial came to an end"):
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


def test_families_stand_side_by_side_and_keys_stay_together(tmp_path):
    """Each family on the same folds, seeded; no row of the test split among them."""
    task, _ = table(tmp_path, rows())
    families = ("trees", "svm-linear")
    found = cross_validation.compare(task, 3, {}, families=families)
    assert found[0].loss <= found[1].loss
    assert {item.family for item in found} == set(families)
    assert all(item.roc_auc > 0.7 and item.bytes > 500 for item in found)
    again = cross_validation.compare(task, 3, {}, families=families)
    assert [item.loss for item in again] == [item.loss for item in found]
    dataset = task.dataset()
    asked = [
        part
        for _, part in cross_validation.cut(dataset.train + dataset.validation, 3, 0)
    ]
    keys = [set(part.keys) for part in asked]
    assert not keys[0] & keys[1]
    assert sum(map(len, asked)) == len(dataset.train) + len(dataset.validation)
    assert not set.union(*keys) & set(dataset.test.keys)
    with pytest.raises(DatasetError, match="1 folds: give at least 2"):
        cross_validation.compare(task, 1, {})


@pytest.mark.parametrize("family", ["trees", "blend"])
def test_fewer_and_shorter_trees_are_variants(family, tmp_path):
    """They are smaller, are served, and are measured with what they lost."""
    task, _ = table(tmp_path, rows(600), family=family)
    run = train(task, task.plan("adam"), tmp_path / "run")
    made = variants.make(run)
    assert {"trees-20", "trees-pruned"} <= set(made)
    manifest = write(run, evaluate(run))
    by = {variant.name: variant.metrics for variant in manifest.variants}
    assert by["trees-20"]["bytes"] < 0.7 * by["fp32"]["bytes"]
    assert by["trees-pruned"]["bytes"] < 0.8 * by["fp32"]["bytes"]
    assert by["trees-pruned"]["roc_auc"] > by["fp32"]["roc_auc"] - 0.05
    assert "loss_interval" in by["trees-20"]
    whole = tree_pruning.shrink(run, fewer=(), share=0.0)["trees-pruned"]
    assert _leaves(whole) == _leaves(run.model)
    other, _ = table(tmp_path, rows(), family="svm-linear")
    machine = train(other, other.plan("adam"), tmp_path / "machine")
    with pytest.raises(RunError, match="no trees"):
        tree_pruning.shrink(machine)


def _leaves(path):
    node = next(n for n in onnx.load(path).graph.node if "TreeEnsemble" in n.op_type)
    modes = next(a for a in node.attribute if a.name == "nodes_modes").strings
    return list(modes).count(b"LEAF")


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
