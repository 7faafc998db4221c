"""Data of the tasks: no target leakage, no row in two splits."""

import numpy as np
import pytest

from hotseat_train import tasks
from hotseat_train.errors import TrainError
from hotseat_train.tasks import player_churn

needs_data = pytest.mark.usefixtures("data_files")


@needs_data
def test_churn_knows_nothing_of_what_came_later():
    """No column of the year as a whole, and no month after September."""
    dataset = player_churn.TASK.dataset()
    names = set(dataset.train.inputs[0])
    assert not names & {"oct", "nov", "dec", "zone", "level", "playcount",
                        "playduration", "numOfJoinedGuild"}  # fmt: skip
    assert all(sum(row[m] for m in ("jul", "aug", "sep")) > 0
               for row in dataset.test.inputs)  # fmt: skip
    share = np.mean([*dataset.train.targets, *dataset.test.targets])
    assert 0.4 < share < 0.5


@needs_data
def test_churn_learns_from_earlier_months_and_asks_nobody_twice():
    """Who is asked is not learned from, not even as seen in July; copies count once."""
    dataset = player_churn.TASK.dataset()
    learned = dataset.training_rows(dataset.train, dataset.validation)
    assert len(learned) > 2 * len(dataset.train)
    asked = {*dataset.validation.keys, *dataset.test.keys}
    assert not asked & set(learned.keys)
    for rows in (dataset.test, dataset.train_only.pick(range(2000))):
        assert all(sum(row[m] for m in ("jul", "aug", "sep")) > 0
                   for row in rows.inputs)  # fmt: skip
    months = [
        (key, *(row[m] for m in player_churn.SERIES), row["start_level"])
        for key, row in zip(dataset.test.keys, dataset.test.inputs, strict=True)
    ]
    assert len(months) - len(set(months)) < 5  # alike till September, not after it


def test_a_player_seen_in_august_is_known_till_august():
    """The month last known stands last, and the three after it are the answer."""
    row = dict.fromkeys(player_churn._MONTHS, 0.0) | {
        "char": 7, "race": "Orc", "charclass": None, "start_month": 6, "start_level": 1,
        "Jun": 6.0, "Aug": 8.0, "Dec": 12.0,
    }  # fmt: skip
    ((key, known, leaves),) = player_churn._seen([row], 8)
    assert (key, leaves) == ("player 7", 1)
    assert (known["jul"], known["aug"], known["sep"]) == (6.0, 0.0, 8.0)
    assert (known["start_month"], known["charclass"]) == (7, "unknown")
    ((_, _, leaves),) = player_churn._seen([row], 9)
    assert leaves == 0
    assert not player_churn._seen([row], 5)


def test_a_task_of_one_family_has_no_other():
    """What cannot be is said."""
    with pytest.raises(TrainError, match="leave --family out"):
        tasks.find("sentiment", "trees")
