"""Hard bounds refuse, and what training saw only warns: by value and by tensor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_registry import Input, Output, Signature
from hotseat_registry.signature import Field
from hotseat_serve.codec import game_json, ranges
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem

NUMBERS = Input(
    "numbers", "FP64", (-1, 2), "features",
    fields=(Field("hours", minimum=0, observed=(1, 50)),
            Field("lead", observed=(-5, 5), maximum=100)),
)  # fmt: skip
WORDS = Input(
    "words", "BYTES", (-1, 2), "features",
    fields=(Field("race", "category", categories=("elf", "orc"), known=("elf",)),
            Field("zone", "category", default="", known=("north", "11"))),
)  # fmt: skip
SIGNATURE = Signature((NUMBERS, WORDS), (Output("value", "FP32", (-1,)),))

values = st.floats(-200, 200) | st.sampled_from([0, 1, 50, -5, 5, 100, 101])
races = st.sampled_from(["elf", "orc", "dwarf"])
zones = st.sampled_from(["", "north", "south", "11"])
rows = st.fixed_dictionaries(
    {"hours": values, "lead": values, "race": races, "zone": zones}
)


@settings(deadline=None)
@given(st.lists(rows, min_size=1, max_size=3))
def test_tensors_are_judged_as_single_values_are(given_rows):
    """What JSON is refused for or warned of is what a whole tensor shows."""
    numbers = np.array([[row["hours"], row["lead"]] for row in given_rows], np.float64)
    words = np.array([[row["race"], row["zone"]] for row in given_rows], object)
    refused = [*ranges.refused(NUMBERS, numbers), *ranges.refused(WORDS, words)]
    warnings = Warnings()
    try:
        game_json.encode(SIGNATURE, given_rows, warnings=warnings)
    except Problem:
        assert refused
        return
    assert not refused
    names = (("hours", "lead"), ("race", "zone"))
    wanted = {
        f"/{row}/{names[which][column]}"
        for which, (item, array) in enumerate([(NUMBERS, numbers), (WORDS, words)])
        for row, column in ranges.outside(item, array)
    }
    assert {one["pointer"] for one in warnings.to_json()} == wanted


def test_nan_is_within_all_bounds():
    """A number that is missing is neither too small nor too large."""
    array = np.full((2, 2), np.nan)
    assert ranges.refused(NUMBERS, array) == ranges.outside(NUMBERS, array) == []


def test_bounds_of_a_board_hold_for_each_cell():
    """The place is the row, and the cell counted within it."""
    board = Input("board", "INT8", (-1, 2, 2), "board", minimum=0, maximum=2)
    array = np.array([[[0, 1], [2, 0]], [[0, 3], [-1, 0]]], np.int8)
    assert ranges.refused(board, array) == [(1, 1), (1, 2)]
    assert ranges.refused(board, array, 1) == [(1, 1)]
    assert ranges.outside(board, array) == []
    rank_0 = Input("factor", "FP32", (), "tensor", maximum=1)
    assert ranges.refused(rank_0, np.float32(2).reshape(())) == [(0, 0)]
    assert ranges.refused(board, np.zeros((0, 2, 2), np.int8)) == []
    assert ranges.refused(board, np.zeros((2, 0, 2), np.int8)) == []


def test_only_the_first_places_are_looked_for():
    """A refused place is no warning, and does not take the place of one."""
    array = np.array([[-1.0, 9.0], [99.0, 9.0], [99.0, 0.0]])
    assert ranges.outside(NUMBERS, array) == [(0, 1), (1, 0), (1, 1), (2, 0)]
    assert ranges.outside(NUMBERS, array, 2) == [(0, 1), (1, 0)]


def test_bytes_are_read_as_the_text_they_are():
    """Binary requests hold categories as bytes."""
    words = np.array([[b"elf", b"south"], [b"\xff", b"north"]], object)
    assert ranges.refused(WORDS, words) == [(1, 0)]
    assert ranges.outside(WORDS, words) == [(0, 1)]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0, None, "of at least 0"), (None, 3, "of at most 3"), (1, 2.5, "from 1 to 2.5")],
)
def test_bounds_are_said_in_words(low, high, words):
    """One sided or two sided."""
    assert ranges.span(low, high) == words
