"""A process reads the data set once."""

from hotseat_train.compression import variants
from hotseat_train.pipeline.evaluate import evaluate
from hotseat_train.pipeline.train import train
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.testing import own_table, players


def test_the_steps_of_a_process_read_the_data_once(tmp_path, monkeypatch):
    """Training, quantizing and evaluating share what the first of them read."""
    reads = []
    read = OwnTable.dataset

    def counted(task):
        reads.append(task.name)
        return read(task)

    monkeypatch.setattr(OwnTable, "dataset", counted)
    task, _ = own_table(tmp_path, players(), family="mlp")
    run = train(task, task.plan_of({"max_epochs": 2}), tmp_path / "run")
    variants.make(run, ("static",), task=task)
    evaluate(run, task)
    assert len(reads) == 1
