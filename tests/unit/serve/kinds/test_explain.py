"""Why: what an answer loses without each part of the input."""

import pytest

from hotseat_registry import Field, Input, Output, Signature
from hotseat_serve.kinds.explain import MAX_PARTS, explain
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


def test_large_inputs_are_not_copied_for_each_part():
    """Characters and elements of all that is to be built have a limit."""
    wide = Signature((Input("x", "FP32", (-1, -1), "tensor"),), OUT)
    answers = [{"value": 0.0}]
    for signature, given in (
        (wide, [1] * 200 + [0] * 100_000),
        (TEXT, "a b " + "c" * 3_000_000),
        (TABLE, {"hours": 3, "level": 1, **{f"n{n}": 0 for n in range(2_100_000)}}),
    ):
        with pytest.raises(Problem, match="which is the limit") as caught:
            explain(signature, given, lambda inputs: answers * len(inputs))
        assert caught.value.code == "too_large"


def test_answers_of_several_numbers_have_no_reasons():
    """A list has no one number to lose."""
    with pytest.raises(Problem, match="not one number"):
        explain(BOARD, [[1, 0], [0, 2]], lambda given: [{"value": [1.0]}] * len(given))


def test_a_stone_is_taken_away_where_the_rules_allow_what_is_left():
    """Of a game's position a part is only what leaves a position."""
    shape = (-1, 2, 6, 7)
    four = Signature((Input("b", "FP32", shape, "board"),), OUT, rules="connect-four")
    board = [[0] * 7 for _ in range(5)] + [[1, 2, 0, 0, 0, 0, 0]]

    def predict(inputs):
        return [{"value": float(sum(map(sum, given)))} for given in inputs]

    found = explain(four, board, predict)
    assert [part["at"] for part in found["parts"]] == [[5, 1]]


def test_a_long_word_is_repeated_in_part():
    """The answer is no copy of the input."""
    found = explain(TEXT, "a" * 5_000, lambda given: [{"value": 0.0}] * len(given))
    assert len(found["parts"][0]["part"]) == 80
