"""Server-sent events, however their bytes are cut."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat._events import EventReader

ROWS = json.loads(
    (Path(__file__).parents[3] / "sdk/spec/streams.json").read_text("utf-8")
)


def read(pieces):
    reader = EventReader()
    return [
        {"name": event.name, "data": event.data}
        for piece in pieces
        for event in reader.read(piece)
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_the_vectors(row):
    """The events are those that every SDK reads."""
    assert read([piece.encode("latin-1") for piece in row["pieces"]]) == row["events"]


@given(
    st.sampled_from(ROWS), st.lists(st.integers(min_value=1, max_value=9), max_size=40)
)
def test_any_cut_gives_the_same(row, sizes):
    """Where the pieces end says nothing about the events."""
    whole, pieces = "".join(row["pieces"]).encode("latin-1"), []
    for size in sizes:
        pieces.append(whole[:size])
        whole = whole[size:]
    assert read([*pieces, whole]) == row["events"]
