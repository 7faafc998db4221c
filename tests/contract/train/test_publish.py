"""A model trained elsewhere becomes a version: described, run, measured, published."""

import json
import socket
import tempfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from hotseat_registry import Reference, Registry
from hotseat_registry.signature import Output, Signature
from hotseat_registry.testing import MemoryStore
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train.errors import TrainError
from hotseat_train.external import publish, source
from hotseat_train.external.description import Description, with_activation
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.overrides import Overrides

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def model(path, nodes, inputs, outputs, weights=(), opset=17, **more):
    """Write a graph of a few nodes."""
    graph = helper.make_graph(
        nodes, "g", inputs, outputs,
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(made, path)
    return path


WEIGHTS = [("w", np.array([[1, -2], [3, 1], [-1, 2]], np.float32))]
LINEAR = [helper.make_node("MatMul", ["x", "w"], ["logits"])]


def linear(path, nodes=(), outputs=None, weights=WEIGHTS, batch="n"):
    """Write a linear model of three numbers with two scores."""
    return model(
        path, [*LINEAR, *nodes], [value("x", FLOAT, [batch, 3])],
        outputs or [value("logits", FLOAT, [batch, 2])], weights,
    )  # fmt: skip


@pytest.fixture
def prepare(tmp_path):
    """Prepare a model's version in a folder of its own."""
    folder = tmp_path / "version"
    folder.mkdir()

    def prepare(path, example=None, **said):
        return publish.prepare(path, "mood", Overrides(**said), folder, example=example)

    return prepare


def answer(prepared, given):
    """Return what the version answers, as it would be served."""
    registry = Registry(MemoryStore())
    published = publish.publish(prepared, registry, by="ada")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache=folder)
        reference = Reference.parse(published.reference)
        return load(registry, reference, settings).predict(given)


def test_logits_become_probabilities(prepare, tmp_path):
    """Scores that sum to something else go through softmax, and that is noted."""
    prepared = prepare(linear(tmp_path / "m.onnx"), labels=("calm", "angry"))
    assert prepared.manifest.kind == "classification"
    assert prepared.manifest.format == 2
    assert any("softmax" in note for note in prepared.described.notes)
    (got,) = answer(prepared, [{"x": [1, 0, 0]}])
    assert got["label"] == "calm"
    assert got["probability"] == pytest.approx(1 / (1 + np.exp(-3)))


def test_probabilities_stay_as_they_are(prepare, tmp_path):
    """A graph that ends with Softmax gets no second one."""
    path = linear(
        tmp_path / "m.onnx",
        [helper.make_node("Softmax", ["logits"], ["p"])],
        [value("p", FLOAT, ["n", 2])],
    )
    prepared = prepare(path, labels=("calm", "angry"))
    assert prepared.manifest.signature.outputs[0].activation is None
    (got,) = answer(prepared, [{"x": [1, 0, 0]}])
    assert got["probability"] == pytest.approx(1 / (1 + np.exp(-3)), rel=1e-5)


def test_probabilities_that_round_over_one_are_probabilities():
    """A forest's sum of leaves is 1.0000001, which softmax would turn to 0.58."""
    signature = Signature((), (Output("scores", "FP32", (-1, 3)),), labels=tuple("abc"))
    described = Description("classification", signature)
    scores = [np.array([[1.0000001, 0, 0]], np.float32)]
    assert with_activation(described, scores, None) == described
    logits = [np.array([[1.2, 0, 0]], np.float32)]
    found = with_activation(described, logits, None).signature.outputs[0]
    assert found.activation == "softmax"


def test_one_column_is_the_second_labels(prepare, tmp_path):
    """Two labels and one number: it is the second label's, by sigmoid if a logit."""
    path = model(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["score"])],
        [value("x", FLOAT, ["n", 3])],
        [value("score", FLOAT, ["n", 1])],
        [("w", np.array([[2], [0], [0]], np.float32))],
    )
    prepared = prepare(path, labels=("stays", "leaves"))
    (got,) = answer(prepared, [{"x": [1, 0, 0]}])
    assert got["scores"]["leaves"] == pytest.approx(1 / (1 + np.exp(-2)))
    assert sum(got["scores"].values()) == pytest.approx(1)


def test_labels_that_do_not_exclude_each_other(prepare, tmp_path):
    """A multilabel answers every label over the threshold."""
    path = linear(tmp_path / "m.onnx")
    prepared = prepare(path, kind="multilabel", labels=("spam", "rude"), threshold=0.6)
    (got,) = answer(prepared, [{"x": [1, 3, 0]}])
    assert got["labels"] == ["spam", "rude"]
    assert got["scores"]["rude"] == pytest.approx(1 / (1 + np.exp(-1)))


def test_an_embedding_is_normalised(prepare, tmp_path):
    """A vector a row, of length 1 where that is wanted."""
    prepared = prepare(linear(tmp_path / "m.onnx"), kind="embedding", normalize=True)
    (got,) = answer(prepared, [{"x": [0, 1, 0]}])
    assert got["embedding"] == pytest.approx([3 / 10**0.5, 1 / 10**0.5])


def test_a_batch_of_one_is_run_row_by_row(prepare, tmp_path):
    """A graph whose batch is fixed answers many inputs all the same."""
    prepared = prepare(linear(tmp_path / "m.onnx", batch=1), labels=("calm", "angry"))
    got = answer(prepared, [{"x": [1, 0, 0]}, {"x": [0, 0, 1]}])
    assert [one["label"] for one in got] == ["calm", "angry"]


def test_tensors_with_state_are_whole(prepare, tmp_path):
    """What has no rows goes in and out whole; a default stands for what is left out."""
    path = model(
        tmp_path / "m.onnx",
        [helper.make_node("Add", ["state", "sum"], ["next"]),
         helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0)],
        [value("x", FLOAT, ["batch", "samples"]), value("state", FLOAT, [2, "batch"]),
         value("rate", INT64, [])],
        [value("next", FLOAT, None)],
    )  # fmt: skip
    onnx_model = onnx.load(path)
    onnx_model.graph.node.reverse()
    onnx.save(onnx_model, path)
    prepared = prepare(path, defaults={"state": 0, "rate": 16_000})
    assert prepared.manifest.kind == "tensor"
    first, second = answer(
        prepared, [{"x": [[1, 2]]}, {"x": [[1, 2]], "state": [[5], [6]]}]
    )
    assert first == {"outputs": {"next": [[3.0], [3.0]]}}
    assert second == {"outputs": {"next": [[8.0], [9.0]]}}


def test_maps_of_labels_are_cut_out(prepare, tmp_path):
    """ZipMap is what skl2onnx writes; its tensor and its labels are what is served."""
    maps = helper.make_node("ZipMap", ["p"], ["map"], domain="ai.onnx.ml",
                            classlabels_strings=["calm", "angry"])  # fmt: skip
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(STRING, helper.make_tensor_type_proto(FLOAT, []))
    )
    path = linear(
        tmp_path / "m.onnx",
        [helper.make_node("Softmax", ["logits"], ["p"]), maps],
        [helper.make_value_info("map", kind)],
    )
    prepared = prepare(path)
    assert prepared.manifest.signature.labels == ("calm", "angry")
    (got,) = answer(prepared, [{"x": [1, 0, 0]}])
    assert set(got["scores"]) == {"calm", "angry"}


def test_weights_beside_the_graph_come_along(prepare, tmp_path):
    """External data under any name is part of the version."""
    folder = tmp_path / "mood"
    path = linear(folder / "model.onnx")
    loaded = onnx.load(path)
    convert_model_to_external_data(loaded, location="weights.bin", size_threshold=0)
    onnx.save(loaded, path)
    prepared = prepare(folder, labels=("calm", "angry"))
    assert prepared.manifest.variants[0].data == ("weights.bin",)
    (folder / "weights.bin").unlink()
    with pytest.raises(SourceError, match=r"needs 'weights.bin' beside it"):
        source.find(folder)


def test_columns_are_fields(prepare, tmp_path):
    """Inputs of one column each are an object's fields, numbers and texts."""
    path = model(
        tmp_path / "m.onnx",
        [helper.make_node("LabelEncoder", ["country"], ["code"], domain="ai.onnx.ml",
                          keys_strings=["de", "fr"], values_floats=[1.0, 2.0],
                          default_float=0.0),
         helper.make_node("Add", ["age", "code"], ["variable"])],
        [value("age", FLOAT, ["n", 1]), value("country", STRING, ["n", 1])],
        [value("variable", FLOAT, ["n", 1])],
    )  # fmt: skip
    example = tmp_path / "players.csv"
    example.write_text("age,country\n3,de\n4,fr\n")
    prepared = prepare(path, example)
    assert prepared.manifest.kind == "regression"
    assert answer(prepared, [{"age": 3, "country": "fr"}]) == [{"value": 5.0}]


def test_pairs_of_strings_are_a_tensor(prepare, tmp_path):
    """Only one string a row is a text."""
    path = model(
        tmp_path / "m.onnx", [helper.make_node("Identity", ["x"], ["y"])],
        [value("x", STRING, ["n", 2])], [value("y", STRING, ["n", 2])],
    )  # fmt: skip
    prepared = prepare(path)
    assert prepared.manifest.signature.inputs[0].form == "tensor"
    (got,) = answer(prepared, [{"x": ["orc", "elf"]}])
    assert got["outputs"]["y"] == ["orc", "elf"]


@pytest.mark.parametrize("opset", [7, 9, 13, 18, 21, 24])
def test_every_opset_that_the_runtime_takes(tmp_path, opset):
    """From 7 to the newest of the runtime, described without a complaint."""
    path = model(tmp_path / "m.onnx", LINEAR, [value("x", FLOAT, ["n", 3])],
                 [value("logits", FLOAT, ["n", 2])], WEIGHTS, opset)  # fmt: skip
    described = publish.inspect(path, Overrides(labels=("a", "b")), tmp_path)
    assert described.kind == "classification"


def test_golden_rows_are_the_examples(prepare, tmp_path):
    """A version carries inputs and answers, and says whether they are random."""
    example = tmp_path / "x.json"
    example.write_text("[[1, 0, 0], [0, 1, 0]]")
    prepared = prepare(linear(tmp_path / "m.onnx"), example, labels=("calm", "angry"))
    golden = json.loads(prepared.files["golden.json"].read_text())
    assert [row["input"] for row in golden["rows"]] == [
        {"x": [1, 0, 0]}, {"x": [0, 1, 0]}
    ]  # fmt: skip
    assert not prepared.random
    metrics = prepared.manifest.variants[0].metrics
    assert metrics["milliseconds"] > 0
    assert metrics["cold_start_ms"] > metrics["start_ms"] > 0
    assert metrics["cpu"]


SAYS = {
    "no labels": ({}, "labels"),
    "too many labels": ({"labels": tuple("abc")}, "takes 2"),
    "no such output": ({"roles": {"scores": "probs"}}, "the graph has logits"),
    "no such input": ({"forms": {"y": "text"}}, "the graph has x"),
}


@pytest.mark.parametrize("name", SAYS)
def test_what_a_flag_has_to_say_is_named(prepare, tmp_path, name):
    """The error names the flag, and what there is."""
    said, words = SAYS[name]
    with pytest.raises(UnclearError, match=words):
        prepare(linear(tmp_path / "m.onnx"), **said)


def _custom(path):
    nodes = [helper.make_node("Magic", ["x"], ["y"], domain="my.ops")]
    return model(path, nodes, [value("x", FLOAT, ["n", 3])], [value("y", FLOAT, None)])


def _bfloat16(path):
    kind = TensorProto.BFLOAT16
    nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
    inputs, outputs = [value("x", kind, ["n", 3])], [value("y", kind, ["n", 3])]
    return model(path, nodes, inputs, outputs)


def _sequence(path):
    nodes = [helper.make_node("SequenceConstruct", ["x", "x"], ["y"])]
    output = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    return model(path, nodes, [value("x", FLOAT, ["n", 3])], [output])


def _without_rank(path):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    return model(path, nodes, [value("x", FLOAT, None)], [value("y", FLOAT, None)])


def _without_input(path):
    constant = numpy_helper.from_array(np.ones(2, np.float32))
    nodes = [helper.make_node("Constant", [], ["y"], value=constant)]
    return model(path, nodes, [], [value("y", FLOAT, [2])])


def _gguf(path):
    path = path.with_suffix(".gguf")
    path.write_bytes(b"GGUF")
    return path


def _empty(path):
    path.touch()
    return path


def _elsewhere(path):
    made = onnx.load(linear(path))
    convert_model_to_external_data(made, location="parts/w.bin", size_threshold=0)
    (path.parent / "parts").mkdir()
    onnx.save(made, path)
    return path


def _text(path):
    path.write_text("no graph")
    return path


def _pickle(path):
    path = path.with_suffix(".pkl")
    path.write_bytes(b"\x80\x04K\x01.")
    return path


REFUSED = {
    "an operator that the runtime lacks": (_custom, "custom ones"),
    "bfloat16": (_bfloat16, "float32 or float16"),
    "no graph": (_text, "no ONNX file"),
    "an empty file": (_empty, "m.onnx is no ONNX file: it is empty"),
    "a sequence": (_sequence, "'zipmap': False"),
    "an input of any rank": (_without_rank, "'x' has no known rank: export with"),
    "no input": (_without_input, "export the network with its inputs"),
    "weights in a folder": (_elsewhere, "'parts/w.bin'. Save them next to the graph"),
    "llama.cpp's": (_gguf, "hotseat publish FILE.gguf converts it"),
    "a pickle": (_pickle, "runs code when it is opened.*skl2onnx"),
    "nothing": (lambda path: path, "there is no file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_served_says_why_and_the_way(prepare, tmp_path, name):
    """The reason, and what to do about it."""
    write, words = REFUSED[name]
    with pytest.raises(TrainError, match=words):
        prepare(write(tmp_path / "m.onnx"), labels=("a", "b"))


def test_an_example_that_does_not_fit_is_named(prepare, tmp_path):
    """With its number, and what was expected."""
    example = tmp_path / "x.json"
    example.write_text("[[1, 0, 0], [1, 0]]")
    with pytest.raises(UnclearError, match="example 2 does not fit: expected a list"):
        prepare(linear(tmp_path / "m.onnx"), example, labels=("calm", "angry"))


@pytest.mark.parametrize("place", ["model.onnx", "onnx/model.onnx", "1/model.onnx"])
def test_folders_as_servers_have_them(tmp_path, place):
    """Plain, of Hugging Face and of Triton."""
    path = linear(tmp_path / "mood" / place)
    assert source.find(tmp_path / "mood").graph == path


def test_nothing_is_fetched(prepare, tmp_path, monkeypatch):
    """Publishing needs no network."""
    monkeypatch.setattr(socket.socket, "connect", None)
    prepare(linear(tmp_path / "m.onnx"), labels=("calm", "angry"))
