"""What is measured, recorded and published is one model."""

import hashlib
import json

import numpy as np
import pytest

from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train import run as runs
from hotseat_train.errors import DatasetError, ParityError
from hotseat_train.evaluation.labelled import predict
from hotseat_train.models.tables.families import names
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.moved_data import follow
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table, players

QUICK = {"max_epochs": 2}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [150, 300])
def test_the_recorded_loss_of_trees_is_that_of_the_kept_trees(tmp_path, count, seed):
    """An iteration without a split adds no tree, and counts for nothing."""
    task, _ = own_table(tmp_path, players(count, seed))
    run = train(task, task.plan("adam"), tmp_path / "run")
    record = run.read()
    manifest = evaluate(run).manifest
    assert manifest.variants[0].metrics["parity_difference"] < 1e-3
    model = LoadedModel(manifest, "fp32", Session(run.model))
    validation = task.dataset().validation
    scores = [row["scores"] for row in predict(model, validation.inputs)]
    labels = manifest.signature.labels
    losses = [-np.log(row[labels[t]]) for row, t in
              zip(scores, validation.targets, strict=True)]  # fmt: skip
    assert np.mean(losses) == pytest.approx(record["best"]["validation_loss"], abs=1e-4)
    numbers = [point["number"] for point in record["curve"]]
    assert numbers == sorted(set(numbers))


def test_a_graph_that_is_not_the_model_is_refused_whatever_the_log_says(tmp_path):
    """Rows are compared with the model's own answers."""
    task, _ = own_table(tmp_path, players())
    run = train(task, task.plan("adam"), tmp_path / "run")
    record = run.read()
    record["best"]["validation_loss"] += 1
    runs.write(run.record, record)
    evaluate(run)
    dataset = task.dataset()
    learner = task.learner(dataset.train, 1)
    learner.fit(dataset.train.pick(range(80)), dataset.validation, task.plan("adam"))
    learner.export(run.model)
    with pytest.raises(ParityError, match="otherwise than the trained model"):
        evaluate(run)


@pytest.mark.parametrize("family", ["mlp", "trees"])
def test_a_finished_run_is_trained_anew_on_new_rows(family, tmp_path):
    """The nightly command: yesterday's weights, variants and figures are gone."""
    task, _ = own_table(tmp_path, players(), family=family)
    run = train(task, task.plan_of(QUICK), tmp_path / "run")
    write(run, evaluate(run))
    before = run.model.read_bytes()
    (run.folder / "notes.json").write_text("{}")
    run.graph("int8-dynamic").write_bytes(before)
    turned = [
        {**row, "churned": "no" if row["churned"] == "yes" else "yes"}
        for row in players(seed=2)
    ]
    task, _ = own_table(tmp_path, turned, family=family)
    train(task, task.plan_of(QUICK), tmp_path / "run")
    assert set(run.graphs()) == {"fp32"}
    assert not run.manifest.exists()
    assert (run.folder / "notes.json").exists()
    assert run.model.read_bytes() != before
    fresh = train(task, task.plan_of(QUICK), tmp_path / "fresh")
    assert fresh.model.read_bytes() == run.model.read_bytes()


@pytest.mark.parametrize("family", names())
def test_the_same_seed_gives_the_same_graph(family, tmp_path):
    """To the byte, in every family."""
    task, _ = own_table(tmp_path, players(), family=family)
    digests = {
        hashlib.sha256(
            train(task, task.plan_of(QUICK), tmp_path / name).model.read_bytes()
        ).hexdigest()
        for name in ("one", "two")
    }
    assert len(digests) == 1


def test_a_checkpoint_of_other_settings_is_not_resumed(tmp_path):
    """Dropout leaves the shapes as they are, and makes another model all the same."""
    task, _ = own_table(tmp_path, players(), family="mlp")
    run = train(task, task.plan_of(QUICK), tmp_path / "run")
    run.record.unlink()  # as if it had been interrupted at the end
    other, _ = own_table(tmp_path, players(), family="mlp", settings={"dropout": 0.5})
    train(other, other.plan_of(QUICK), tmp_path / "run")
    assert len(json.loads(run.record.read_bytes())["curve"]) == 2
    fresh = train(other, other.plan_of(QUICK), tmp_path / "fresh")
    assert fresh.model.read_bytes() == run.model.read_bytes()


def test_moved_data_can_be_named_again(tmp_path):
    """The same bytes at another place; other bytes are not taken for them."""
    task, _ = own_table(tmp_path, players())
    run = train(task, task.plan_of(QUICK), tmp_path / "run")
    assert not follow(run, task.path)  # it is where it was
    moved = task.path.rename(tmp_path / "moved.csv")
    with pytest.raises(DatasetError, match="hotseat evaluate RUN --data FILE"):
        evaluate(run)
    (tmp_path / "other.csv").write_text(moved.read_text() + "1,2,3,de,true,no\n")
    assert not follow(run, tmp_path / "other.csv")
    assert follow(run, moved)
    evaluate(run)


def test_options_that_a_family_ignores_are_named(tmp_path):
    """With the family that uses them; a seed is used by all."""
    task, _ = own_table(tmp_path, players())
    assert "the family trees does not use --learning-rate" in task.unused(
        {"learning_rate", "seed"}
    )
    assert not task.unused({"seed"})
    assert not task.choose("mlp").unused({"learning_rate", "max_epochs"})
    assert "--minutes is for self-trained tasks" in task.choose("mlp").unused(
        {"minutes"}
    )
