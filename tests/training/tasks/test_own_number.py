"""A number of an own table: amounts, counts and quantiles, the whole way."""

import json

import numpy as np
import pytest

from hotseat_registry import Reference
from hotseat_serve.kinds.explain import explain
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train import tasks
from hotseat_train.compression import variants
from hotseat_train.errors import DatasetError, RunError, TrainError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.pipeline.train import train
from hotseat_train.tasks.own_number import OwnNumber, chosen
from hotseat_train.tasks.own_table import OwnTable

SHAPES = {
    "number": lambda mean, rng: 3 * mean - 20 + rng.normal(0, 1, len(mean)),
    "count": lambda mean, rng: rng.poisson(mean),
    "amount": lambda mean, rng: np.round(
        rng.poisson(mean / 4) * rng.exponential(mean * 2), 2
    ),
    "quantile:0.9": lambda mean, rng: mean * rng.exponential(1, len(mean)),
}


def table(folder, objective, count=1200):
    """Write players whose number rises with hours, in one country more."""
    rng = np.random.default_rng(0)
    hours, level = rng.gamma(2, 2, count), rng.integers(1, 60, count)
    country = rng.choice(["de", "fr", "cn"], count)
    y = SHAPES[objective](hours + 2 * (country == "cn"), rng)
    lines = ["hours,level,country,y"]
    lines += [f"{h:.3f},{v},{c},{t}" for h, v, c, t in
              zip(hours, level, country, y, strict=True)]  # fmt: skip
    path = folder / "players.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("objective", SHAPES)
@pytest.mark.parametrize("family", ["blend", "linear"])
def test_a_number_is_trained_measured_published_and_served(
    objective, family, tmp_path, registry
):
    """The service answers what the model predicts, better than the simplest rule."""
    path = table(tmp_path, objective)
    task = OwnNumber(
        path=path, target="y", name="players", objective=objective, family=family
    )
    run = train(task, task.plan_of({}), tmp_path / "run")
    with pytest.raises(RunError, match="publish"):
        variants.make(run)
    manifest = write(run, evaluate(run))
    metrics = manifest.variants[0].metrics
    low, high = metrics["interval"]
    assert 0.05 < low <= metrics["quality"] <= high <= 1
    if objective.startswith("quantile"):
        assert 0.8 < metrics["share_below"] < 0.97
    assert "D2" in manifest.card
    assert "| hours | number |" in manifest.card
    assert json.loads(run.record.read_bytes())["table"]["objective"] == objective
    assert tasks.of(run.read()).loss == task.loss
    publish(run, registry, by="ada")
    settings = Settings(cache=str(tmp_path / "cache"))
    model = ModelCache(registry, settings).get(Reference("players", version=1))
    few, many = model.predict([
        {"hours": 1, "level": 9, "country": "de"},
        {"hours": 12, "level": 9, "country": "de"},
    ])  # fmt: skip
    assert few["value"] < many["value"]
    assert model.predict([{"country": "atlantis"}])[0]["value"] is not None
    row = {"hours": 1, "level": 9, "country": "de"}
    parts = explain(manifest.signature, row, model.predict)["parts"]
    assert {part["part"] for part in parts} == {"hours", "level", "country"}


@pytest.mark.parametrize(
    ("objective", "guess"),
    [("number", "number"), ("count", "count"), ("amount", "amount")],
)
def test_the_objective_is_chosen_by_the_values_and_said(objective, guess, tmp_path):
    """A note says which, and how to learn labels instead."""
    path, notes = table(tmp_path, objective), []
    task = OwnTable(path=path, target="y", name="players")
    found = chosen(task, None, notes.append)
    assert found.objective == guess
    assert "--objective label" in notes[0]
    assert chosen(task, "label", notes.append) is task


def test_what_is_for_labels_is_refused(tmp_path):
    """Families, balance, cross-validation, negative counts, levels outside 0 to 1."""
    path = table(tmp_path, "number")
    task = OwnNumber(path=path, target="y", name="players")
    with pytest.raises(TrainError, match="of numbers there are: blend, trees, linear"):
        task.choose("svm")
    with pytest.raises(TrainError, match="is for labels"):
        task.with_rows("a search")
    for fields, says in (
        ({"balance": True}, "--balance is for labels"),
        ({"objective": "count"}, "for numbers of 0 or more"),
        ({"objective": "quantile:2"}, "a level between 0 and 1"),
    ):
        with pytest.raises(DatasetError, match=says):
            OwnNumber(path=path, target="y", name="players", **fields).dataset()
