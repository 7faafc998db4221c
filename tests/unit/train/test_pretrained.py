"""Graphs that come pretrained, on a machine that has no data set."""

import json

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
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
from hotseat_train.tasks import player_churn

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


@pytest.mark.parametrize("name", NEEDS_DATA)
@pytest.mark.usefixtures("no_data")
def test_a_pretrained_graph_needs_no_data(name, tmp_path, registry):
    """It brings card, figures and golden rows, is published, and answers."""
    run = take(tasks.find(name), tmp_path / "run")
    manifest, note = measured(run)
    assert "came with the pretrained graph" in note
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


@pytest.mark.usefixtures("no_data")
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
    assert bool(said) == (name == "chat-moderation")


def test_churn_takes_the_whole_file_and_the_part_of_it(tmp_path, monkeypatch):
    """The same players are learned from; those left apart are never read."""
    months = player_churn._MONTHS
    rows = [
        {
            "char": n, "race": "Orc", "charclass": "Mage", "start_month": 1,
            "start_level": n % 60, **{month: (n * at) % 7 for at, month in
                                      enumerate(months, 1)},
        }
        for n in range(1, 400)
    ]  # fmt: skip
    found = []
    for name, kept in (
        ("whole", rows),
        ("part", [row for row in rows if row["char"] % 5]),
    ):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(kept), path)
        monkeypatch.setattr(Source, "path", lambda _source, path=path: path)
        found.append(player_churn.TASK.dataset())
    assert found[0] == found[1]
    keys = {key for part in (found[0].train, found[0].test) for key in part.keys}
    assert not [key for key in keys if int(key.removeprefix("player ")) % 5 == 0]


def test_churns_digest_is_that_of_its_address():
    """A copy of the part that is learned from is taken as well."""
    assert player_churn._PLAYERS.sha256.startswith("7ad42274e757")
    assert len(player_churn._PLAYERS.also) == 1
