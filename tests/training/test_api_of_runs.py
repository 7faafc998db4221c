"""`hotseat_train.api` with data frames, and for a table in batches."""

import pytest

from hotseat_registry import open_registry
from hotseat_train import api
from hotseat_train.errors import DatasetError
from hotseat_train.testing import own_table, players


def test_a_data_frame_is_trained_evaluated_and_published(tmp_path):
    """Of pandas, as of any library with Arrow's interface."""
    pytest.importorskip("pandas")
    own_table(tmp_path, players(400))
    frame = api.load(tmp_path / "players.csv", target="churned").arrow.to_pandas()
    epochs, notes = [], []
    run = api.train(
        frame, "churned", run=tmp_path / "run", name="m", family="mlp",
        epoch=epochs.append, note=notes.append,
    )  # fmt: skip
    assert epochs[0].number == 1
    manifest = api.evaluate(run)
    assert manifest.variants[0].metrics["accuracy"] > 0.7
    again = api.evaluate(run.folder, data=tmp_path / "players.csv")
    assert again.metrics["fp32"]["rows"] == 400
    uri = f"file://{tmp_path}/registry"
    assert str(api.publish(run, registry=uri, by="ada").reference) == "m@1"
    assert open_registry(uri).versions("m") == [1]


def test_a_table_in_batches_is_trained(tmp_path):
    """The same call with `stream`."""
    own_table(tmp_path, players(2_000))
    run = api.train(
        tmp_path / "players.csv", "churned", id="player_id", run=tmp_path / "run",
        stream=True, settings={"n_estimators": 20},
    )  # fmt: skip
    assert api.evaluate(run).variants[0].metrics["roc_auc"] > 0.75
    assert "forecast" in run.read()


def test_what_is_no_table_is_refused(tmp_path):
    """With what is expected."""
    with pytest.raises(TypeError, match="expected a path, or a data frame"):
        api.train([1, 2], "churned", run=tmp_path)
    with pytest.raises(DatasetError, match="no such file"):
        api.load(tmp_path / "none.csv")
    with pytest.raises(TypeError, match="name= and example="):
        api.publish(object())
