"""Rows keep their split."""

import pytest

from hotseat_train.data.dataset import split
from hotseat_train.errors import (
    DatasetError,
)


def test_a_row_stays_in_its_split_when_others_come():
    """Adding rows moves none of those that were there."""
    rows = [(str(n), n, 0) for n in range(100)]
    few, many = split(rows[:60], 0), split(rows, 0)
    for before, after in zip(few, many, strict=True):
        assert set(before.inputs) <= set(after.inputs)
    with pytest.raises(DatasetError, match="too few"):
        split(rows[:2], 0)
