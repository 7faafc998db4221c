"""Game-shaped JSON to tensors."""

import numpy as np
import pytest

from hotseat_registry import Input, Output, Signature
from hotseat_registry.signature import Field
from hotseat_serve import codec
from hotseat_serve.problems import Problem

PLAYER = Signature(
    inputs=(
        Input("numbers", "FP32", (-1, 2), "features", fields=(
            Field("hours", minimum=0), Field("level", default=1, maximum=80))),
        Input("words", "BYTES", (-1, 1), "features", fields=(
            Field("race", "category", categories=("orc", "elf")),)),
    ),
    outputs=(Output("value", "FP32", (-1,)),),
)  # fmt: skip
BOARD = Signature(
    inputs=(Input("board", "INT8", (-1, 2, 3), "board", minimum=0, maximum=2),),
    outputs=(Output("policy", "FP32", (-1, 3)),),
    labels=("left", "middle", "right"),
)


def test_named_features_fill_columns():
    """Each field finds its column, and a missing one its default."""
    tensors = codec.encode(
        PLAYER,
        [{"hours": 3.5, "level": 7, "race": "orc"}, {"race": "elf", "hours": True}],
    )
    np.testing.assert_array_equal(tensors["numbers"], [[3.5, 7], [1, 1]])
    assert tensors["numbers"].dtype == np.float32
    assert tensors["words"].tolist() == [["orc"], ["elf"]]


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        ({"race": "orc"}, "/0/hours", "expected a number at /0/hours, got nothing"),
        (
            {"race": "orc", "hours": "3"},
            "/0/hours",
            "expected a number at /0/hours, got a string",
        ),
        (
            {"race": "orc", "hours": -1},
            "/0/hours",
            "number of at least 0 at /0/hours, got -1",
        ),
        (
            {"race": "orc", "hours": 1, "level": 81},
            "/0/level",
            "number of at most 80 at /0/level, got 81",
        ),
        (
            {"race": 7, "hours": 1},
            "/0/race",
            "expected a string at /0/race, got a number",
        ),
        (
            {"race": "dwarf", "hours": 1},
            "/0/race",
            "one of 'orc', 'elf' at /0/race, got 'dwarf'",
        ),
        ([1, 2], "/0", "expected an object at /0, got a list of 2"),
    ],
)
def test_a_feature_that_does_not_fit_is_pointed_at(value, pointer, says):
    """The pointer leads to the first wrong field."""
    with pytest.raises(Problem, match=says) as caught:
        codec.encode(PLAYER, [value])
    assert caught.value.pointer == pointer


def test_a_board_is_nested_lists():
    """Boards come bare or under the input's name."""
    board = [[0, 1, 2], [2, 1, 0]]
    tensors = codec.encode(BOARD, [board, {"board": board}])
    np.testing.assert_array_equal(tensors["board"], [board, board])


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        ([[0, 1, 2]], "/0", "expected a list of 2 at /0, got a list of 1"),
        ([[0, 1, 2], [0, 1]], "/0/1", "expected a list of 3 at /0/1, got a list of 2"),
        (
            [[0, 1, 2], [0, 1, "x"]],
            "/0/1/2",
            "expected a whole number at /0/1/2, got a string",
        ),
        (
            [[0, 1, 2], [0, 3, 0]],
            "/0/1/1",
            "expected a number from 0 to 2 at /0/1/1, got 3",
        ),
        ({"bord": []}, "/0/board", "expected 'board' at /0, got 'bord'"),
    ],
)
def test_a_board_that_does_not_fit_is_pointed_at(value, pointer, says):
    """The pointer leads to the first wrong square."""
    with pytest.raises(Problem, match=says) as caught:
        codec.encode(BOARD, [value])
    assert caught.value.pointer == pointer
