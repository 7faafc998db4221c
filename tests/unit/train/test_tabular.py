"""Tables: the graph sees what the table sees, in every family of models."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import Field, Manifest, Output, Signature, Variant
from hotseat_serve.load import Loaded
from hotseat_serve.session import Session
from hotseat_train.dataset import Split
from hotseat_train.fit import Plan
from hotseat_train.tabular import (
    FAMILIES,
    EstimatorLearner,
    NetworkLearner,
    Table,
)

NUMBERS = (Field("hours", default=0, minimum=0), Field("days", default=0, minimum=0))
WORDS = (Field("race", "category", default="unknown"),)


def rows(count, seed):
    """Players who leave when they play little; orcs a little later."""
    random = np.random.default_rng(seed)
    made, targets = [], []
    for _ in range(count):
        hours, days = float(random.integers(0, 50)), float(random.integers(0, 9))
        race = str(random.choice(["elf", "orc", "unknown"]))
        made.append({"hours": hours, "days": days, "race": race})
        targets.append(int(hours + 5 * (race == "orc") + random.normal() * 5 < 20))
    return Split(tuple(made), tuple(targets))


TRAIN, TEST = rows(400, 0), rows(200, 1)


def learner(family, table):
    """A fresh model of that family."""
    if family in {"trees", "svm"}:
        return EstimatorLearner(table, family, 0)
    return NetworkLearner(table, 2, 0, 16 if family == "mlp" else 0)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "hours": st.floats(0, 1e6, width=32),
                "days": st.floats(0, 1e6, width=32),
                "race": st.sampled_from(["elf", "orc", "unknown", "dragon", ""]),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_graph_computes_what_the_table_computes(tmp_path_factory, given_rows):
    """Numbers and words become the same columns; an unknown word becomes zeros."""
    path = tmp_path_factory.getbasetemp() / "table.onnx"
    table = Table(NUMBERS, WORDS, TRAIN)
    if not path.exists():
        onnx.save(table.graph(), path)
    numbers = np.array([[r["hours"], r["days"]] for r in given_rows], np.float32)
    words = np.array([[r["race"]] for r in given_rows], object)
    (x,) = Session(path).run({"numbers": numbers, "words": words}).values()
    np.testing.assert_allclose(x, table.encode(given_rows), rtol=1e-4, atol=1e-5)
    for row, line in zip(given_rows, x, strict=True):
        known = row["race"] in {"elf", "orc", "unknown"}
        assert line[-3:].sum() == float(known)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_exports_and_serves(family, tmp_path):
    """What the graph answers through the service is better than chance by far."""
    table = Table(NUMBERS, WORDS, TRAIN)
    model = learner(family, table)
    plan = Plan("adam", learning_rate=0.01, batch_size=64, max_epochs=30)
    state = model.fit(TRAIN, TEST, plan)
    path = tmp_path / "model.onnx"
    model.export(path)
    signature = Signature(table.inputs, (Output("scores", "FP32", (-1, 2)),),
                          labels=("stays", "leaves"))  # fmt: skip
    manifest = Manifest(
        model="churn", kind="classification", signature=signature,
        variants=(Variant("fp32", "model.onnx"),), default_variant="fp32",
    )  # fmt: skip
    loaded = Loaded(manifest, "fp32", Session(path))
    answers = loaded.predict(list(TEST.inputs))
    right = [
        (answer["label"] == "leaves") == bool(target)
        for answer, target in zip(answers, TEST.targets, strict=True)
    ]
    assert np.mean(right) > 0.8
    losses = [
        -np.log(answer["scores"][("stays", "leaves")[target]])
        for answer, target in zip(answers, TEST.targets, strict=True)
    ]
    assert np.mean(losses) == pytest.approx(state.best_epoch.validation_loss, abs=2e-3)
    # a player of whom little is known is answered by the defaults
    assert loaded.predict([{"hours": 3, "race": "dragon"}])[0]["label"]


def test_the_same_seed_gives_the_same_model():
    """Fitted twice, the losses are the same to the last bit."""
    table = Table(NUMBERS, WORDS, TRAIN)
    plan = Plan("sgd", learning_rate=0.05, momentum=0.9, batch_size=64, max_epochs=3)
    curves = [
        NetworkLearner(table, 2, 7, 8).fit(TRAIN, TEST, replace(plan)).curve
        for _ in range(2)
    ]
    assert curves[0] == curves[1]


def test_gradient_descent_lowers_the_same_loss():
    """The whole data a step, or a batch a step: both fall on the same data."""
    table = Table(NUMBERS, WORDS, TRAIN)
    for optimizer, rate in (("gd", 0.5), ("sgd", 0.05), ("adam", 0.01)):
        plan = Plan(optimizer, learning_rate=rate, momentum=0.9, max_epochs=15)
        curve = NetworkLearner(table, 2, 0, 0).fit(TRAIN, TEST, plan).curve
        assert curve[-1].train_loss < 0.8 * curve[0].train_loss
