"""What a caller of the inference protocol may send and get, and what is refused."""

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import small_models
from hypothesis import given
from hypothesis import strategies as st
from small_models import F, graph, node, value

from hotseat_registry import Field, Input, Output, Signature
from hotseat_serve.api import inference_call as inference
from hotseat_serve.api.messages import Request
from hotseat_serve.api.open_inference import EXTENSIONS
from hotseat_serve.api.router import Router


def echo(datatype, kind, shape, **more):
    """A graph that answers what it is given, and its signature."""
    names = [f"d{n}" if n < 0 else n for n in shape]
    signature = Signature(
        (Input("x", datatype, shape, "tensor"),),
        (Output("y", datatype, shape),),
        **more,
    )
    return "tensor", signature, graph(
        [node("Identity", ["x"], ["y"])],
        [value("x", kind, names)], [value("y", kind, names)],
    )  # fmt: skip


def races():
    """Categories as a column of strings."""
    fields = (Field("race", type="category", categories=("elf", "orc")),)
    signature = Signature(
        (Input("x", "BYTES", (-1, 1), "features", fields=fields),),
        (Output("y", "BYTES", (-1, 1)),),
    )
    return "tensor", signature, graph(
        [node("Identity", ["x"], ["y"])],
        [value("x", small_models.S, ["n", 1])], [value("y", small_models.S, ["n", 1])],
    )  # fmt: skip


MODELS = {
    **small_models.MODELS,
    "races": races,
    "fixed": lambda: echo("FP32", F, (2000, 1)),
    "few": lambda: echo("FP32", F, (-1, 1), max_rows=3),
    "flat": lambda: echo("FP32", F, (-1,)),
    "nans": lambda: echo("FP32", F, (-1, 2), non_finite=True),
    "bools": lambda: echo("BOOL", 9, (-1, 2)),
    "bytes": lambda: echo("UINT8", 2, (-1, 3)),
    "longs": lambda: echo("INT64", 7, (-1, 3)),
}


@pytest.fixture(scope="module")
def router(tmp_path_factory):
    return small_models.router(tmp_path_factory.mktemp("models"), MODELS)


def ask(router, model, data, shape, datatype="FP32", *, name="x", tail=b"", **more):
    """Ask one tensor; return the status, the JSON part and the rest."""
    item = {"name": name, "datatype": datatype, "shape": shape}
    item |= {"parameters": {"binary_data_size": len(tail)}} if tail else {"data": data}
    return sent(router, model, {"inputs": [item], **more}, tail)


def sent(router, model, body, tail=b"", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {key.replace("_", "-"): text for key, text in headers.items()}
    if tail:
        named["inference-header-content-length"] = str(len(data))
    path = f"/v2/models/{model}/infer"
    answer = router.answer(Request("POST", path, data + tail, named, "r-1"))
    size = answer.headers.get("inference-header-content-length", len(answer.body))
    return answer.status, json.loads(answer.body[: int(size)]), answer.body[int(size) :]


def outputs(body):
    return {item["name"]: item.get("data") for item in body["outputs"]}


def test_an_output_is_named_once(router):
    """A short list would otherwise ask for an answer of any length."""
    twice = [{"name": "y"}, {"name": "y"}]
    status, body, _ = ask(router, "nans", [1, 2], [1, 2], outputs=twice)
    assert (status, body["error"]) == (400, "output 'y' is named twice")


@pytest.mark.parametrize(("model", "rows", "status"), [
    ("nans", 1000, 200), ("nans", 1001, 413), ("few", 3, 200), ("few", 4, 413),
    ("fixed", 2000, 200), ("flat", 1001, 200),
])  # fmt: skip
def test_rows_are_limited_where_a_dimension_is_rows(router, model, rows, status):
    """1,000 or max_rows; what the graph fixes, and one row's numbers, are no rows."""
    columns = {"nans": [2], "flat": []}.get(model, [1])
    numbers = [0.5] * (rows * (columns or [1])[0])
    got, body, _ = ask(router, model, numbers, [rows, *columns])
    assert got == status, body
    if status == 413:
        assert "the limit is" in body["error"]


@pytest.mark.parametrize("rows", [1000, 1001])
def test_both_interfaces_have_the_same_limit_of_rows(router, rows):
    """One number decides, whichever way a caller asks."""
    row = {"hours": 1}
    body = json.dumps({"inputs": [row] * rows}).encode()
    first = router.answer(Request("POST", "/v1/models/table/predict", body, {}, "r"))
    second, _, _ = ask(router, "table", [1.0] * 3 * rows, [rows, 3])
    assert first.status == second == (200 if rows == 1000 else 413)


@pytest.mark.parametrize("column", [0, 1])
def test_hard_bounds_hold_for_tensors_too(router, column):
    """A number outside minimum or maximum is refused, with its row and column."""
    rows = [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    rows[1][column] = -1.0 if column == 0 else 81.0
    status, body, _ = ask(router, "table", rows, [2, 3])
    assert status == 400
    assert f"{rows[1][column]} in row 1, column {column}" in body["error"]


def test_bounds_of_one_number_hold(router):
    """An input without dimensions is held against its bounds as any other."""
    status, body, _ = sent(router, "arrays", arrays(factor=11.0))
    assert status == 400
    assert "'factor' has 11.0" in body["error"]


def test_only_known_categories_are_taken(router):
    """Strings of a column with categories are held against them."""
    assert ask(router, "races", ["elf"], [1, 1], "BYTES")[0] == 200
    status, body, _ = ask(router, "races", ["dwarf"], [1, 1], "BYTES")
    assert (status, "'dwarf' in row 0" in body["error"]) == (400, True)


def test_what_training_did_not_see_is_answered_with_a_warning(router):
    """The protocol's parameters are single values: the warnings are one string."""
    status, body, _ = ask(router, "table", [99, 1, 1], [1, 3])
    assert status == 200
    assert "training did not see" in body["parameters"]["warnings"]
    assert "warnings" not in ask(router, "table", [9, 1, 1], [1, 3])[1]["parameters"]


def arrays(factor=2.0, order=1, **more):
    """A request for the model `arrays`."""
    parts = {
        "x": ("FP32", [2, 1], [1.0, 2.0]), "factor": ("FP32", [], [factor]),
        "names": ("BYTES", [1], ["elf"]), "counts": ("INT64", [1, 2], [1, -1]), **more,
    }  # fmt: skip
    inputs = [
        {"name": name, "datatype": kind, "shape": shape, "data": data}
        for name, (kind, shape, data) in parts.items()
    ]
    return {"inputs": inputs[::order]}


@pytest.mark.parametrize("order", [1, -1])
def test_one_number_for_all_rows_stands_anywhere(router, order):
    """Inputs without dimensions may come first, in the middle and last."""
    status, body, _ = sent(router, "arrays", arrays(order=order))
    assert status == 200
    assert outputs(body)["scaled"] == [2.0, 4.0]


def test_dimensions_of_length_zero_are_answered(router):
    """No rows in, no rows out, asked as numbers or as classes."""
    body = arrays(x=("FP32", [0, 3], []), counts=("INT64", [0, 2], []))
    body["outputs"] = [
        {"name": "scaled", "parameters": {"classification": 2}}, {"name": "same"},
    ]  # fmt: skip
    status, answer, _ = sent(router, "arrays", body)
    assert (status, outputs(answer)) == (200, {"scaled": [], "same": []})


@pytest.mark.parametrize("shape", [
    None, "1", [True, 3], [-1, 3], [1.0, 3], [1, "3"], [2**63, 3], [2**40, 2**40],
    [1] * 5000, [], [3], [1, 3, 1], [0, 10**9], [10**9, 0], [[1], [3]],
])  # fmt: skip
def test_a_shape_is_a_list_of_lengths_that_the_model_takes(router, shape):
    """Whatever else is refused before anything of its size is made."""
    status, body, _ = ask(router, "table", [1, 2, 3], shape)
    assert status in {400, 413}
    assert "error" in body
    assert len(body["error"]) < 500


SHAPE = [2, 3]
WRONG = {
    "ragged": [[1, 2, 3], [4, 5]],
    "ragged, as many": [[1, 2, 3, 4], [5, 6]],
    "transposed": [[1, 4], [2, 5], [3, 6]],
    "too deep": [[[1], [2], [3]], [[4], [5], [6]]],
    "mixed": [1, [2, 3], 4, 5, 6, 7],
    "a list at the end": [1, 2, 3, 4, 5, [6]],
    "too few": [[1, 2, 3]],
    "text": [[1, 2, 3], [4, "5", 6]],
    "truth": [[1, 2, 3], [4, True, 6]],
    "an object": [[1, 2, 3], {"a": 1}],
    "null": [[1, 2, 3], [4, None, 6]],
    "nothing": None,
    "a number": 1,
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("case", WRONG)
def test_data_have_the_form_of_the_shape(router, case, large):
    """Small bodies and large ones, which another parser reads, are refused alike."""
    data, shape = WRONG[case], SHAPE
    if large:  # the same fault behind rows that are right
        shape = [902, 3]
        flat = case in {"mixed", "a list at the end"}
        more = [1] * 2700 if flat else [[1, 2, 3]] * 900
        data = [*more, *data] if isinstance(data, list) else data
    status, body, _ = ask(router, "table", data, shape)
    assert status == 400, case
    assert body["error"].startswith("input 'x'")


@given(st.integers(2, 4), st.integers(2, 4), st.booleans(), st.booleans())
def test_nested_and_flat_data_are_the_same(router, rows, columns, nested, large):
    """Rows as lists or one after the other."""
    rows = rows * 200 if large else rows
    array = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    data = array.tolist() if nested else array.ravel().tolist()
    body = arrays(x=("FP32", [rows, columns], data))
    status, answer, _ = sent(router, "arrays", body)
    assert status == 200
    assert outputs(answer)["scaled"] == (2 * array).ravel().tolist()


def test_null_is_a_missing_number_where_numbers_may_be_missing(router):
    """Both ways: null in is NaN, and NaN out is null; elsewhere null is refused."""
    for rows in (1, 900):
        status, body, _ = ask(router, "nans", [None, 1.5] * rows, [rows, 2])
        assert (status, outputs(body)["y"]) == (200, [None, 1.5] * rows)
        status, body, _ = ask(router, "few", [None], [1, 1])
        assert status == 400


def test_an_answer_that_json_cannot_write_is_asked_for_as_bytes(router):
    """Infinity that a caller's large number makes is no failure of the service."""
    status, body, _ = ask(router, "table", [1e30, 1, 1], [1, 3])
    assert status == 400
    assert "binary_data" in body["error"]
    wish = {"parameters": {"binary_data_output": True}}
    status, _, rest = ask(router, "table", [1e30, 1, 1], [1, 3], **wish)
    assert (status, struct.unpack("<f", rest)) == (200, (float("inf"),))


@pytest.mark.parametrize(("model", "datatype", "data", "best"), [
    ("bools", "BOOL", [False, True], ["1.000000:1", "0.000000:0"]),
    ("bytes", "UINT8", [0, 255, 7], ["255.000000:1", "7.000000:2"]),
    ("longs", "INT64", [-(2**63), 3, 3], ["3.000000:1", "3.000000:2"]),
    ("nans", "FP32", [None, -1.0], ["-1.000000:1", "nan:0"]),
])  # fmt: skip
def test_the_highest_of_any_numbers_are_named(router, model, datatype, data, best):
    """Truth values, unsigned and lowest numbers, ties and NaN are in their places."""
    wish = [{"name": "y", "parameters": {"classification": 2}}]
    shape = [1, len(data)]
    status, body, _ = ask(router, model, data, shape, datatype, outputs=wish)
    assert (status, outputs(body).get("y")) == (200, best)


def test_strings_have_no_highest(router):
    """Classification of an output of strings is refused."""
    body = arrays() | {
        "outputs": [{"name": "echo", "parameters": {"classification": 1}}]
    }
    status, answer, _ = sent(router, "arrays", body)
    assert (status, "no highest" in answer["error"]) == (400, True)


@pytest.mark.parametrize("value_", ["yes", 1, None, {}])
def test_switches_are_true_or_false(router, value_):
    """Another value is no wish that can be guessed."""
    for wish in (
        {"parameters": {"binary_data_output": value_}},
        {"outputs": [{"name": "y", "parameters": {"binary_data": value_}}]},
    ):
        status, body, _ = ask(router, "nans", [1, 2], [1, 2], **wish)
        assert (status, "true or false" in body["error"]) == (400, True)


def test_texts_are_held_against_the_signature(router):
    """A blank one and one over max_bytes are refused, and NUL becomes a space."""

    def text(*said, rest=b""):
        shape = [len(said) or 1]
        return ask(router, "words", list(said), shape, "BYTES", name="text", tail=rest)

    assert text("a\0b")[0] == 200
    assert text("fine", " \n")[0] == 400
    assert text("a" * 200)[0] == 200
    assert text("雪" * 67)[0] == 413
    assert text(rest=struct.pack("<I", 2) + b"\xff\xd8")[0] == 400


def limited(router, limit):
    """The same models behind another limit of answers."""
    chosen = replace(router.settings, max_answer_bytes=limit)
    return Router(router.models, chosen)


def test_an_answer_over_the_limit_is_refused_before_it_is_made(router, monkeypatch):
    """Of what is far over it nothing is written; the rest is counted at its end."""
    small = limited(router, 3_000)
    wish = {"outputs": [{"name": "y"}]}
    assert ask(small, "nans", [0.5] * 400, [200, 2], **wish)[0] == 200
    status, body, _ = ask(small, "nans", [0.123456] * 800, [400, 2], **wish)
    assert (status, "the limit is 3,000" in body["error"]) == (413, True)
    monkeypatch.setattr(inference, "_json", None)
    assert ask(small, "nans", [0.1] * 1600, [800, 2], **wish)[0] == 413


def test_the_limit_of_answers_is_that_of_both_interfaces(router):
    """A catalogue, a prediction or a tensor: the same bytes are too many."""
    small = limited(router, 1_000)
    body = json.dumps({"inputs": ["a"] * 100}).encode()
    answer = small.answer(Request("POST", "/model-service", body, {}, "r"))
    assert (answer.status, json.loads(answer.body)["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "", "١", "1e3"])
def test_a_length_in_a_header_is_a_number_within_the_body(router, length):
    """However long it is, and in which script."""
    body = {"inputs": []}
    status, answer, _ = sent(
        router, "nans", body, inference_header_content_length=length
    )
    assert status == 400
    assert len(answer["error"]) < 200


def test_an_id_is_short(router):
    """It is repeated in the answer."""
    assert ask(router, "nans", [1, 2], [1, 2], id="7")[1]["id"] == "7"
    assert ask(router, "nans", [1, 2], [1, 2], id="7" * 1001)[0] == 400
    assert ask(router, "nans", [1, 2], [1, 2], id=7)[0] == 400


def test_what_a_caller_sent_is_repeated_in_part_only(router):
    """Errors stay short, whatever they name."""
    long = "x" * 50_000
    requests = [
        Request("POST", f"/{long}", b"{}", {}, "r"),
        Request(long, "/v2", b"{}", {}, "r"),
        Request("POST", f"/v1/models/{long}/predict", b"{}", {}, "r"),
        Request("POST", "/v2/models/nans/infer", b"{}", {"deadline-ms": long}, "r"),
        Request("POST", "/model-service", b"{}", {"content-encoding": long}, "r"),
        Request("GET", "/v2/models/\ud800/x", b"", {}, "r"),
        Request("GET", "/\ud800", b"", {}, "r"),
    ]
    for request in requests:
        answer = router.answer(request)
        assert 400 <= answer.status < 500
        assert len(answer.body) < 1_000
    for change in (
        {"name": long}, {"datatype": long}, {"name": [long]},
        {"parameters": {"binary_data_size": long}},
    ):  # fmt: skip
        item = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
        status, answer, _ = sent(router, "nans", {"inputs": [item | change]})
        assert (status, len(answer["error"]) < 500) == (400, True)


def test_every_answer_has_the_request_id_in_a_header(router):
    """Also an error of the protocol, whose body has no place for it."""
    for path in ("/v2", "/v2/models/nobody", "/v2/nowhere", "/v1/models", "/x"):
        answer = router.answer(Request("GET", path, b"", {}, "id-7"))
        assert answer.headers["x-request-id"] == "id-7"


def test_extensions_are_those_that_are_served(router):
    """The server's metadata names no extension without its route or parameter."""
    listed = json.loads(router.answer(Request("GET", "/v2")).body)["extensions"]
    assert listed == EXTENSIONS
    routes = {
        "statistics": ("GET", "/v2/models/stats"),
        "model_configuration": ("GET", "/v2/models/nans/config"),
        "model_repository": ("POST", "/v2/repository/index"),
    }
    for method, path in routes.values():
        assert router.answer(Request(method, path, b"{}")).status == 200
    wish = {"outputs": [{"name": "y", "parameters": {"classification": 1}}]}
    assert ask(router, "nans", [1, 2], [1, 2], **wish)[0] == 200
    assert ask(router, "nans", None, [1, 2], tail=bytes(8))[0] == 200
    assert {*routes, "classification", "binary_tensor_data"} == set(listed)


def test_tensorflow_servings_paths_are_served(router):
    """A version by number or label, and the model's description."""
    body = b'{"instances": ["good"]}'
    for path in (
        "words:predict",
        "words/versions/1:predict",
        "words/labels/live:predict",
    ):
        answer = router.answer(Request("POST", f"/v1/models/{path}", body))
        assert answer.status == 200
        assert len(json.loads(answer.body)["predictions"]) == 1
    answer = router.answer(Request("GET", "/v1/models/words/metadata"))
    assert json.loads(answer.body)["signature"]["inputs"][0]["name"] == "text"


def test_counts_are_right_under_threads(tmp_path):
    """Requests that run beside each other are all counted, good and bad apart."""
    router = small_models.router(tmp_path, {"nans": MODELS["nans"]})
    with ThreadPoolExecutor(8) as threads:
        shapes = [[1, 2], [1, 3]] * 200
        list(threads.map(lambda shape: ask(router, "nans", [1, 2], shape), shapes))
    answer = router.answer(Request("GET", "/v2/models/stats"))
    (found,) = json.loads(answer.body)["model_stats"]
    stats = found["inference_stats"]
    assert (stats["success"]["count"], stats["fail"]["count"]) == (200, 200)
    assert (found["inference_count"], found["execution_count"]) == (200, 200)
    assert {"queue", "compute_input", "compute_infer", "compute_output"} <= set(stats)


def test_threads_read_their_own_requests(router):
    """Large bodies are parsed in memory that no other thread's request uses."""

    def one(number):
        status, body, _ = ask(router, "nans", [float(number)] * 1800, [900, 2])
        return status == 200 and set(outputs(body)["y"]) == {float(number)}

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(64)))
