"""Labels in an order: learned as one, measured by steps, served as labels."""

import random

import pytest

from hotseat_registry import Reference
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.errors import DatasetError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.tasks.own_number import chosen
from hotseat_train.testing import own_table

RANKS = ("iron", "silver", "gold", "diamond")


def ranked(count=400):
    """Players whose rank follows their rating."""
    rng = random.Random(3)
    rows = []
    for _ in range(count):
        rating = rng.gauss(0, 1)
        place = sum(rating + rng.gauss(0, 0.4) > edge for edge in (-0.7, 0.2, 1.0))
        rows.append(
            {"rating": round(rating, 3), "noise": rng.randint(0, 9),
             "churned": RANKS[place]}
        )  # fmt: skip
    return rows


@pytest.mark.parametrize("family", ["blend", "logistic"])
def test_an_order_goes_the_whole_way(family, tmp_path, registry):
    """The graph answers as the model; labels are in their order; the card has steps."""
    task, notes = own_table(tmp_path, ranked(), family=family)
    task = chosen(task, f"ordinal:{'<'.join(RANKS)}", notes.append)
    run = train(task, task.plan_of({}), tmp_path / "run")
    assert "churned has the order iron < silver < gold < diamond" in notes
    record = run.read()
    assert tasks.of(record).order == RANKS
    manifest = write(run, evaluate(run))
    assert manifest.signature.labels == RANKS
    metrics = manifest.variants[0].metrics
    assert metrics["parity_difference"] < 1e-3
    steps = metrics["order"]
    assert steps["mean_steps_off"] < 0.6 * steps["best_constant_steps_off"]
    assert steps["quadratic_kappa"] > 0.6
    published = publish(run, registry, by="ada", report=lambda _line: None)
    assert "The labels have an order" in published.card
    settings = Settings(cache=str(tmp_path / "cache"))
    model = ModelCache(registry, settings).get(Reference("players", version=1))
    low, high = model.predict([{"rating": -3, "noise": 1}, {"rating": 3, "noise": 1}])
    assert (low["label"], high["label"]) == ("iron", "diamond")
    assert sum(low["scores"].values()) == pytest.approx(1, abs=1e-4)
    assert min(*low["scores"].values(), *high["scores"].values()) >= 0


@pytest.mark.parametrize(
    ("objective", "says"),
    [
        ("ordinal", "'diamond' is no number, so its place in the order is unknown"),
        ("ordinal:iron<gold", "expected each of them once"),
        ("ordinal:", "LOWEST<...<HIGHEST"),
        ("ordinals", "LOWEST<...<HIGHEST"),
    ],
)
def test_an_unknown_order_is_refused(objective, says, tmp_path):
    """The message names the labels, or how to write an order."""
    task, _ = own_table(tmp_path, ranked(200))
    with pytest.raises(DatasetError, match=says):
        chosen(task, objective, lambda _remark: None).dataset()
