"""Trees of labels and of numbers split categories by sets; the graph answers alike."""

import json

import numpy as np
import onnx
import pytest

from hotseat_registry import Field
from hotseat_serve.runtime.session import Session
from hotseat_serve.shapley.graph_nodes import FIELDS
from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.families import learner
from hotseat_train.models.tables.number_learner import NumberLearner
from hotseat_train.models.tables.number_losses import NumberLoss
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.optim.loop import Plan

PLAN = Plan("adam", learning_rate=0.01)
ZONES = [f"zone {at}" for at in range(40)]
ASKED = ({"hours": 3.0, "zone": "nowhere"}, {"hours": 3.0, "zone": "zone 7"})


def rows(count, seed):
    """Players whose zone decides by its number's parity, and a value of each."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for _ in range(count):
        zone, hours = int(rng.integers(40)), float(rng.integers(1, 50))
        inputs.append({"hours": hours, "zone": ZONES[zone]})
        targets.append(5.0 * (zone % 2) + hours / 50 + rng.normal() * 0.1)
    return inputs, np.array(targets)


@pytest.fixture(scope="module")
def sides():
    """Training and validation rows with numbers as targets."""
    inputs, numbers = rows(2600, 0)
    whole = Split(tuple(inputs), tuple(numbers.tolist()))
    return whole.pick(range(2100)), whole.pick(range(2100, 2600))


def labelled(split):
    """The same rows, with the label of a high value."""
    return Split(split.inputs, tuple(int(value > 2.5) for value in split.targets))


def served(model, table, inputs, path):
    """The exported graph's only output."""
    model.export(path)
    (found,) = Session(path).run(table.tensors(inputs)).values()
    return np.asarray(found)


def test_labels(sides, tmp_path):
    """From two thousand rows on; explanations know the sets' category."""
    train, held = map(labelled, sides)
    table = Preprocessor((Field("hours", default=0),), (Field("zone", "category", ""),),
                         train)  # fmt: skip
    model = learner("trees", table, 2, 0, {"n_estimators": 20})
    model.fit(train, held, PLAN)
    path = tmp_path / "model.onnx"
    found = served(model, table, [*held.inputs, *ASKED], path)
    want = model.probabilities((*held.inputs, *ASKED))
    np.testing.assert_allclose(found, want, atol=1e-6)
    assert (want[:-2].argmax(1) == held.targets).mean() > 0.95
    graph = onnx.load(path)
    fields = json.loads({p.key: p.value for p in graph.metadata_props}[FIELDS])
    (trees,) = [n for n in graph.graph.node if n.op_type == "TreeEnsembleClassifier"]
    used = next(a.ints for a in trees.attribute if a.name == "nodes_featureids")
    assert len(fields) > table.columns
    assert max(used) < len(fields)
    assert {tuple(name) for name in fields[table.columns :]} == {("zone",)}


def test_few_rows_have_columns_alone(sides):
    """And the setting decides otherwise; an unknown one is refused."""
    train, held = (labelled(side).pick(range(400)) for side in sides)
    table = Preprocessor((Field("hours", default=0),), (Field("zone", "category", ""),),
                         train)  # fmt: skip
    for how, width in (("auto", 0), ("columns", 0), ("sets", 1)):
        settings = {"n_estimators": 5, "categories": how, "min_child_samples": 2}
        model = learner("trees", table, 2, 0, settings)
        model.fit(train, held, PLAN)
        inner = [n.name for n in model.part().graph.initializer if "sets" in n.name]
        assert len(inner) == width
    with pytest.raises(DatasetError, match="expected auto, sets, columns"):
        learner("trees", table, 2, 0, {"categories": "all"})


def test_numbers(sides, tmp_path):
    """The value of the graph is that of the model."""
    train, held = sides
    binned = Split(train.inputs, labelled(train).targets)
    table = Preprocessor((Field("hours", default=0),), (Field("zone", "category", ""),),
                         binned)  # fmt: skip
    model = NumberLearner(table, "trees", NumberLoss("number"), 0)
    model.fit(train, held, PLAN)
    found = served(model, table, [*held.inputs, *ASKED], tmp_path / "model.onnx")
    want = model.probabilities((*held.inputs, *ASKED))[:, 0]
    np.testing.assert_allclose(found, want, atol=1e-5)
    assert np.abs(want[:-2] - np.array(held.targets)).mean() < 0.5
