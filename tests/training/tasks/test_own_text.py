"""Texts of one's own, in two languages, the whole way."""

import json

import pytest

from hotseat_registry import Reference
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.compression import variants
from hotseat_train.errors import TrainError
from hotseat_train.evaluation.behaviour import Case, Suite
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.tasks.own_text import OwnText
from hotseat_train.testing import chat


class Behaved(OwnText):
    """A task with behaviour tests."""

    behaviour = Suite(
        (
            Case("stupid noob", "insult", "en", harmful=True, twin="nice push"),
            Case("nice push", "insult", "en", harmful=False, twin="stupid noob"),
            Case("gg wp push", "threat", "en", harmful=True, twin="gg wp"),
            Case("gg wp", "threat", "en", harmful=False),
        ),
        ("toxic",),
    )


def test_texts_are_trained_quantized_published_and_served(tmp_path, registry):
    """A text in, labels out; no line of a player is in the version."""
    path = tmp_path / "chat.jsonl"
    rows = chat()
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    task = Behaved(path=path, target="label", text="text", name="chat")
    run = train(task, task.plan_of({"max_epochs": 8}), tmp_path / "run")
    assert tasks.of(run.read()).text == "text"
    variants.make(run, ("dynamic",))
    manifest = write(run, evaluate(run, task))
    metrics = manifest.variants[0].metrics
    behaviour = metrics["behaviour"]
    assert (behaviour["caught"], behaviour["innocent_hit"]) == (0.5, 0.0)
    assert behaviour["word_list"]["by"]["insult, en"]["caught"] == 1.0
    assert "## Behaviour tests" in manifest.card
    page = run.behaviour.read_text("utf-8")
    assert "threat, en</b>: 1 missed" in page
    assert "<code>gg wp p***</code>" in page
    assert metrics["accuracy"] > 0.9
    assert metrics["simplest_rules"]["a word list"] > 0.8
    assert "a word list" in manifest.card
    assert metrics["threshold"]["label"] == "toxic"
    golden = json.loads(run.golden.read_bytes())["rows"]
    lines = {row["text"] for row in rows}
    assert not {row["input"]["text"] for row in golden} & lines
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    model = ModelCache(registry, settings).get(Reference("chat", version=1))
    kind, rude = model.predict(["gg wp 谢谢", "noob 垃圾 push"])
    assert (kind["label"], rude["label"]) == ("ok", "toxic")
    with pytest.raises(TrainError, match="--column text=text"):
        task.choose("trees")


def test_few_rows_are_learned_in_small_batches(tmp_path):
    """A hundred and fifty lines: an epoch still has the steps to learn from."""
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in chat(200)))
    task = OwnText(path=path, target="label", text="text", name="chat")
    plan = task.plan_of({})
    assert plan.batch_size == 16
    assert task.plan_of({"batch_size": 99}).batch_size == 99
    data = task.dataset()
    learner = task.learner(data.train, 0)
    learner.fit(data.train, data.validation, plan)
    found = learner.probabilities(data.test.inputs).argmax(1)
    assert (found == data.test.targets).mean() > 0.85
