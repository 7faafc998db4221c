"""Small runs of the tasks on their data."""

import os
from dataclasses import replace

import pytest

from hotseat_registry import Reference
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.compression import prune_distill, variants
from hotseat_train.data.dataset import Split
from hotseat_train.errors import RunError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import take, train
from hotseat_train.tasks import chat_moderation

needs_data = pytest.mark.usefixtures("data_files")


@needs_data
@pytest.mark.parametrize("family", ["logistic", "trees"])
def test_churn_is_trained_measured_published_and_served(family, tmp_path, registry):
    """From the table to the service, in two families, with the whole report."""
    task = tasks.find("player-churn", family)
    plan = replace(task.plan("adam"), max_epochs=3)
    run = train(task, plan, tmp_path / "run", rows=2000)
    manifest = write(run, evaluate(run))
    metrics = manifest.variants[0].metrics
    assert metrics["roc_auc"] > 0.78
    low, high = metrics["roc_auc_interval"]
    assert low < metrics["roc_auc"] < high
    assert 0.02 < high - low < 0.1
    assert metrics["lift_top_tenth"] > 1.5
    assert {"average_precision", "brier", "f1"} <= set(metrics)
    said = "fitted in one go"
    assert family in manifest.card
    assert said in manifest.card
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    loaded = ModelCache(registry, settings).get(Reference("player-churn", version=1))
    quiet = {"jul": 1, "aug": 0, "sep": 0, "race": "Gnome", "charclass": "Mage"}
    busy = {**quiet, "jul": 900, "aug": 900, "sep": 900}
    leaving = [answer["scores"]["leaves"] for answer in loaded.predict([quiet, busy])]
    assert leaving[0] > leaving[1]


@needs_data
def test_chat_is_split_by_match_and_by_text():
    """No match and no Chinese text is on two sides; four labels, two languages."""
    dataset = tasks.find("chat-moderation").dataset()
    sides = [dataset.train, dataset.validation, dataset.test]
    task = tasks.find("chat-moderation")
    chinese = [{t for t in side.inputs if task.group(t) == "zh"} for side in sides]
    assert not chinese[0] & chinese[2]
    assert not chinese[0] & chinese[1]
    # without the generated rows, which are trained on alone
    own = [sum(key.startswith("zh ") for key in side.keys) for side in sides]
    assert min(own) > 0.05 * sum(own)
    assert set(dataset.train.targets) == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def small_chat(tmp_path_factory, data_files):
    """A small real run of the chat: the first rows, a small network, no teacher."""
    assert data_files is None
    task = tasks.find("chat-moderation")
    plan = replace(task.plan("adam"), batch_size=32, max_epochs=3, soft=0.0)
    with pytest.MonkeyPatch.context() as patch:
        small = replace(chat_moderation.SHAPE, hidden=(160, 160), steps=(1, 2))
        patch.setattr(chat_moderation, "SHAPE", small)
        yield train(task, plan, tmp_path_factory.mktemp("chat") / "run", rows=3000)


@needs_data
def test_chat_is_trained_and_measured_by_language(small_chat):
    """A small run knows most lines, and nearly as many of them obfuscated."""
    metrics = write(small_chat, evaluate(small_chat)).variants[0].metrics
    assert metrics["by"]["en"]["accuracy"] > 0.68
    assert metrics["by"]["zh"]["accuracy"] > 0.6
    assert set(metrics["by"]["zh"]["f1"]) == {"ok", "toxic"}
    plain = metrics["by"]["en"]["accuracy"]
    assert metrics["obfuscated"]["by"]["en"]["accuracy"] > plain - 0.1
    assert 0 < metrics["by"]["en"]["recall_at_1_percent"]["toxic"] < 1


@needs_data
def test_chat_is_made_smaller_in_every_way(small_chat, monkeypatch):
    """Each method leaves a graph whose shapes or weights are smaller, and measured."""
    monkeypatch.setattr(prune_distill, "_TUNING_EPOCHS", 1)
    restored = prune_distill.restored

    def few(source, task):
        learner, rows, validation, plan = restored(source, task)
        part = dataset_part(rows, 600)
        return learner, part, dataset_part(validation, 300), replace(plan, max_epochs=1)

    monkeypatch.setattr(prune_distill, "restored", few)
    made = variants.make(small_chat, variants.METHODS)
    size = {name: path.stat().st_size for name, path in made.items()}
    whole = small_chat.model.stat().st_size
    assert size["pruned"] < whole
    assert size["distilled"] < 0.75 * whole
    for name in ("int8-dynamic", "int8-static", "pruned-int8-dynamic",
                 "distilled-int8-dynamic", "distilled-int8-static"):  # fmt: skip
        # the vocabulary stays as it is, which is more of a network trained on few lines
        assert size[name] < whole / 3, name
    assert set(small_chat.graphs()) == {"fp32", *made}


@pytest.mark.skipif(
    "HOTSEAT_DATA" not in os.environ,
    reason="its figures are of real lines; test_pretrained.py does without them",
)
def test_the_pretrained_chat_is_measured_and_published(tmp_path, registry):
    """Without training, int8 is what is served, with the record of how it was made."""
    task = tasks.find("chat-moderation")
    run = take(task, tmp_path / "run")
    manifest = write(run, evaluate(run))
    (variant,) = manifest.variants
    assert variant.name == manifest.default_variant == "int8-dynamic"
    assert variant.metrics["bytes"] < 10e6
    hidden = variant.metrics["obfuscated"]["by"]
    for language, part in variant.metrics["by"].items():
        assert part["accuracy"] > 0.88, language
        assert part["accuracy"] - hidden[language]["accuracy"] < 0.05, language
    published = publish(run, registry, by="ada")
    assert published.lineage["plan"]["optimizer"] == "adam"
    with pytest.raises(RunError, match="leave --pretrained out"):
        take(tasks.find("sentiment"), tmp_path / "other")


def dataset_part(rows, count):
    """The first of some rows."""
    return Split(rows.inputs[:count], rows.targets[:count])
