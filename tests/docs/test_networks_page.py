"""The table of situations and SDKs names tests and places that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/networks.md").read_text("utf-8")
CELLS = sorted(set(re.findall(r"`([^`]+)::([^`]+)`", PAGE)))


def test_every_row_has_a_cell_for_each_sdk():
    """A situation without a statement about an SDK would be a gap without a word."""
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {rows[0].count("|")}
    assert all(cell.strip() for line in rows for cell in line.strip("|").split("|"))


@pytest.mark.parametrize(("path", "name"), CELLS)
def test_the_named_test_exists(path, name):
    """Each cell is a test, or the place that does it."""
    assert name in (ROOT / path).read_text("utf-8")
