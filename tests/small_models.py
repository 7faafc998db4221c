"""Small models of every kind, in one room, for tests that send it anything."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import (
    Field,
    Generation,
    Input,
    Level,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
)
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.router import Router
from hotseat_serve.api.telemetry import Telemetry
from hotseat_serve.privacy.pseudonyms import Pseudonyms
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

F, INT, S = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
ONE = (Output("value", "FP32", (-1,)),)


def node(kind, given, made, **more):
    return helper.make_node(kind, given, made, **more)


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def graph(nodes, inputs, outputs, constants=()):
    made = helper.make_graph(nodes, "small", inputs, outputs, list(constants))
    opset = [helper.make_opsetid("", 19)]
    return helper.make_model(made, opset_imports=opset, ir_version=9)


def wide():
    """A graph with 128 KiB of weights, which the runtime optimises."""
    weights = np.random.default_rng(0).normal(size=(64, 512)).astype(np.float32)
    nodes = [node("MatMul", ["x", "w"], ["z"]), node("Add", ["z", "b"], ["y"]),
             node("Relu", ["y"], ["scores"])]  # fmt: skip
    constants = (
        constant("w", weights),
        constant("b", np.zeros(512, np.float32)),
    )
    scores = value("scores", F, ["n", 512])
    return graph(nodes, [value("x", F, ["n", 64])], [scores], constants)


def words():
    """Texts: as likely bad as not, whatever they say."""
    halves = constant("halves", np.zeros((1, 2), np.float32))
    nodes = [
        node("Equal", ["text", "text"], ["same"]),
        node("Cast", ["same"], ["ones"], to=F),
        node("Unsqueeze", ["ones", "axis"], ["column"]),
        node("Mul", ["column", "halves"], ["both"]),
        node("Softmax", ["both"], ["scores"]),
    ]
    signature = Signature(
        (Input("text", "BYTES", (-1,), "text", max_bytes=200),),
        (Output("scores", "FP32", (-1, 2)),),
        labels=("good", "bad"),
    )
    axis = constant("axis", np.array([1], np.int64))
    return (
        "classification",
        signature,
        graph(
            nodes,
            [value("text", S, ["n"])],
            [value("scores", F, ["n", 2])],
            [halves, axis],
        ),
    )


def table():
    """Named features, of which the graph makes infinity where they are large."""
    fields = (
        Field("hours", minimum=0, observed=(1, 50)),
        Field("level", default=1.0, maximum=80),
        Field("lead", default=0.5),
    )
    signature = Signature(
        (Input("x", "FP32", (-1, 3), "features", fields=fields),), ONE
    )
    nodes = [
        node("Mul", ["x", "x"], ["square"]),
        node("ReduceSum", ["square", "axis"], ["value"], keepdims=0),
    ]
    axis = constant("axis", np.array([1], np.int64))
    return (
        "regression",
        signature,
        graph(nodes, [value("x", F, ["n", 3])], [value("value", F, ["n"])], [axis]),
    )


def moves():
    """A policy over Connect Four's columns, with a level that searches."""
    signature = Signature(
        (Input("board", "FP32", (-1, 2, 6, 7), "board"),),
        (Output("policy", "FP32", (-1, 7)), Output("value", "FP32", (-1,))),
        labels=tuple("abcdefg"),
        levels={"easy": Level(1.0), "deep": Level(0.0, 8)},
        rules="connect-four",
        max_rows=8,
    )
    nodes = [
        node("ReduceSum", ["board", "axes"], ["columns"], keepdims=0),
        node("Softmax", ["columns"], ["policy"]),
        node("ReduceMean", ["policy", "second"], ["value"], keepdims=0),
    ]
    axes = constant("axes", np.array([1, 2], np.int64))
    second = constant("second", np.array([1], np.int64))
    return (
        "policy",
        signature,
        graph(
            nodes,
            [value("board", F, ["n", 2, 6, 7])],
            [value("policy", F, ["n", 7]), value("value", F, ["n"])],
            [axes, second],
        ),
    )


def levels():
    """Items of 4 x 4 cells that Sokoban's rules may accept, and mostly do not."""
    signature = Signature(
        (
            Input("grid", "INT64", (-1, 4, 4), "tensor"),
            Input("wish", "FP32", (-1, 1), "features",
                  fields=(Field("boxes", default=1.0, minimum=0, maximum=4),)),
        ),
        (Output("logits", "FP32", (-1, 5)),),
        rules="sokoban",
        max_rows=2,
        generation=Generation(4, 4, tuple("#@$. "), batch=2, batches=2),
    )  # fmt: skip
    nodes = [node("MatMul", ["wish", "weights"], ["logits"])]
    weights = constant("weights", np.array([[1, 0, 0, 0, 1]], np.float32))
    # the grid counts for nothing, but has to be an input
    nodes.insert(0, node("Identity", ["grid"], ["unused"]))
    return (
        "generation",
        signature,
        graph(
            nodes,
            [value("grid", INT, ["n", 4, 4]), value("wish", F, ["n", 1])],
            [value("logits", F, ["n", 5]), value("unused", INT, ["n", 4, 4])],
            [weights],
        ),
    )


def arrays():
    """Named tensors: any lengths, one number for all rows, strings, whole numbers."""
    signature = Signature(
        (
            Input("x", "FP32", (-1, -1), "tensor"),
            Input("factor", "FP32", (), "tensor", minimum=-10, maximum=10),
            Input("names", "BYTES", (-1,), "tensor"),
            Input("counts", "INT64", (-1, 2), "tensor"),
        ),
        (
            Output("scaled", "FP32", (-1, -1)), Output("echo", "BYTES", (-1,)),
            Output("same", "INT64", (-1, 2)), Output("flags", "BOOL", (-1, 2)),
        ),
        non_finite=True,
    )  # fmt: skip
    nodes = [
        node("Mul", ["x", "factor"], ["scaled"]),
        node("Identity", ["names"], ["echo"]),
        node("Identity", ["counts"], ["same"]),
        node("Greater", ["counts", "zero"], ["flags"]),
    ]
    zero = constant("zero", np.array(0, np.int64))
    return "tensor", signature, graph(
        nodes,
        [value("x", F, ["n", "m"]), value("factor", F, []), value("names", S, ["k"]),
         value("counts", INT, ["j", 2])],
        [value("scaled", F, ["n", "m"]), value("echo", S, ["k"]),
         value("same", INT, ["j", 2]), value("flags", TensorProto.BOOL, ["j", 2])],
        [zero],
    )  # fmt: skip


MODELS = {f.__name__: f for f in (words, table, moves, levels, arrays)}


def ignore(_line: bytes) -> None:
    """Write no line."""


def router(folder: Path, models=MODELS, write=ignore, **more) -> Router:
    """Return a room with all models, which samples every request for its log."""
    registry = Registry(MemoryStore())
    for name, make in models.items():
        kind, signature, model = make()
        path = folder / f"{name}.onnx"
        onnx.save(model, path)
        manifest = Manifest(
            model=name,
            kind=kind,
            signature=signature,
            variants=(Variant("fp32", "m.onnx"),),
            default_variant="fp32",
        )
        registry.publish(manifest, {"m.onnx": path}, by="ada")
        registry.promote(Reference(name, version=1), by="ada")
    more = {"default_model": "words", "static": True, **more}
    chosen = Settings(cache=str(folder / "cache"), **more)
    telemetry = Telemetry(
        {},
        write,
        pseudonyms=Pseudonyms(b"k" * 32),
        sample=1.0,
        random=lambda: 0.0,
    )
    return Router(ModelCache(registry, chosen), chosen, telemetry=telemetry)
