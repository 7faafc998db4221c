"""Why: what an answer loses without each part of the input."""

import pytest

from hotseat_registry import Field, Input, Output, Signature
from hotseat_serve.explain import MAX_PARTS, explain
from hotseat_serve.problems import Problem

OUT = (Output("scores", "FP32", (-1, 2)),)
TEXT = Signature((Input("text", "BYTES", (-1,), "text"),), OUT, max_rows=3)
FIELDS = (Field("hours", default=1), Field("level", default=2), Field("must"))
TABLE = Signature((Input("x", "FP32", (-1, 3), "features", fields=FIELDS),), OUT)
BOARD = Signature((Input("board", "INT8", (-1, 2, 2), "board"),), OUT)


def test_the_word_that_made_the_label_weighs_most():
    """Words are left out one by one, in batches that the signature allows."""
    sizes = []

    def predict(inputs):
        sizes.append(len(inputs))
        chances = [0.9 if "noob" in text else 0.2 for text in inputs]
        return [{"label": "toxic", "scores": {"toxic": c}} for c in chances]

    found = explain(TEXT, "you are a noob 你好", predict)
    assert found["label"] == "toxic"
    weights = {p["part"]: p["weight"] for p in found["parts"]}
    assert weights["noob"] == pytest.approx(0.7)
    assert weights["you"] == 0
    assert {"你", "好"} <= set(weights)
    assert found["parts"][0]["at"] == [0, 3]
    assert max(sizes) <= 3


def test_features_go_back_to_their_defaults():
    """What was not given, and what has no default, cannot be left out."""

    def predict(inputs):
        return [{"value": 10.0 * row["hours"] + row["level"]} for row in inputs]

    found = explain(TABLE, {"hours": 3, "level": 2, "must": 1}, predict)
    assert found["parts"] == [
        {"part": "hours", "weight": 20.0},
        {"part": "level", "weight": 0.0},
    ]


def test_cells_of_a_board_are_emptied():
    """Each cell that is not empty, by its indices; the board stays as it is."""
    board = [[1, 0], [0, 2]]

    def predict(inputs):
        return [{"action": "a", "actions": {"a": sum(map(sum, b)) / 3}} for b in inputs]

    found = explain(BOARD, board, predict)
    assert [(p["at"], round(p["weight"], 3)) for p in found["parts"]] == [
        ([0, 0], 0.333), ([1, 1], 0.667),
    ]  # fmt: skip
    assert board == [[1, 0], [0, 2]]


def test_a_generated_item_has_no_reasons():
    """There is no number to lose: the caller is told so, and nothing breaks."""
    with pytest.raises(Problem, match="cannot be explained"):
        explain(TEXT, "a level", lambda inputs: [{"item": ["#"]} for _ in inputs])


def test_too_much_and_nothing_to_leave_out_are_said():
    """A limit on parts, and an input without any."""
    with pytest.raises(Problem, match=f"the limit is {MAX_PARTS}"):
        explain(TEXT, "a " * 300, lambda inputs: [{"value": 0.0}] * len(inputs))
    with pytest.raises(Problem, match="no part"):
        explain(BOARD, [[0, 0], [0, 0]], lambda inputs: [{"value": 0.0}] * len(inputs))
