"""Optimizers compared on the same rows."""

from hotseat_train.pipeline import optimizer_comparison
from hotseat_train.tasks.sentiment import TASK


def test_the_optimizers_are_drawn_beside_each_other(tmp_path):
    """Each one's loss goes down on the same rows, and one picture shows them all."""
    runs = optimizer_comparison.compare(TASK, tmp_path, max_epochs=5, rows=2000)
    assert set(runs) == {"gd", "sgd", "momentum", "adam"}
    for run_of in runs.values():
        curve = run_of.read()["curve"]
        assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    assert optimizer_comparison.picture(tmp_path).read_bytes().startswith(b"\x89PNG")
