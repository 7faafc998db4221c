"""Graphs that come pretrained, on a machine that has no data set."""

import json

import onnx
import pytest

from hotseat_registry import Reference
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.data.download import Source
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline.evaluate import measured
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import PRETRAINED, take

NAMES = sorted(path.name for path in PRETRAINED.iterdir())
NEEDS_DATA = [name for name in NAMES if name != "connect-four"]


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    """Neither a copy of a data set, nor a cache, nor the network."""
    monkeypatch.delenv("HOTSEAT_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def fetch(*_args):
        raise ConnectionError("no route to the host")

    monkeypatch.setattr(Source, "_fetch", fetch)


@pytest.fixture
def few_levels(monkeypatch):
    """A tenth of the requests that levels are measured by."""
    task = tasks.find("sokoban-levels")
    few = task.inputs()[:12]
    monkeypatch.setattr(type(task), "inputs", lambda _task: few)


@pytest.mark.parametrize("name", NEEDS_DATA)
@pytest.mark.usefixtures("no_data", "few_levels")
def test_a_pretrained_graph_needs_no_data(name, tmp_path, registry):
    """It brings card, figures and golden rows, is published, and answers."""
    run = take(tasks.find(name), tmp_path / "run")
    manifest, note = measured(run)
    assert "installed with the pretrained graph" in note
    assert "HOTSEAT_DATA" in note
    assert manifest.card.startswith(f"# {name}")
    made = publish(run, registry, by="ada", max_loss=100)
    models = ModelCache(registry, Settings(cache=str(tmp_path / "cache")))
    assert models.get(Reference(name, version=made.version)).manifest == made


@pytest.mark.usefixtures("no_data")
def test_figures_of_other_variants_do_not_stand(tmp_path):
    """A variant that was never measured needs the data set."""
    run = take(tasks.find("chat-moderation"), tmp_path / "run")
    run.model.write_bytes(run.quantized.read_bytes())
    with pytest.raises(DatasetError, match="HOTSEAT_DATA"):
        measured(run)


@pytest.mark.usefixtures("no_data", "few_levels")
def test_figures_of_another_graph_do_not_stand(tmp_path):
    """A run trained on one's own, by the same names, is not what was measured."""
    run = take(tasks.find("sokoban-levels"), tmp_path / "run")
    model = onnx.load(run.model)
    model.doc_string = "of one's own"
    onnx.save(model, run.model)
    with pytest.raises(DatasetError, match="HOTSEAT_DATA"):
        measured(run)


@pytest.mark.parametrize("name", NAMES)
def test_golden_rows_are_nobodys_words(name):
    """Made-up lines, boards and wishes; what they say is what the task lists."""
    golden = json.loads((PRETRAINED / name / "golden.json").read_text("utf-8"))
    texts = [row["input"].get("text") for row in golden["rows"]
             if isinstance(row["input"], dict)]  # fmt: skip
    said = [text for text in texts if text is not None]
    assert set(said) <= set(tasks.find("chat-moderation").golden)
    assert bool(said) == name.startswith("chat-moderation")
