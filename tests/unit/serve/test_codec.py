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
        ({"race": "orc"}, "/0/hours", "is missing"),
        ({"race": "orc", "hours": "3"}, "/0/hours", "has to be a number"),
        ({"race": "orc", "hours": -1}, "/0/hours", "not between 0 and anything"),
        ({"race": "orc", "hours": 1, "level": 81}, "/0/level", "anything and 80"),
        ({"race": 7, "hours": 1}, "/0/race", "has to be a string"),
        ({"race": "dwarf", "hours": 1}, "/0/race", "is not one of orc, elf"),
        ([1, 2], "/0", "has to be an object"),
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
        ([[0, 1, 2]], "/0", "a list of 2"),
        ([[0, 1, 2], [0, 1]], "/0/1", "a list of 3"),
        ([[0, 1, 2], [0, 1, "x"]], "/0/1/2", "has to be a number"),
        ([[0, 1, 2], [0, 3, 0]], "/0/1/1", "not between 0 and 2"),
        ({"bord": []}, "/0/board", "is missing"),
    ],
)
def test_a_board_that_does_not_fit_is_pointed_at(value, pointer, says):
    """The pointer leads to the first wrong square."""
    with pytest.raises(Problem, match=says) as caught:
        codec.encode(BOARD, [value])
    assert caught.value.pointer == pointer
