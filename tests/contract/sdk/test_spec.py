"""sdk/spec against the SDK."""

import json
from pathlib import Path

import pytest

from hotseat import errors

ROWS = json.loads((Path(__file__).parents[3] / "sdk/spec/errors.json").read_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_each_code_is_raised_as_the_table_says(row):
    """The class that a status is raised as is the one in the table."""
    assert errors.class_of(row["status"]).__name__ == row["class"]


def test_codes_are_told_apart():
    """No code stands twice."""
    codes = [row["code"] for row in ROWS]
    assert len(set(codes)) == len(codes)
