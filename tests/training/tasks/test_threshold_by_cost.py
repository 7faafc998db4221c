"""What a missed row costs decides the answers of the published version."""

import json

import pytest

from hotseat_registry import Manifest, Reference
from hotseat_registry.errors import IntegrityError
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table, players


def published(folder, registry, cost):
    """Train, evaluate and publish players of whom few stay."""
    rows = [row for row in players(600) if row["churned"] == "no"][:60] + [
        row for row in players(600) if row["churned"] == "yes"
    ]
    task, _ = own_table(folder, rows, cost=cost)
    run = train(task, task.plan_of({}), folder / "run")
    write(run, evaluate(run))
    return task, publish(run, registry, by="ada", report=lambda _line: None)


def test_the_service_answers_by_the_threshold_and_says_so(tmp_path, registry):
    """The version carries it, and its accuracy is that of these answers."""
    task, manifest = published(tmp_path, registry, 20.0)
    at = manifest.signature.label_threshold
    assert at is not None
    assert manifest.format == 4  # older readers would answer otherwise
    settings = Settings(cache=str(tmp_path / "cache"))
    model = ModelCache(registry, settings).get(Reference("players", version=1))
    test = task.dataset().test
    answers = model.predict(list(test.inputs))
    labels = manifest.signature.labels
    assert labels == ("no", "yes")
    for answer in answers:
        assert answer["threshold"] == {"label": "yes", "value": at}
        assert answer["label"] == labels[answer["scores"]["yes"] >= at]
        assert answer["probability"] == answer["scores"][answer["label"]]
    # "no" is the rarer label: a miss of it costs much, so it is answered early
    assert any(a["label"] == "no" and a["scores"]["no"] < 0.5 for a in answers)
    right = [
        a["label"] == labels[t] for a, t in zip(answers, test.targets, strict=True)
    ]
    accuracy = manifest.variants[0].metrics["accuracy"]
    assert accuracy == pytest.approx(sum(right) / len(right), abs=1e-4)
    assert "The answer is yes from a probability of" in manifest.card


def test_without_a_cost_the_more_probable_label_is_the_answer(tmp_path, registry):
    """And the version is one that older readers open."""
    _, manifest = published(tmp_path, registry, None)
    assert manifest.signature.label_threshold is None
    assert manifest.format == 1
    document = json.loads(json.dumps(manifest.to_json()))
    document["signature"]["label_threshold"] = 1.5
    with pytest.raises(IntegrityError, match="no probability"):
        Manifest.from_json(document)
    document["signature"] |= {"label_threshold": 0.5, "labels": ["a", "b", "c"]}
    with pytest.raises(IntegrityError, match="between two labels"):
        Manifest.from_json(document)


def test_a_cost_without_two_labels_is_refused(tmp_path):
    """It would change nothing."""
    rows = [row | {"churned": "abc"[at % 3]} for at, row in enumerate(players(200))]
    task, _ = own_table(tmp_path, rows, cost=5.0)
    with pytest.raises(DatasetError, match="is for two labels, and there are 3"):
        task.dataset()
