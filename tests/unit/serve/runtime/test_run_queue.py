"""Micro-batching: which runs are joined, and that nobody sees it in an answer."""

import threading
import time

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from small_models import constant, graph, node, value

from hotseat_registry import Input, Manifest, Output, Signature, Variant
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.batch_rule import BatchRule, NotBatchableError, Part, rule_of
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.run_queue import TRIALS, RunQueue
from hotseat_serve.runtime.session import Session

INT, F = TensorProto.INT64, TensorProto.FLOAT
TABLE = np.arange(300, dtype=np.float32).reshape(100, 3)


class Counted:
    """A session that counts its runs and the rows of each."""

    def __init__(self, session):
        self._session, self.rows = session, []
        self.inputs, self.output_types = session.inputs, session.output_types

    def run(self, tensors, outputs=None, *, seconds=None):
        self.rows.append(len(next(iter(tensors.values()))))
        return self._session.run(tensors, outputs, seconds=seconds)


class Held:
    """A run that lasts until it is let go."""

    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def run_alone(self, *_):
        self.begun.set()
        self.go.wait(20)
        return {}


def loaded(tmp_path, nodes, kind="tensor", inner=(-1, 2), constants=()):
    """An open model of ids [n, k] with these nodes."""
    path = tmp_path / "model.onnx"
    shape = ["n", inner[1] if inner[1] > 0 else "k"]
    model = graph(nodes, [value("ids", INT, shape)],
                  [value("scores", F, ["n", *([None] * (len(inner) - 1)), 3])],
                  [constant("table", TABLE), *constants])  # fmt: skip
    onnx.save(model, path)
    session = Session(path)
    manifest = Manifest(
        model="m",
        kind=kind,
        signature=Signature(
            inputs=(Input("ids", "INT64", inner, "tensor"),),
            outputs=(Output("scores", *session.output_types["scores"]),),
        ),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )
    return LoadedModel(manifest, "fp32", Counted(session), graph=path)


def gather(name="scores"):
    return node("Gather", ["table", "ids"], [name])


def at_once(queue, model, inputs, seconds=None):
    """Run these while the only place is held, so that all of them wait together."""
    held = Held()
    first = threading.Thread(target=queue.run, args=(held, {}, None, None))
    first.start()
    held.begun.wait(20)
    outcomes = [None] * len(inputs)

    def ask(at):
        try:
            outcomes[at] = model.session.run({"ids": inputs[at]}, seconds=seconds)
        except Problem as problem:
            outcomes[at] = problem

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(inputs))]
    for thread in threads:
        thread.start()
    while seconds is None and len(queue._waiting) < len(inputs):
        time.sleep(0.001)
    if seconds is not None:
        for thread in threads:
            thread.join()
    held.go.set()
    for thread in [first, *threads]:
        thread.join()
    assert queue._running == 0
    assert not queue._waiting
    return outcomes


def ids(*rows):
    return np.array(rows, np.int64).reshape(len(rows), -1)


@pytest.fixture
def queue():
    return RunQueue(parallel=1, max_rows=8)


def trusted(queue, model):
    """Pass the trials."""
    queue.attach(model)
    for _ in range(TRIALS):
        at_once(queue, model, [ids([1, 2]), ids([3, 4])])
    return model.session._session


def test_a_run_that_finds_a_place_runs_alone(tmp_path, queue):
    model = loaded(tmp_path, [gather()])
    counted = model.session
    queue.attach(model)
    outputs = model.session.run({"ids": ids([5, 6])})
    assert counted.rows == [1]
    np.testing.assert_array_equal(outputs["scores"][0], TABLE[[5, 6]])


def test_waiting_runs_are_joined_and_answers_stay(tmp_path, queue):
    model = loaded(tmp_path, [gather()])
    counted = trusted(queue, model)
    counted.rows.clear()
    inputs = [ids([at, at + 1]) for at in range(12)]
    for given_ids, outputs in zip(inputs, at_once(queue, model, inputs), strict=True):
        np.testing.assert_array_equal(outputs["scores"], TABLE[given_ids])
    assert sorted(counted.rows) == [4, 8]


def test_other_shapes_and_outputs_are_not_joined(tmp_path, queue):
    model = loaded(tmp_path, [gather()], inner=(-1, -1))
    counted = trusted(queue, model)
    counted.rows.clear()
    at_once(queue, model, [ids([1, 2]), ids([1, 2, 3]), ids([4, 5])])
    assert sorted(counted.rows) == [1, 2]


def test_an_error_of_one_is_its_own(tmp_path, queue):
    model = loaded(tmp_path, [gather()])
    trusted(queue, model)
    inputs = [ids([at, 1]) for at in range(7)]
    inputs[3] = ids([1000, 1])
    outcomes = at_once(queue, model, inputs)
    assert [isinstance(outcome, Problem) for outcome in outcomes] == [
        at == 3 for at in range(7)
    ]
    assert outcomes[3].code == "invalid_input"
    np.testing.assert_array_equal(outcomes[6]["scores"][0], TABLE[[6, 1]])


def test_rows_that_depend_on_each_other_are_never_joined(tmp_path, queue, caplog):
    """A softmax over the rows: the first comparison shows it, and nobody got it."""
    model = loaded(tmp_path, [gather("x"), node("Softmax", ["x"], ["scores"], axis=0)])
    alone = model.session.run({"ids": ids([7, 8])})["scores"]
    queue.attach(model)
    for outputs in at_once(queue, model, [ids([7, 8]), ids([9, 10])]):
        np.testing.assert_array_equal(outputs["scores"], alone)
    assert "a row's outputs depend on the other rows" in caplog.text
    assert model.session.rule is None


def test_equal_inputs_prove_nothing(tmp_path, queue):
    model = loaded(tmp_path, [gather()])
    queue.attach(model)
    for _ in range(2 * TRIALS):
        at_once(queue, model, [ids([7, 8]), ids([7, 8])])
    assert model.session._trials == TRIALS


def test_a_scale_over_all_rows_is_refused(tmp_path, queue, caplog):
    nodes = [gather("x"), node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
             node("DequantizeLinear", ["q", "s", "z"], ["scores"])]  # fmt: skip
    model = loaded(tmp_path, nodes)
    queue.attach(model)
    assert model.session.rule is None
    assert "DynamicQuantizeLinear rounds by the largest number" in caplog.text


@pytest.mark.parametrize("kind", ["policy", "generation"])
def test_kinds_that_repeat_answers_are_refused(tmp_path, kind):
    model = loaded(tmp_path, [gather()], kind)
    with pytest.raises(NotBatchableError):
        rule_of(model.manifest, model.session, {}, None, 8)


def test_a_deadline_ends_the_wait(tmp_path, queue):
    model = loaded(tmp_path, [gather()])
    queue.attach(model)
    (outcome,) = at_once(queue, model, [ids([1, 2])], seconds=0.01)
    assert outcome.code == "deadline_exceeded"


PADDED = BatchRule(64, None, {"ids": 9, "mask": 0}, frozenset({"each"}))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1))
def test_joined_tokens_are_padded_and_split_again(sizes):
    runs = [
        {
            "ids": np.full((rows, length), at + 10),
            "mask": np.ones((rows, length), np.int64),
        }
        for at, (rows, length) in enumerate(sizes)
    ]
    parts = [PADDED.part(run) for run in runs]
    assert parts == [Part(*size) for size in sizes]
    joined = PADDED.join(runs)
    assert ((joined["ids"] == 9) == (joined["mask"] == 0)).all()
    outputs = {"each": joined["ids"], "whole": joined["ids"].max(1)}
    for run, own in zip(runs, PADDED.split(outputs, parts), strict=True):
        np.testing.assert_array_equal(own["each"], run["ids"])
        np.testing.assert_array_equal(own["whole"], run["ids"].max(1))
