"""Write sdk/spec/portable.json: ``python tests/portable_vectors.py``.

Each vector is a portable file with calls and the answers or errors of Python's offline
model, which runs the graph itself.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from hotseat._device import kinds
from hotseat.errors import StatusError
from hotseat_registry import Input, Manifest, Output, Signature
from hotseat_registry.manifest import File, Variant
from hotseat_registry.signature import Field, Level
from hotseat_train.external.description import Description
from hotseat_train.external.portable import document
from hotseat_train.external.publish import Prepared

FILE = Path(__file__).parents[1] / "sdk/spec/portable.json"
TYPES = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64,
         "INT8": TensorProto.INT8, "BYTES": TensorProto.STRING}  # fmt: skip
ML = "ai.onnx.ml"


def drawn(*shape):
    """Return weights that are the same on every machine."""
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def model(signature, nodes, weights):
    """Return a graph with a signature's inputs and outputs."""
    ends = [
        [helper.make_tensor_value_info(one.name, TYPES[one.datatype], one.shape)
         for one in group]
        for group in (signature.inputs, signature.outputs)
    ]  # fmt: skip
    constants = [
        numpy_helper.from_array(array, name) for name, array in weights.items()
    ]
    return helper.make_model(
        helper.make_graph(nodes, "g", *ends, constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(ML, 3)],
        ir_version=8,
    )


def linear():
    """Named numbers with bounds and a default; logits of three labels."""
    fields = (
        Field("hours", minimum=0, maximum=24, observed=(1, 12)),
        Field("won", default=0.5), Field("level"),
    )  # fmt: skip
    signature = Signature(
        (Input("x", "FP32", (-1, 3), "features", fields=fields),),
        (Output("scores", "FP32", (-1, 3), activation="softmax"),),
        ("leaves", "stays", "returns"),
    )
    nodes = [
        helper.make_node("Scaler", ["x"], ["scaled"], domain=ML,
                         offset=[5.0, 0.5, 20.0], scale=[0.2, 2.0, 0.05]),
        helper.make_node("MatMul", ["scaled", "w"], ["y"]),
        helper.make_node("Add", ["y", "b"], ["scores"]),
    ]  # fmt: skip
    row = {"hours": 3, "won": 0.25, "level": 17}
    inputs = [
        row, {"hours": 23.5, "level": -4}, {**row, "won": None, "colour": "red"},
        {**row, "hours": 25}, {**row, "level": "high"}, {"won": 1}, {}, {"x": 1},
        7, {**row, "level": True},
    ]  # fmt: skip
    weights = {"w": drawn(3, 3), "b": np.array([0.1, -0.2, 0.3], np.float32)}
    return "classification", signature, model(signature, nodes, weights), inputs


def trees():
    """Missing numbers and categories; two trees with the weights of one label."""
    fields = (Field("hours"), Field("won"))
    words = (Field("country", "category", known=("de", "fr", "us")),
             Field("size", "category", default="M",
                   categories=("S", "M", "L")))  # fmt: skip
    signature = Signature(
        (Input("numbers", "FP32", (-1, 2), "features", fields=fields),
         Input("words", "BYTES", (-1, 2), "features", fields=words)),
        (Output("scores", "FP32", (-1, 2)),),
        ("leaves", "stays"),
        non_finite=True,
    )  # fmt: skip
    nodes = [
        helper.make_node("LabelEncoder", ["words"], ["codes"], domain=ML,
                         keys_strings=["de", "fr", "us", "S", "M", "L"],
                         values_floats=[0.0, 1.0, 2.0, 0.0, 1.0, 2.0],
                         default_float=-1.0),
        helper.make_node("Concat", ["numbers", "codes"], ["x"], axis=1),
        helper.make_node(
            "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain=ML,
            nodes_treeids=[0, 0, 0, 0, 0, 1, 1, 1],
            nodes_nodeids=[0, 1, 2, 3, 4, 0, 1, 2],
            nodes_featureids=[0, 0, 2, 0, 0, 1, 0, 0],
            nodes_values=[0.1, 0.0, 1.0, 0.0, 0.0, 0.7, 0.0, 0.0],
            nodes_modes=["BRANCH_LEQ", "LEAF", "BRANCH_EQ", "LEAF", "LEAF",
                         "BRANCH_LT", "LEAF", "LEAF"],
            nodes_truenodeids=[1, 0, 3, 0, 0, 1, 0, 0],
            nodes_falsenodeids=[2, 0, 4, 0, 0, 2, 0, 0],
            nodes_missing_value_tracks_true=[1, 0, 0, 0, 0, 0, 0, 0],
            class_treeids=[0, 0, 0, 1, 1], class_nodeids=[1, 3, 4, 1, 2],
            class_ids=[0, 0, 0, 0, 0], class_weights=[-1.0, 0.4, 0.9, 0.2, -0.3],
            classlabels_strings=["leaves", "stays"], post_transform="LOGISTIC",
        ),
    ]  # fmt: skip
    row = {"hours": 0.1, "won": 0.5, "country": "de", "size": "S"}
    inputs = [
        row, {**row, "hours": 0.11}, {**row, "hours": 2, "country": "fr"},
        {**row, "hours": None}, {"country": "us"}, {**row, "country": "atlantis"},
        {**row, "size": "XL"}, {"hours": 1}, {**row, "country": 3}, {**row, "won": 0.7},
    ]  # fmt: skip
    return "classification", signature, model(signature, nodes, {}), inputs


def forest():
    """A regressor of averaged trees after a one-hot code and an imputed number."""
    fields = (Field("hours"),)
    words = (Field("country", "category"),)
    signature = Signature(
        (Input("numbers", "FP32", (-1, 1), "features", fields=fields),
         Input("words", "BYTES", (-1, 1), "features", fields=words)),
        (Output("value", "FP32", (-1, 1)),), non_finite=True,
    )  # fmt: skip
    nodes = [
        helper.make_node("Imputer", ["numbers"], ["whole"], domain=ML,
                         imputed_value_floats=[2.5], replaced_value_float=float("nan")),
        helper.make_node("OneHotEncoder", ["words"], ["hot"], domain=ML,
                         cats_strings=["de", "fr"], zeros=1),
        helper.make_node("Reshape", ["hot", "shape"], ["flat"]),
        helper.make_node("Concat", ["whole", "flat"], ["x"], axis=1),
        helper.make_node(
            "TreeEnsembleRegressor", ["x"], ["value"], domain=ML, n_targets=1,
            nodes_treeids=[0, 0, 0, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2],
            nodes_featureids=[0, 0, 0, 2, 0, 0],
            nodes_values=[3.0, 0.0, 0.0, 0.5, 0.0, 0.0],
            nodes_modes=["BRANCH_GTE", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"],
            nodes_truenodeids=[1, 0, 0, 1, 0, 0], nodes_falsenodeids=[2, 0, 0, 2, 0, 0],
            target_treeids=[0, 0, 1, 1], target_nodeids=[1, 2, 1, 2],
            target_ids=[0, 0, 0, 0], target_weights=[10.0, 1.5, 4.0, -2.0],
            base_values=[0.25], aggregate_function="AVERAGE",
        ),
    ]  # fmt: skip
    inputs = [
        {"hours": 3, "country": "de"}, {"hours": 2.9, "country": "fr"},
        {"country": "de"}, {"hours": 1, "country": "x"},
        {"hours": 1e39, "country": "x"},
    ]  # fmt: skip
    weights = {"shape": np.array([-1, 2], np.int64)}
    return "regression", signature, model(signature, nodes, weights), inputs


def closed():
    """A one-hot code of known categories alone: the graph fails at others."""
    words = (Field("country", "category"),)
    signature = Signature(
        (Input("words", "BYTES", (-1, 1), "features", fields=words),),
        (Output("value", "FP32", (-1, 2)),),
    )
    nodes = [
        helper.make_node("OneHotEncoder", ["words"], ["hot"], domain=ML,
                         cats_strings=["de", "fr"], zeros=0),
        helper.make_node("Reshape", ["hot", "shape"], ["value"]),
    ]  # fmt: skip
    weights = {"shape": np.array([-1, 2], np.int64)}
    inputs = [{"country": "fr"}, {"country": "us"}]
    return "regression", signature, model(signature, nodes, weights), inputs


def logarithm():
    """A number that is none: the device leaves the answer to the default."""
    signature = Signature(
        (Input("x", "FP32", (-1, 1), "tensor"),), (Output("value", "FP32", (-1, 1)),)
    )
    nodes = [helper.make_node("Log", ["x"], ["value"])]
    return "regression", signature, model(signature, nodes, {}), [[2.5], [0], [-1]]


def network():
    """Two dense layers over a list of numbers; three values."""
    signature = Signature(
        (Input("x", "FP32", (-1, 2, 2), "tensor", minimum=-10, maximum=10),),
        (Output("value", "FP32", (-1, 3)),),
    )
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Normalizer", ["flat"], ["unit"], domain=ML, norm="L2"),
        helper.make_node("Gemm", ["unit", "w", "b"], ["h"], transB=1, alpha=0.5),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "v"], ["y"]),
        helper.make_node("Tanh", ["y"], ["value"]),
    ]
    weights = {"w": drawn(8, 4), "b": drawn(8), "v": drawn(8, 3)}
    inputs = [
        [[1, 2], [3, 4]], {"x": [[-1, 0.5], [0, 0]]}, [[0, 0], [0, 0]], [[1, 2], [3]],
        [[1, 2], [3, 11]], [[1, 2], [3, "x"]], "x", [1, 2, 3, 4],
    ]  # fmt: skip
    return "regression", signature, model(signature, nodes, weights), inputs


def policy():
    """A board with legal actions and levels, by a small network."""
    signature = Signature(
        (Input("board", "INT8", (-1, 3, 3), "board", minimum=0, maximum=2),),
        (Output("policy", "FP32", (-1, 9)), Output("value", "FP32", (-1, 1))),
        levels={"hard": Level(), "easy": Level(temperature=1.5)},
    )
    nodes = [
        helper.make_node("Cast", ["board"], ["cells"], to=TensorProto.FLOAT),
        helper.make_node("Equal", ["cells", "one"], ["mine"]),
        helper.make_node("Equal", ["cells", "two"], ["theirs"]),
        helper.make_node("Cast", ["mine"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["theirs"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["m", "t"], ["planes"], axis=1),
        helper.make_node("Transpose", ["planes"], ["moved"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["moved", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["h"]),
        helper.make_node("Sigmoid", ["h"], ["s"]),
        helper.make_node("MatMul", ["s", "p"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["policy"], axis=-1),
        helper.make_node("MatMul", ["s", "v"], ["raw"]),
        helper.make_node("Tanh", ["raw"], ["value"]),
    ]
    weights = {
        "one": np.ones(1, np.float32), "two": np.full(1, 2, np.float32),
        "shape": np.array([-1, 18], np.int64), "w": drawn(18, 6), "b": drawn(6),
        "p": drawn(6, 9), "v": drawn(6, 1),
    }  # fmt: skip
    board = [[0, 1, 0], [2, 0, 0], [0, 0, 1]]
    inputs = [
        board, {"board": board}, {"board": board, "legal": ["0", 2, "7"]},
        {"board": board, "legal": []}, {"board": board, "legal": ["9"]},
        {"board": board, "legal": 3}, [[0, 1, 0], [2, 0, 0], [0, 0, 3]],
        {"bord": board}, [[0, 1, 0], [2, 0, 0], [0, 0, 0.5]],
        {"board": board, "turn": 1},
    ]  # fmt: skip
    return "policy", signature, model(signature, nodes, weights), inputs


MODELS = (linear, trees, forest, closed, logarithm, network, policy)


def prepared(make, folder):
    """Return a version as the command fetches it, its graph's answers, its inputs."""
    kind, signature, graph, inputs = make()
    path = folder / f"{make.__name__}.onnx"
    onnx.save(graph, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]

    def run(tensors):
        return dict(zip(names, session.run(names, dict(tensors)), strict=True))

    def answer(given):
        request = kinds.Request([given], ["/input"], {})
        shape = json.loads(json.dumps(signature.to_json()))
        try:
            (fields,) = kinds.answer(kind, shape, run, request)
        except StatusError as error:
            return {"raises": {"class": type(error).__name__, "detail": error.detail,
                               "pointer": error.pointer}}  # fmt: skip
        except Exception:  # noqa: BLE001 (onnxruntime has no base class)
            return {"raises": {"class": "TransportError"}}  # the service's: it is away
        found = {"returns": fields}
        codes = [[one["code"], one["pointer"]] for one in request.warnings.to_json()]
        if any(code == "not_finite" for code, _ in codes):
            return {"raises": {"class": "TransportError"}}
        return {**found, "warnings": codes} if codes else found

    golden = folder / f"{make.__name__}.json"
    rows = [{"input": inputs[0], "expected": answer(inputs[0])["returns"]}]
    golden.write_text(json.dumps({"rows": rows, "tolerance": {"fp32": 1e-4}}))
    files = {path.name: path, "golden.json": golden}
    manifest = Manifest(
        make.__name__, kind, signature, (Variant("fp32", path.name),), "fp32",
        golden="golden.json", version=3,
        files={name: File("0" * 64, 1) for name in files},
    )  # fmt: skip
    described = Description(kind, signature)
    return Prepared(manifest, files, described, random=False), answer, inputs


def vectors():
    """Return the vectors of all models."""
    with tempfile.TemporaryDirectory() as name:
        made = []
        for make in MODELS:
            version, answer, inputs = prepared(make, Path(name))
            made.append(
                {
                    "name": make.__name__,
                    "file": json.loads(document.of(version)),
                    "calls": [{"input": one, **answer(one)} for one in inputs],
                }
            )
        return made


if __name__ == "__main__":
    lines = (json.dumps(one, ensure_ascii=False) for one in vectors())
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
    sys.stdout.write(f"{FILE}\n")
