"""What runs past its deadline is ended."""

import threading
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hotseat_serve.problems import Problem
from hotseat_serve.runtime.session import Session
from hotseat_serve.runtime.watchdog import Watchdog


@pytest.fixture
def slow(tmp_path):
    """A graph of many short nodes, which takes ten seconds and more."""
    opset = [helper.make_opsetid("", 17)]
    pair = [
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("a", TensorProto.FLOAT, [64, 64]),
    ]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("MatMul", ["a", "a"], ["b"]),
        ],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), *pair],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, [64, 64]),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["count", "yes", "x"], ["y"], body=body)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [64, 64])],
        [
            numpy_helper.from_array(np.array(1_000_000), "count"),
            numpy_helper.from_array(np.array(True), "yes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.save(model, tmp_path / "slow.onnx")
    return Session(tmp_path / "slow.onnx")


def test_a_run_ends_soon_after_its_deadline(slow):
    """The next run is not disturbed by the one that was ended."""
    given = {"x": np.zeros((64, 64), np.float32)}
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(Problem) as problem:
            slow.run(given, seconds=0.2)
        assert problem.value.code == "deadline_exceeded"
        assert time.monotonic() - started < 2


def test_the_earliest_deadline_comes_first():
    """Whatever the order in which the watches began."""
    dog, order, done = Watchdog(), [], threading.Event()
    dog.watch(0.3, done.set)
    dog.watch(0.2, lambda: order.append("later"))
    dog.watch(0.1, lambda: order.append("sooner"))
    assert done.wait(5)
    assert order == ["sooner", "later"]


def test_what_was_dropped_is_not_ended():
    """Thousands of runs that end in time leave nothing behind."""
    dog, ended, done = Watchdog(), [], threading.Event()
    for _ in range(5_000):
        dog.drop(dog.watch(0.05, lambda: ended.append(1)))
    dog.watch(0.2, done.set)
    assert done.wait(5)
    assert ended == []
    assert len(dog._heap) < 1_500
