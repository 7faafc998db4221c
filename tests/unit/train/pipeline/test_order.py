"""Each step names the missing step before it."""

import pytest

from hotseat_train import run, tasks
from hotseat_train.compression import variants
from hotseat_train.errors import (
    RunError,
    TrainError,
)
from hotseat_train.pipeline.evaluate import evaluate
from hotseat_train.pipeline.publish import publish


def test_what_is_missing_is_named_with_the_verb_that_makes_it(tmp_path):
    """Each step says which one comes before it."""
    empty = run.Run(tmp_path / "empty")
    for act, says in (
        (lambda: variants.make(empty), "hotseat train"),
        (lambda: evaluate(empty), "hotseat train"),
        (lambda: publish(empty, None, by="ada"), "hotseat evaluate"),
        (lambda: run.find("nothing"), "hotseat train nothing"),
        (lambda: tasks.find("chess"), "there are: .*sentiment"),
    ):
        with pytest.raises(TrainError, match=says):
            act()
    assert issubclass(RunError, TrainError)
