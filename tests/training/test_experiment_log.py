"""`train --log`: what the clients of MLflow and TensorBoard read back."""

import pytest

from hotseat import _cli
from hotseat_train.testing import own_table, players


def _train(folder, *more):
    own_table(folder, players(300))
    return _cli.main(
        ["train", "--data", str(folder / "players.csv"), "--target", "churned",
         "--family", "mlp", "--max-epochs", "3", "--run", str(folder / "run"), *more]
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning",
                            "ignore::ResourceWarning")  # fmt: skip
def test_mlflow_has_the_curve_and_the_plan(tmp_path, monkeypatch):
    """One run in the experiment of the model's name."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    assert _train(tmp_path, "--log", "mlflow") == 0
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("players")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["max_epochs"] == "3"
    curve = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [point.step for point in curve] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_event_files_in_the_run(tmp_path):
    """Written by tensorboardX, with a scalar for each metric."""
    pytest.importorskip("tensorboardX")
    assert _train(tmp_path, "--log", "tensorboard") == 0
    (events,) = (tmp_path / "run/tensorboard").glob("events*")
    data = events.read_bytes()
    assert data.count(b"validation_loss") >= 3
    assert data.count(b"validation_accuracy") >= 3
