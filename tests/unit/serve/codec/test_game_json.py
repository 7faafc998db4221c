"""Game-shaped JSON to tensors."""

from dataclasses import replace

import numpy as np
import pytest

from hotseat_registry import Input, Output, Signature
from hotseat_registry.signature import Field, Generation
from hotseat_serve.codec import game_json
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.tensors import DTYPES
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
    tensors = game_json.encode(
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
        game_json.encode(PLAYER, [value])
    assert caught.value.pointer == pointer


def test_a_board_is_nested_lists():
    """Boards come bare or under the input's name."""
    board = [[0, 1, 2], [2, 1, 0]]
    tensors = game_json.encode(BOARD, [board, {"board": board}])
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
        game_json.encode(BOARD, [value])
    assert caught.value.pointer == pointer


def encoded(signature, inputs):
    """Return the tensors and the warnings of inputs."""
    warnings = Warnings()
    return game_json.encode(signature, inputs, warnings=warnings), warnings.to_json()


def refused(signature, inputs):
    """Return the problem of inputs."""
    with pytest.raises(Problem) as caught:
        game_json.encode(signature, inputs, warnings=Warnings())
    return caught.value


def alone(datatype, shape, **more):
    """Return a signature of one tensor."""
    return Signature(
        (Input("x", datatype, shape, "tensor"),), (Output("value", "FP32", (-1,)),),
        **more,
    )  # fmt: skip


def test_an_unknown_feature_is_named_with_the_nearest_one():
    """The row is answered, and the warning says which name was probably meant."""
    _, warnings = encoded(PLAYER, [{"hours": 3, "race": "orc", "levle": 7}])
    assert warnings == [
        {
            "code": "unknown_field",
            "detail": "unknown field 'levle' is ignored; did you mean 'level'?",
            "pointer": "/0/levle",
            "suggestion": "level",
        }
    ]


def test_features_of_which_none_is_known_are_refused():
    """Defaults are no answer to a row of misspelt names."""
    problem = refused(PLAYER, [{"hour": 3, "Race": "orc"}])
    assert (problem.code, problem.pointer) == ("invalid_input", "/0/Race")
    assert problem.detail == (
        "none of the given fields is known: got 'Race', 'hour'; "
        "did you mean 'race', 'hours'?"
    )
    problem = refused(PLAYER, [{"foo": 1}])
    assert problem.detail.endswith("the fields are 'hours', 'level', 'race'")


def test_an_empty_object_is_answered_by_the_defaults_with_a_warning():
    """Nothing is known of this player: that may be meant. Wishes may be empty."""
    defaults = Input(
        "x", "FP32", (-1, 1), "features", fields=(Field("hours", default=1),)
    )
    signature = Signature((defaults,), (Output("value", "FP32", (-1,)),))
    tensors, warnings = encoded(signature, [{}])
    assert tensors["x"].tolist() == [[1]]
    assert [(w["code"], w["pointer"]) for w in warnings] == [("all_defaults", "/0")]
    wishes = replace(signature, generation=Generation(1, 1, ("#",)))
    assert encoded(wishes, [{}])[1] == []


def test_what_stands_beside_a_text_or_a_board_is_named():
    """`legal` belongs to a policy's input; any other name is ignored with a warning."""
    board = [[0, 1, 2], [2, 1, 0]]
    _, warnings = encoded(BOARD, [{"board": board, "legal": ["left"], "bord": board}])
    assert [(w["pointer"], w["suggestion"]) for w in warnings] == [("/0/bord", "board")]


def test_codes_may_be_numbers_where_training_saw_codes():
    """An integer is taken as its digits, in a field whose categories are digits."""
    item = Input("x", "BYTES", (-1, 1), "features", fields=(
        Field("zone", "category", known=("11", "22")),))  # fmt: skip
    signature = Signature((item,), (Output("value", "FP32", (-1,)),))
    tensors, warnings = encoded(signature, [{"zone": 22}, {"zone": 33}])
    assert tensors["x"].tolist() == [["22"], ["33"]]
    assert [w["code"] for w in warnings] == ["unknown_category"]
    assert refused(signature, [{"zone": 2.5}]).detail == (
        "expected a string at /0/zone, got a number"
    )
    assert refused(PLAYER, [{"hours": 1, "race": 22}]).pointer == "/0/race"


@pytest.mark.parametrize(
    ("datatype", "value", "says"),
    [
        ("UINT8", 300, "300 at /0/0 does not fit UINT8 (0 to 255)"),
        ("UINT8", -1, "-1 at /0/0 does not fit UINT8 (0 to 255)"),
        ("INT64", 1.5, "expected a whole number at /0/0, got 1.5"),
        ("INT64", 2**70, "a number of 71 bits at /0/0 does not fit INT64"),
        ("INT64", float(2**70), "does not fit INT64"),
        ("INT64", float("inf"), "expected a whole number at /0/0, got inf"),
        ("INT64", True, "expected a whole number at /0/0, got true"),
        ("FP32", 10**400, "at /0/0 does not fit FP32"),
        ("FP32", 1e39, "1e+39 at /0/0 does not fit FP32"),
        ("FP32", float("nan"), "nan at /0/0 does not fit FP32"),
        ("FP32", None, "expected a number at /0/0, got null"),
        ("FP32", False, "expected a number at /0/0, got false"),
        ("FP32", "1", "expected a number at /0/0, got a string"),
        ("FP32", [1], "expected a number at /0/0, got a list of 1"),
        ("FP16", 70_000, "70000 at /0/0 does not fit FP16"),
        ("FP64", 10**400, "at /0/0 does not fit FP64"),
        ("BOOL", 2, "expected true or false at /0/0, got a number"),
        ("BOOL", "true", "expected true or false at /0/0, got a string"),
        ("BYTES", 7, "expected a string at /0/0, got a number"),
        ("BYTES", "\ud800", "the string at /0/0 is not valid Unicode"),
        ("BYTES", {}, "expected a string at /0/0, got an empty object"),
    ],
)
def test_what_does_not_fit_its_type_is_refused_at_its_place(datatype, value, says):
    """Nothing is cut off, wraps around or becomes infinite; alone or among many."""
    fill = {"BOOL": True, "BYTES": "a"}.get(datatype, 1)
    for width in (2, 40):
        problem = refused(
            alone(datatype, (-1, width)), [[value] + [fill] * (width - 1)]
        )
        assert says in problem.detail
        assert (problem.code, problem.pointer) == ("invalid_input", "/0/0")


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", [True, False]), ("UINT8", [0, 255]), ("INT8", [-128, 127]),
        ("INT64", [-(2**63), 2**63 - 1]), ("UINT64", [0, 2**64 - 1]),
        ("FP16", [65504.0, 6e-8]), ("FP32", [3.4e38, 1.2e-38]),
        ("FP64", [1.7976931348623157e308, 5e-324]), ("BYTES", ["", "好\0"]),
    ],
)  # fmt: skip
def test_the_edges_of_every_type_fit(datatype, values):
    """The least and the greatest of each type arrive as they were sent."""
    (array,) = game_json.encode(alone(datatype, (-1, 2)), [values]).values()
    assert array.dtype == DTYPES[datatype]
    assert array.tolist() == np.array([values], DTYPES[datatype]).tolist()


def test_a_whole_number_may_be_written_with_a_point():
    """2.0 is 2, as JavaScript has it, and true counts as 1 where a feature is."""
    (array,) = game_json.encode(alone("INT64", (-1, 2)), [[2.0, -3.0]]).values()
    assert array.tolist() == [[2, -3]]
    (array,) = game_json.encode(alone("BOOL", (-1, 2)), [[1, 0]]).values()
    assert array.tolist() == [[True, False]]


def test_null_is_nan_where_the_signature_lets_numbers_be_so():
    """Of a tensor as of a feature."""
    (array,) = game_json.encode(
        alone("FP32", (-1, 2), non_finite=True), [[1.5, None]]
    ).values()
    np.testing.assert_array_equal(array, [[1.5, np.nan]])
    assert refused(alone("INT64", (-1, 1), non_finite=True), [[None]]).pointer == "/0/0"


def test_an_input_without_dimensions_is_one_value_for_all_rows():
    """A factor beside the rows; rows that do not agree on it are refused."""
    x, factor = (
        Input("x", "FP32", (-1, 3), "tensor"),
        Input("factor", "FP32", (), "tensor"),
    )
    signature = Signature((x, factor), (Output("value", "FP32", (-1, 3)),))
    rows = [{"x": [1, 2, 3], "factor": 2}, {"x": [4, 5, 6], "factor": 2}]
    tensors = game_json.encode(signature, rows)
    assert tensors["x"].shape == (2, 3)
    assert (tensors["factor"].shape, float(tensors["factor"])) == ((), 2)
    problem = refused(signature, [rows[0], {**rows[1], "factor": 3}])
    assert problem.pointer == "/1/factor"
    assert "one value for all inputs of a request" in problem.detail
    gaps = replace(signature, non_finite=True)
    game_json.encode(gaps, [{**row, "factor": None} for row in rows])
    problem = refused(signature, [{"x": [1, 2, 3], "factor": [2]}])
    assert problem.detail == "expected a number at /0/factor, got a list of 1"


def test_a_tensor_that_is_left_out_has_its_default():
    """As long as in the other rows, or 1; a scalar stays one value."""
    items = (
        Input("x", "FP32", (-1, 2), "tensor"),
        Input("state", "INT64", (-1, 2, -1), "tensor", default=3),
        Input("rate", "INT64", (), "tensor", default=16_000),
    )
    signature = Signature(items, ())
    tensors = game_json.encode(signature, [{"x": [1, 2]}, {"x": [3, 4]}])
    assert tensors["state"].tolist() == [[[3], [3]]] * 2
    assert (tensors["rate"].shape, int(tensors["rate"])) == ((), 16_000)
    one = {"x": [1, 2], "state": [[1, 2, 3], [4, 5, 6]], "rate": 16_000}
    tensors = game_json.encode(signature, [{"x": [3, 4]}, one])
    assert tensors["state"].tolist() == [[[3] * 3] * 2, one["state"]]


def test_a_dimension_of_any_length_is_the_same_in_all_rows():
    """Lists of one length, none included; a ragged one is refused where it stands."""
    signature = alone("FP32", (-1, -1, 2))
    for length in (0, 1, 5):
        rows = [[[1, 2]] * length] * 3
        assert game_json.encode(signature, rows)["x"].shape == (3, length, 2)
    problem = refused(signature, [[[1, 2]], [[1, 2], [3, 4]]])
    assert problem.pointer == "/1"
    assert problem.detail == (
        "expected a list of 1 at /1, as in the lists before it, got a list of 2"
    )
    assert refused(signature, [[[1, 2], [3]]]).pointer == "/0/1"
    assert refused(signature, [[[1, 2], 3]]).pointer == "/0/1"
    assert refused(signature, [7]).detail == "expected a list at /0, got a number"


def test_rows_that_a_graph_of_a_fixed_batch_cannot_take_are_refused():
    """Two rows for a graph of one: the words say how many it takes."""
    signature = alone("FP32", (1, 2))
    assert game_json.encode(signature, [[1, 2]])["x"].shape == (1, 2)
    problem = refused(signature, [[1, 2], [3, 4]])
    assert (problem.code, problem.pointer) == ("invalid_input", "/1")
    assert "takes 1 inputs in one request" in problem.detail


def test_a_text_in_a_list_of_its_own_is_as_the_graph_wants_it():
    """Graphs of scikit-learn's take [rows, 1]."""
    signature = Signature(
        (Input("text", "BYTES", (-1, 1), "text"),), (Output("scores", "FP32", (-1, 2)),)
    )
    assert game_json.encode(signature, ["a", "b"])["text"].tolist() == [["a"], ["b"]]


def test_what_is_repeated_of_a_request_is_short():
    """Neither a long name nor a long text comes back whole."""
    name = "x" * 1_000_000
    problem = refused(PLAYER, [{name: 1}])
    assert len(problem.detail) < 300
    assert problem.pointer == "/0"
    problem = refused(PLAYER, [{"hours": 1, "race": name}])
    assert len(problem.detail) < 300
    _, warnings = encoded(PLAYER, [{"hours": 1, "race": "orc", name: 1}])
    assert len(str(warnings)) < 500
