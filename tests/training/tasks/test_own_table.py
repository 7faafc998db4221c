"""A studio's own table, trained in each family and served."""

import json

import pytest

from hotseat_registry import Reference
from hotseat_serve.kinds.explain import explain
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


@pytest.mark.parametrize("family", ["trees", "svm-linear", "mlp", "blend"])
def test_all_families_are_served_by_one_function(family, tmp_path, registry):
    """Trees, an SVM and a network go one way, and answer gaps and unseen categories."""
    task, _ = table(tmp_path, rows(), family=family)
    run = train(task, task.plan("adam"), tmp_path / "run")
    manifest = write(run, evaluate(run))
    metrics = manifest.variants[0].metrics
    assert metrics["roc_auc"] > 0.75
    assert 0 <= metrics["calibration_error"] < 0.5
    assert set(metrics["corrupted"]) == {"gaps", "noise", "unseen_categories"}
    assert "| hours | number | told apart | any | from " in manifest.card
    assert "; ROC AUC 0." in manifest.card
    assert str(tmp_path) not in json.dumps(manifest.to_json())
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = ModelCache(registry, settings).get(Reference("players", version=1))
    asked = [
        {"hours": 1, "level": 9, "country": "de", "vip": True},
        {"hours": 60, "level": 9, "country": "de", "vip": True},
        {"hours": None, "country": "atlantis"},
        {},
    ]
    leaving = [answer["scores"]["yes"] for answer in loaded.predict(asked)]
    assert leaving[0] > leaving[1]
    assert all(0 <= chance <= 1 for chance in leaving)
    with pytest.raises(Problem, match="expected a number at /0/hours, got a string"):
        loaded.predict([{"hours": "many"}])
    parts = explain(manifest.signature, asked[0], loaded.predict)["parts"]
    assert {part["part"] for part in parts} == {"hours", "level", "country", "vip"}


def test_a_run_knows_its_table_again_and_that_it_changed(tmp_path):
    """The family and settings come back; another file is not taken for the same."""
    task, _ = table(tmp_path, rows(), family="svm-linear", settings={"C": 0.5})
    run = train(task, task.plan("adam"), tmp_path / "run")
    again = tasks.of(run.read())
    assert (again.family, again.settings) == ("svm-linear", {"C": 0.5})
    assert again.dataset().test == task.dataset().test
    task.path.write_text(task.path.read_text() + "999,1,1,de,true,no\n")
    with pytest.raises(DatasetError, match="has changed since it was trained on"):
        tasks.of(run.read()).dataset()
