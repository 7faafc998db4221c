"""Families of models for tables, trained, exported and served."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from hotseat_registry import Field, Manifest, Variant
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.compression.quantize import dynamic
from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.families import learner, names
from hotseat_train.models.tables.network import NetworkLearner
from hotseat_train.models.tables.preprocessing import Preprocessor, answers
from hotseat_train.optim.loop import Plan

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


@pytest.mark.parametrize("family", names())
def test_every_family_learns_exports_and_serves(family, tmp_path):
    """What the graph answers through the service is better than chance by far."""
    table = Preprocessor(NUMBERS, WORDS, TRAIN)
    model = learner(family, table, 2, 0)
    plan = Plan("adam", learning_rate=0.01, batch_size=64, max_epochs=30)
    state = model.fit(TRAIN, TEST, plan)
    path = tmp_path / "model.onnx"
    model.export(path)
    signature = table.signature(("stays", "leaves"))
    manifest = Manifest(
        model="churn", kind="classification", signature=signature,
        variants=(Variant("fp32", "model.onnx"),), default_variant="fp32",
    )  # fmt: skip
    loaded = LoadedModel(manifest, "fp32", Session(path))
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


@pytest.mark.parametrize("family", ["logistic", "mlp", "blend"])
def test_a_network_of_a_table_can_be_made_int8(family, tmp_path):
    """Each domain is imported once, or the quantizer refuses the graph."""
    table = Preprocessor(NUMBERS, WORDS, TRAIN)
    model = learner(family, table, 2, 0)
    model.fit(TRAIN, TEST, Plan("adam", 0.01, batch_size=64, max_epochs=2))
    whole, small = tmp_path / "model.onnx", tmp_path / "small.onnx"
    model.export(whole)
    domains = [item.domain for item in onnx.load(whole).opset_import]
    assert len(domains) == len(set(domains))
    dynamic(whole, small)
    given = table.tensors(TEST.inputs)
    want, found = (Session(path).run(given)["scores"] for path in (whole, small))
    assert np.abs(want - found).max() < 0.1


def test_the_same_seed_gives_the_same_model():
    """Fitted twice, the losses are the same to the last bit."""
    table = Preprocessor(NUMBERS, WORDS, TRAIN)
    plan = Plan("sgd", learning_rate=0.05, momentum=0.9, batch_size=64, max_epochs=3)
    curves = [
        NetworkLearner(table, 2, 7, 8).fit(TRAIN, TEST, replace(plan)).curve
        for _ in range(2)
    ]
    assert curves[0] == curves[1]


def test_gradient_descent_lowers_the_same_loss():
    """The whole data a step, or a batch a step: both fall on the same data."""
    table = Preprocessor(NUMBERS, WORDS, TRAIN)
    for optimizer, rate in (("gd", 0.5), ("sgd", 0.05), ("adam", 0.01)):
        plan = Plan(optimizer, learning_rate=rate, momentum=0.9, max_epochs=15)
        curve = NetworkLearner(table, 2, 0, 0).fit(TRAIN, TEST, plan).curve
        assert curve[-1].train_loss < 0.8 * curve[0].train_loss


def test_a_blend_answers_the_weighted_mean_of_its_members():
    """Each is fitted as it would be alone, from the same seed."""
    table = Preprocessor(NUMBERS, WORDS, TRAIN)
    plan = Plan("adam", learning_rate=0.01, batch_size=64, max_epochs=3)
    names = ("logistic", "svm-linear", "trees")
    made = {name: learner(name, table, 2, 3) for name in names}
    made["blend"] = learner("blend", table, 2, 3, {"members": names})
    said = {}
    for name, model in made.items():
        model.fit(TRAIN, TEST, plan)
        said[name] = answers(model.part(), table, TEST)
    weights = made["blend"].weights
    assert weights.sum() == pytest.approx(1)
    mean = sum(w * said[name] for w, name in zip(weights, names, strict=True))
    np.testing.assert_allclose(said["blend"], mean, atol=1e-6)


@pytest.mark.parametrize("family", names())
def test_a_row_of_no_weight_is_not_learned_from(family):
    """Rows whose labels are turned round do nothing where they weigh nothing."""
    table = Preprocessor(NUMBERS, WORDS, TRAIN)
    turned = Split(TRAIN.inputs, tuple(1 - target for target in TRAIN.targets))
    both = replace(TRAIN + turned, weights=(1.0,) * len(TRAIN) + (1e-6,) * len(turned))
    model = learner(family, table, 2, 0)
    model.fit(both, TEST, Plan("adam", 0.01, batch_size=64, max_epochs=20))
    predicted = model.probabilities(TEST.inputs).argmax(1)
    assert np.mean(predicted == np.array(TEST.targets)) > 0.8


def test_a_network_embeds_categories_and_its_graph_answers_alike():
    """Fewer weights than one-hot columns, also for an unknown value."""
    random = np.random.default_rng(0)
    zones = [f"zone {at}" for at in range(30)]
    effect = dict(zip(zones, random.normal(size=30), strict=True))
    inputs = tuple(
        {"hours": float(random.integers(0, 50)), "days": 1.0,
         "race": str(random.choice(zones))}
        for _ in range(900)
    )  # fmt: skip
    targets = tuple(
        int(effect[row["race"]] + random.normal() * 0.3 > 0) for row in inputs
    )
    split = Split(inputs, targets)
    train, held = split.pick(range(700)), split.pick(range(700, 900))
    table = Preprocessor(NUMBERS, WORDS, train)
    plan = Plan("adam", learning_rate=0.01, batch_size=64, max_epochs=30)
    found = {}
    for embedded in (6, 0):
        settings = {"hidden": 32, "embedded": embedded}
        model = learner("mlp", table, 2, 0, settings)
        model.fit(train, held, plan)
        said = model.probabilities((*held.inputs, {"hours": 1, "race": "nowhere"}))
        asked = Split((*held.inputs, {"hours": 1, "race": "nowhere"}), (0,) * 201)
        np.testing.assert_allclose(answers(model.part(), table, asked), said, atol=1e-5)
        weights = sum(parameter.numel() for parameter in model.module.parameters())
        found[embedded] = weights, (said[:-1].argmax(1) == held.targets).mean()
    assert found[6][0] < found[0][0]
    assert found[6][1] > 0.8
